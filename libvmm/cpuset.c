/* SPDX-License-Identifier: ISC */
/*
 * Sets of vCPUs: active, suspended one by one or with the whole VM, and their
 * arrangement in sockets.  A suspended vCPU has a bit in stop that stays, so
 * each of its runs ends like a cancelled one; how is stored before that bit.
 */
#include "cpuset.h"

#include <errno.h>

#include "handle.h"

void
cpuset_suspended(struct vcpu *vcpu, unsigned int stop, struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;

	exit->u.suspended.how = VM_SUSPEND_NONE;
	if ((stop & VCPU_STOP_VM) == 0)
		return;
	exit->u.suspended.how = atomic_load(&vm->suspend_how);
	atomic_fetch_or(&vm->suspended, 1ULL << vcpu->id);
}

void
cpuset_open(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	atomic_store(&vcpu->active, (vm->params.flags & VM_ACTIVATE) == 0);
	if (atomic_load(&vm->suspend_how) != VM_SUSPEND_NONE)
		atomic_store(&vcpu->stop, VCPU_STOP_VM);
}

int
vm_activate_cpu(struct vcpu *vcpu)
{
	if (atomic_exchange(&vcpu->active, true)) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

int
vm_active_cpus(struct vm *vm, uint64_t *set)
{
	struct vcpu *vcpu;
	int i;

	*set = 0;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && atomic_load(&vcpu->active))
			*set |= 1ULL << i;
	}
	return 0;
}

int
vm_suspended_cpus(struct vm *vm, uint64_t *set)
{
	*set = atomic_load(&vm->suspended);
	return 0;
}

int
vm_debug_cpus(struct vm *vm, uint64_t *set)
{
	struct vcpu *vcpu;
	int i;

	*set = 0;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL &&
		    (atomic_load(&vcpu->stop) & VCPU_STOP_CPU) != 0)
			*set |= 1ULL << i;
	}
	return 0;
}

int
vm_suspend_cpu(struct vcpu *vcpu)
{
	return vcpu_stop(vcpu, VCPU_STOP_CPU);
}

int
vm_resume_cpu(struct vcpu *vcpu)
{
	if ((atomic_fetch_and(&vcpu->stop, ~VCPU_STOP_CPU) & VCPU_STOP_CPU) ==
	    0) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* Stops all that are open. */
static int
cpuset_stop(struct vm *vm, unsigned int stop)
{
	struct vcpu *vcpu;
	int i, rc = 0;

	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && vcpu_stop(vcpu, stop) == -1)
			rc = -1;
	}
	return rc;
}

int
vm_suspend_all_cpus(struct vm *vm)
{
	return cpuset_stop(vm, VCPU_STOP_CPU);
}

int
vm_resume_all_cpus(struct vm *vm)
{
	struct vcpu *vcpu;
	int i;

	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL)
			atomic_fetch_and(&vcpu->stop, ~VCPU_STOP_CPU);
	}
	return 0;
}

int
vm_suspend(struct vm *vm, enum vm_suspend_how how)
{
	int none = VM_SUSPEND_NONE;

	if (how <= VM_SUSPEND_NONE || how >= VM_SUSPEND_LAST) {
		errno = EINVAL;
		return -1;
	}
	if (!atomic_compare_exchange_strong(&vm->suspend_how, &none, how)) {
		errno = EALREADY;
		return -1;
	}
	return cpuset_stop(vm, VCPU_STOP_VM);
}

int
vm_reinit(struct vm *vm)
{
	struct vcpu *vcpu;
	uint64_t active;
	int i;

	(void)vm_active_cpus(vm, &active);
	if ((active & ~atomic_load(&vm->suspended)) != 0) {
		errno = EBUSY;
		return -1;
	}
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && vcpu_reset(vcpu) == -1)
			return -1;
	}
	if ((vm->params.flags & VM_IRQCHIP) != 0 && vm_reset_chips(vm) == -1)
		return -1;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL)
			atomic_fetch_and(&vcpu->stop, ~VCPU_STOP_VM);
	}
	atomic_store(&vm->suspended, 0);
	atomic_store(&vm->suspend_how, VM_SUSPEND_NONE);
	return 0;
}

static bool
cpuset_power_of_two(uint32_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

int
vm_set_topology(
    struct vm *vm, uint32_t sockets, uint32_t cores, uint32_t threads)
{
	int i;

	/* Bounded each, so that the product cannot wrap. */
	if (sockets == 0 || sockets > VMM_MAX_VCPUS || cores == 0 ||
	    cores > VMM_MAX_VCPUS || threads > VMM_MAX_VCPUS ||
	    sockets * cores * threads != vm->params.ncpus ||
	    !cpuset_power_of_two(threads) ||
	    (sockets > 1 && !cpuset_power_of_two(cores))) {
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < VMM_MAX_VCPUS; i++)
		if (atomic_load(&vm->vcpus[i]) != NULL) {
			errno = EBUSY;
			return -1;
		}
	vm->cores = cores;
	vm->threads = threads;
	return 0;
}

int
vm_get_topology(
    struct vm *vm, uint32_t *sockets, uint32_t *cores, uint32_t *threads)
{
	*cores = vm->cores;
	*threads = vm->threads;
	*sockets = vm->params.ncpus / (vm->cores * vm->threads);
	return 0;
}
