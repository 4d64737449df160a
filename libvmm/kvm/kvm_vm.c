/* SPDX-License-Identifier: ISC */
/*
 * A VM as KVM sees it: its descriptor, memory slots, chips and clock.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../handle.h"
#include "kvm.h"

#define IOAPIC_BASE 0xfec00000U
#define IOAPIC_MASKED (1U << 16)
#define PIT_MODE_UNSET 0xff /* KVM's word for "not programmed" */
#define PIT_COUNT_MAX 0x10000

int
kvm_vm_fd(const struct vm *vm)
{
	const struct kvm_vm *kv = vm->priv;

	return kv->fd;
}

/*
 * What a VM needs before its first vCPU; only VMX without real mode uses it.
 * EINVAL: it has vCPUs, so whoever made them has seen to it.
 */
static int
kvm_vm_place_pages(int fd)
{
	uint64_t identity = KVM_IDENTITY_PAGE;

	if (ioctl(fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) == -1)
		return errno == EINVAL ? 0 : -1;
	return ioctl(fd, KVM_SET_TSS_ADDR, KVM_TSS_PAGES);
}

/* Whether fd is a VM that this process made (EIO: another one did). */
static int
kvm_vm_check(int fd)
{
	struct kvm_clock_data clock;

	if (ioctl(fd, KVM_GET_CLOCK, &clock) == 0)
		return 0;
	if (errno == EINVAL) /* another descriptor of KVM's */
		errno = ENOTTY;
	return -1;
}

int
kvm_vm_create(struct vm *vm, int fd, int vm_fd)
{
	struct kvm_vm *kv;
	int size, err;

	kv = calloc(1, sizeof(*kv));
	if (kv == NULL)
		return -1;
	kv->fd = kv->vfio_fd = -1;
	size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run)) {
		if (size >= 0)
			errno = EPROTO;
		goto fail;
	}
	kv->run_size = (size_t)size;
	if (kvm_cpuid_get(fd, &vm->cpuid) == -1)
		goto fail;
	kv->fd = vm_fd != -1 ? vm_fd : ioctl(fd, KVM_CREATE_VM, 0);
	if (kv->fd == -1 || (vm_fd != -1 && kvm_vm_check(vm_fd) == -1) ||
	    kvm_vm_place_pages(kv->fd) == -1)
		goto fail;
	kv->stats_fd = kvm_stats_open(kv->fd);
	if (kv->stats_fd == -1)
		goto fail;
	vm->priv = kv;
	return 0;
fail:
	err = errno;
	if (kv->fd != -1 && vm_fd == -1)
		close(kv->fd);
	free(kv);
	errno = err;
	return -1;
}

void
kvm_vm_destroy(struct vm *vm, bool close_fd)
{
	struct kvm_vm *kv = vm->priv;

	if (kv->vfio_fd != -1)
		close(kv->vfio_fd);
	kvm_stats_close(kv->stats_fd);
	if (close_fd)
		close(kv->fd);
	free(kv);
}

int
kvm_vm_make_chips(struct vm *vm)
{
	/* The dummy speaker answers port 0x61, by which kernels read the
	 * PIT's second channel while they calibrate, without an exit. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int fd = kvm_vm_fd(vm);

	/* EEXIST: an earlier call got this far and failed at the PIT, or
	 * whoever made the VM's descriptor made the chips, too. */
	if (ioctl(fd, KVM_CREATE_IRQCHIP, 0) == -1 && errno != EEXIST)
		return -1;
	if ((vm->params.flags & VM_PIT) == 0)
		return 0;
	if (ioctl(fd, KVM_CREATE_PIT2, &pit) == -1 && errno != EEXIST)
		return -1;
	return 0;
}

static int
kvm_vm_reset_pic(int fd, uint32_t chip_id)
{
	struct kvm_irqchip chip = { .chip_id = chip_id };
	uint8_t elcr_mask;

	if (ioctl(fd, KVM_GET_IRQCHIP, &chip) == -1)
		return -1;
	elcr_mask = chip.chip.pic.elcr_mask;
	memset(&chip.chip, 0, sizeof(chip.chip));
	chip.chip.pic.elcr_mask = elcr_mask;
	return ioctl(fd, KVM_SET_IRQCHIP, &chip);
}

static int
kvm_vm_reset_ioapic(int fd)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int i;

	chip.chip.ioapic.base_address = IOAPIC_BASE;
	for (i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		chip.chip.ioapic.redirtbl[i].bits = IOAPIC_MASKED;
	return ioctl(fd, KVM_SET_IRQCHIP, &chip);
}

static int
kvm_vm_reset_pit(int fd)
{
	struct kvm_pit_state2 pit = { 0 };
	int i;

	for (i = 0; i < 3; i++) {
		pit.channels[i].mode = PIT_MODE_UNSET;
		pit.channels[i].gate = i != 2;
		pit.channels[i].count = PIT_COUNT_MAX;
	}
	return ioctl(fd, KVM_SET_PIT2, &pit);
}

int
kvm_vm_reset_chips(struct vm *vm)
{
	int fd = kvm_vm_fd(vm);

	if (kvm_vm_reset_pic(fd, KVM_IRQCHIP_PIC_MASTER) == -1 ||
	    kvm_vm_reset_pic(fd, KVM_IRQCHIP_PIC_SLAVE) == -1 ||
	    kvm_vm_reset_ioapic(fd) == -1)
		return -1;
	if ((vm->params.flags & VM_PIT) == 0)
		return 0;
	return kvm_vm_reset_pit(fd);
}

int
kvm_slot_set(struct vm *vm, const struct memmap_region *region)
{
	struct kvm_userspace_memory_region r = {
		.slot = region->slot,
		.flags = (region->prot & VMM_PROT_WRITE) ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = region->gpa,
		.memory_size = region->len,
		.userspace_addr = (uintptr_t)region->host,
	};

	if (region->dirty_log)
		r.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	return ioctl(kvm_vm_fd(vm), KVM_SET_USER_MEMORY_REGION, &r);
}

int
kvm_slot_clear(struct vm *vm, const struct memmap_region *region)
{
	struct kvm_userspace_memory_region r = {
		.slot = region->slot,
		.guest_phys_addr = region->gpa,
	};

	return ioctl(kvm_vm_fd(vm), KVM_SET_USER_MEMORY_REGION, &r);
}

int
kvm_slot_dirty_get(
    struct vm *vm, const struct memmap_region *region, uint64_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = region->slot,
		.dirty_bitmap = bitmap };

	return ioctl(kvm_vm_fd(vm), KVM_GET_DIRTY_LOG, &log);
}

int
kvm_vm_clock_get(struct vm *vm, uint64_t *ns)
{
	struct kvm_clock_data clock = { 0 };

	if (ioctl(kvm_vm_fd(vm), KVM_GET_CLOCK, &clock) == -1)
		return -1;
	*ns = clock.clock;
	return 0;
}

int
kvm_vm_clock_set(struct vm *vm, uint64_t ns)
{
	struct kvm_clock_data clock = { .clock = ns };

	return ioctl(kvm_vm_fd(vm), KVM_SET_CLOCK, &clock);
}
