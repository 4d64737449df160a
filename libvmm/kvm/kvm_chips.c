/* SPDX-License-Identifier: ISC */
/*
 * The chips whole, as KVM gives them: a header that says of what VM they are,
 * the shared chips, and a LAPIC per vCPU.  Used while no vCPU runs.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define CHIPS_MAGIC 0x70696843U
#define CHIPS_VERSION 1
#define SHARED_CHIPS 3

struct kvm_chips_head {
	uint32_t magic;
	uint32_t version;
	uint64_t len;
	uint64_t cpus; /* a bit per vCPU, whose LAPICs follow in order */
	uint64_t clock; /* ns */
	uint32_t flags; /* of the VM */
	uint32_t zero;
	struct kvm_irqchip chip[SHARED_CHIPS];
	struct kvm_pit_state2 pit;
};

struct kvm_chips_cpu {
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
};

/* What has gone into a file stays as it is: another form is another version,
 * and the old ones are taken, too. */
_Static_assert(sizeof(struct kvm_chips_head) == 40 + 3 * 520 + 112, "head");
_Static_assert(sizeof(struct kvm_chips_cpu) == 1024 + 4, "vCPU");

static uint64_t
kvm_chips_cpus(struct vm *vm)
{
	uint64_t set = 0;
	int i;

	for (i = 0; i < VMM_MAX_VCPUS; i++)
		if (atomic_load(&vm->vcpus[i]) != NULL)
			set |= 1ULL << i;
	return set;
}

size_t
kvm_chips_size(struct vm *vm)
{
	return sizeof(struct kvm_chips_head) +
	    (size_t)__builtin_popcountll(kvm_chips_cpus(vm)) *
	    sizeof(struct kvm_chips_cpu);
}

static int
kvm_chips_get_head(struct vm *vm, struct kvm_chips_head *head)
{
	int fd = kvm_vm_fd(vm);
	uint32_t i;

	*head = (struct kvm_chips_head) { .magic = CHIPS_MAGIC,
		.version = CHIPS_VERSION,
		.len = kvm_chips_size(vm),
		.cpus = kvm_chips_cpus(vm),
		.flags = vm->params.flags };
	if (kvm_vm_clock_get(vm, &head->clock) == -1)
		return -1;
	for (i = 0; i < SHARED_CHIPS; i++) {
		head->chip[i].chip_id = i;
		if (ioctl(fd, KVM_GET_IRQCHIP, &head->chip[i]) == -1)
			return -1;
	}
	if ((vm->params.flags & VM_PIT) == 0)
		return 0;
	return ioctl(fd, KVM_GET_PIT2, &head->pit);
}

int
kvm_chips_get(struct vm *vm, void *chips)
{
	uint8_t *at = chips;
	struct kvm_chips_head head;
	struct kvm_chips_cpu cpu;
	struct vcpu *vcpu;
	int i;

	if (kvm_chips_get_head(vm, &head) == -1)
		return -1;
	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu == NULL)
			continue;
		/* First this one: it also takes a pending INIT or SIPI. */
		if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_MP_STATE, &cpu.mp) == -1 ||
		    ioctl(kvm_vcpu_fd(vcpu), KVM_GET_LAPIC, &cpu.lapic) == -1)
			return -1;
		memcpy(at, &cpu, sizeof(cpu));
		at += sizeof(cpu);
	}
	return 0;
}

static int
kvm_chips_set_head(struct vm *vm, const struct kvm_chips_head *head)
{
	int fd = kvm_vm_fd(vm);
	uint32_t i;

	for (i = 0; i < SHARED_CHIPS; i++)
		if (ioctl(fd, KVM_SET_IRQCHIP, &head->chip[i]) == -1)
			return -1;
	if ((vm->params.flags & VM_PIT) == 0)
		return 0;
	return ioctl(fd, KVM_SET_PIT2, &head->pit);
}

int
kvm_chips_set(struct vm *vm, const void *chips, size_t len, uint64_t *clock)
{
	const uint8_t *at = chips;
	struct kvm_chips_head head;
	struct kvm_chips_cpu cpu;
	struct vcpu *vcpu;
	uint32_t i;

	if (len != kvm_chips_size(vm)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&head, at, sizeof(head));
	for (i = 0; i < SHARED_CHIPS && head.chip[i].chip_id == i; i++)
		continue;
	if (head.magic != CHIPS_MAGIC || head.version != CHIPS_VERSION ||
	    head.len != len || head.cpus != kvm_chips_cpus(vm) ||
	    head.flags != vm->params.flags || i != SHARED_CHIPS) {
		errno = EINVAL;
		return -1;
	}
	if (kvm_chips_set_head(vm, &head) == -1)
		return -1;
	at += sizeof(head);
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu == NULL)
			continue;
		memcpy(&cpu, at, sizeof(cpu));
		if (ioctl(kvm_vcpu_fd(vcpu), KVM_SET_LAPIC, &cpu.lapic) == -1 ||
		    ioctl(kvm_vcpu_fd(vcpu), KVM_SET_MP_STATE, &cpu.mp) == -1)
			return -1;
		at += sizeof(cpu);
	}
	*clock = head.clock;
	return 0;
}
