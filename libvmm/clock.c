/* SPDX-License-Identifier: ISC */
/*
 * kvm-clock and TSC of a guest that stands still.  A TSC is set by its offset
 * to the host's: a written value KVM may take for another CPU's, late, and
 * change it.  A KVM that has no offsets is written to, and then the first value
 * is one that KVM cannot mistake, so that the others follow it.
 */
#include "clock.h"

#include <errno.h>
#include <time.h>

#include "handle.h"
#include "vmm.h"

#define MSR_TSC 0x10U
#define MSR_TSC_DEADLINE 0x6e0U
#define TSC_FAR (1ULL << 44) /* more than the second that KVM looks at */
#define NS 1000000000ULL
#define TOLERANCE_PPM 250U /* of KVM, between guest's and host's TSC */

static struct vcpu *
clock_boot_vcpu(struct vm *vm)
{
	struct vcpu *vcpu = atomic_load(&vm->vcpus[0]);

	if (vcpu == NULL)
		errno = ENOENT;
	return vcpu;
}

int
vm_get_time(struct vm *vm, struct vm_time *time)
{
	struct vcpu *vcpu = clock_boot_vcpu(vm);
	struct timespec now;

	if (vcpu == NULL || vm->be->vm_clock_get(vm, &time->clock_ns) == -1 ||
	    vcpu->be->get_msr(vcpu, MSR_TSC, &time->tsc) == -1 ||
	    clock_gettime(CLOCK_REALTIME, &now) == -1)
		return -1;
	time->realtime_ns = (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
	return 0;
}

int
clock_tsc_ahead(struct vm *vm, uint32_t id, int64_t *ahead)
{
	struct vcpu *first = clock_boot_vcpu(vm);
	struct vcpu *vcpu = atomic_load(&vm->vcpus[id]);
	uint64_t zero, offset;

	*ahead = 0;
	if (first == NULL)
		return -1;
	if (first->be->get_tsc_offset(first, &zero) == -1 ||
	    vcpu->be->get_tsc_offset(vcpu, &offset) == -1)
		return errno == ENOTSUP ? 0 : -1;
	*ahead = (int64_t)(offset - zero);
	return 0;
}

/* The first vCPU's TSC becomes tsc, the others' as far ahead as they were. */
static int
clock_set_offsets(struct vm *vm, uint64_t tsc, const int64_t *ahead)
{
	struct vcpu *vcpu = clock_boot_vcpu(vm);
	uint64_t zero, offset, now, move;
	int i;

	if (vcpu->be->get_tsc_offset(vcpu, &zero) == -1 ||
	    vcpu->be->get_msr(vcpu, MSR_TSC, &now) == -1)
		return -1;
	move = tsc - now;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu == NULL)
			continue;
		if (ahead != NULL)
			offset = zero + (uint64_t)ahead[i];
		else if (vcpu->be->get_tsc_offset(vcpu, &offset) == -1)
			return -1;
		if (vcpu->be->set_tsc_offset(vcpu, offset + move) == -1)
			return -1;
	}
	return 0;
}

static int
clock_write_tscs(struct vm *vm, uint64_t tsc)
{
	struct vcpu *vcpu = clock_boot_vcpu(vm);
	int i;

	if (vcpu->be->set_msr(vcpu, MSR_TSC, tsc + TSC_FAR) == -1)
		return -1;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && vcpu->be->set_msr(vcpu, MSR_TSC, tsc) == -1)
			return -1;
	}
	return 0;
}

/* A timer that waits for a TSC was set for the one before. */
static int
clock_set_deadlines(struct vm *vm)
{
	struct vcpu *vcpu;
	uint64_t deadline;
	int i;

	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu == NULL)
			continue;
		if (vcpu->be->get_msr(vcpu, MSR_TSC_DEADLINE, &deadline) ==
		    -1) {
			if (errno != EINVAL)
				return -1;
			continue; /* no such MSR without LAPIC */
		}
		if (deadline != 0 &&
		    vcpu->be->set_msr(vcpu, MSR_TSC_DEADLINE, deadline) == -1)
			return -1;
	}
	return 0;
}

int
clock_set(struct vm *vm, const struct vm_time *time, uint64_t advance_ns,
    const int64_t *ahead)
{
	struct vcpu *vcpu = clock_boot_vcpu(vm);
	uint64_t tsc = time->tsc;
	uint32_t khz;
	int rc;

	if (vcpu == NULL || vcpu->be->tsc_khz(vcpu, &khz) == -1)
		return -1;
	tsc += (uint64_t)((unsigned __int128)advance_ns * khz / 1000000);
	rc = clock_set_offsets(vm, tsc, ahead);
	if (rc == -1 && errno == ENOTSUP)
		rc = clock_write_tscs(vm, tsc);
	/* kvm-clock after it: KVM ties the two together. */
	if (rc == -1 ||
	    vm->be->vm_clock_set(vm, time->clock_ns + advance_ns) == -1)
		return -1;
	return clock_set_deadlines(vm);
}

int
vm_set_time(struct vm *vm, const struct vm_time *time, uint64_t advance_ns)
{
	return clock_set(vm, time, advance_ns, NULL);
}

int
vm_get_tsc_khz(struct vm *vm, uint32_t *khz)
{
	struct vcpu *vcpu = clock_boot_vcpu(vm);

	if (vcpu == NULL)
		return -1;
	*khz = atomic_load(&vcpu->tsc_khz);
	return 0;
}

int
vm_set_tsc_khz(struct vm *vm, uint32_t khz)
{
	struct vcpu *vcpu;
	uint32_t now;
	uint64_t apart;
	int i;

	if (khz == 0) {
		errno = EINVAL;
		return -1;
	}
	if (vm_get_tsc_khz(vm, &now) == -1)
		return -1;
	apart = khz > now ? khz - now : now - khz;
	if (apart * 1000000 <= (uint64_t)now * TOLERANCE_PPM)
		return 0;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu == NULL)
			continue;
		if (vcpu->be->set_tsc_khz(vcpu, khz) == -1)
			return -1;
		atomic_store(&vcpu->tsc_khz, khz);
	}
	return 0;
}
