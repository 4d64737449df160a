/* SPDX-License-Identifier: ISC */
/*
 * A vCPU as KVM sees it: its descriptor and shared page, CPUID.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../handle.h"
#include "kvm.h"

int
kvm_vcpu_fd(const struct vcpu *vcpu)
{
	const struct kvm_vcpu *kc = vcpu->priv;

	return kc->fd;
}

/* Whether fd is a vCPU that this process made. */
static int
kvm_vcpu_check(int fd)
{
	struct kvm_mp_state state;

	if (ioctl(fd, KVM_GET_MP_STATE, &state) == 0)
		return 0;
	if (errno == EINVAL) /* another descriptor of KVM's */
		errno = ENOTTY;
	return -1;
}

int
kvm_vcpu_open(struct vcpu *vcpu, int fd)
{
	const struct kvm_vm *kv = vcpu->vm->priv;
	uint32_t khz = vcpu->vm->params.tsc_khz;
	struct kvm_vcpu *kc;
	int err;

	kc = calloc(1, sizeof(*kc));
	if (kc == NULL)
		return -1;
	kc->run_size = kv->run_size;
	kc->run = MAP_FAILED;
	kc->fd = fd != -1
	    ? fd
	    : ioctl(kv->fd, KVM_CREATE_VCPU, (unsigned long)vcpu->id);
	/* Mapping works in any process; this does not (EIO). */
	if (kc->fd == -1 || (fd != -1 && kvm_vcpu_check(fd) == -1))
		goto fail;
	kc->run = mmap(
	    NULL, kc->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, kc->fd, 0);
	if (kc->run == MAP_FAILED)
		goto fail;
	if (khz != 0 && ioctl(kc->fd, KVM_SET_TSC_KHZ, (long)khz) == -1)
		goto fail;
	kc->stats_fd = kvm_stats_open(kc->fd);
	if (kc->stats_fd == -1)
		goto fail;
	vcpu->priv = kc;
	return 0;
fail:
	err = errno;
	if (kc->run != MAP_FAILED)
		munmap(kc->run, kc->run_size);
	if (kc->fd != -1 && fd == -1)
		close(kc->fd);
	free(kc);
	errno = err;
	return -1;
}

void
kvm_vcpu_close(struct vcpu *vcpu, bool close_fd)
{
	struct kvm_vcpu *kc = vcpu->priv;

	munmap(kc->run, kc->run_size);
	kvm_stats_close(kc->stats_fd);
	if (close_fd)
		close(kc->fd);
	free(kc);
}

int
kvm_vcpu_clock_paused(struct vcpu *vcpu)
{
	/* EINVAL: the guest does not use kvm-clock; nothing to tell. */
	if (ioctl(kvm_vcpu_fd(vcpu), KVM_KVMCLOCK_CTRL, 0) == -1 &&
	    errno != EINVAL)
		return -1;
	return 0;
}

int
kvm_cpuid_get(int fd, struct cpuid_set *set)
{
	struct kvm_cpuid2 *c;
	uint32_t i;
	int rc;

	c = calloc(1, sizeof(*c) + CPUID_MAX * sizeof(c->entries[0]));
	if (c == NULL)
		return -1;
	c->nent = CPUID_MAX;
	rc = ioctl(fd, KVM_GET_SUPPORTED_CPUID, c);
	for (i = 0; rc == 0 && i < c->nent && i < CPUID_MAX; i++) {
		const struct kvm_cpuid_entry2 *e = &c->entries[i];

		set->leaf[i] = (struct cpuid_leaf) { e->function, e->index,
			(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
			{ e->eax, e->ebx, e->ecx, e->edx } };
		set->count = i + 1;
	}
	free(c);
	return rc;
}

int
kvm_cpuid_set(struct vcpu *vcpu, const struct cpuid_set *set)
{
	struct kvm_cpuid2 *c;
	uint32_t i;
	int rc;

	c = calloc(1, sizeof(*c) + set->count * sizeof(c->entries[0]));
	if (c == NULL)
		return -1;
	c->nent = set->count;
	for (i = 0; i < set->count; i++) {
		const struct cpuid_leaf *l = &set->leaf[i];

		c->entries[i] = (struct kvm_cpuid_entry2) {
			.function = l->leaf,
			.index = l->subleaf,
			.flags = l->has_subleaf
			    ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX
			    : 0,
			.eax = l->reg[CPUID_EAX],
			.ebx = l->reg[CPUID_EBX],
			.ecx = l->reg[CPUID_ECX],
			.edx = l->reg[CPUID_EDX],
		};
	}
	rc = ioctl(kvm_vcpu_fd(vcpu), KVM_SET_CPUID2, c);
	free(c);
	return rc;
}
