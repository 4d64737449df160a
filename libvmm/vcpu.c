/* SPDX-License-Identifier: ISC */
/*
 * vCPUs: opening, running, and the cancel that ends the run in progress or
 * the next one.  A cancel is a flag, the backend's kick, and one directed
 * signal if a thread is inside the run; nothing is repeated and nobody waits.
 */
#include "vmm.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "handle.h"

int
vcpu_open(struct vm *vm, uint32_t id, struct vcpu **vcpup)
{
	struct vcpu *vcpu;
	int err;

	if (id >= vm->params.ncpus) {
		errno = EINVAL;
		return -1;
	}
	if (atomic_load(&vm->vcpus[id]) != NULL) {
		errno = EEXIST;
		return -1;
	}
	if ((vm->params.flags & VM_IRQCHIP) != 0 && vm_need_chips(vm) == -1)
		return -1;
	vcpu = calloc(1, sizeof(*vcpu));
	if (vcpu == NULL)
		return -1;
	vcpu->be = vm->be;
	vcpu->vm = vm;
	vcpu->id = id;
	if (vcpu->be->vcpu_open(vcpu) == -1) {
		err = errno;
		free(vcpu);
		errno = err;
		return -1;
	}
	atomic_store(&vm->vcpus[id], vcpu);
	if (vcpu_set_cpuid(vcpu) == -1) {
		err = errno;
		vcpu_close(vcpu);
		errno = err;
		return -1;
	}
	*vcpup = vcpu;
	return 0;
}

void
vcpu_close(struct vcpu *vcpu)
{
	if (vcpu == NULL)
		return;
	atomic_store(&vcpu->vm->vcpus[vcpu->id], NULL);
	vcpu->be->vcpu_close(vcpu);
	free(vcpu);
}

uint32_t
vcpu_id(const struct vcpu *vcpu)
{
	return vcpu->id;
}

int
vcpu_reset(struct vcpu *vcpu)
{
	return vcpu->be->vcpu_reset(vcpu);
}

int
vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct cpuid_context ctx = { .id = vcpu->id,
		.ncpus = vm->params.ncpus,
		.irqchip = (vm->params.flags & VM_IRQCHIP) != 0 };
	struct cpuid_set *set;
	int rc = -1, err;

	if (vcpu->be->tsc_khz(vcpu, &ctx.tsc_khz) == -1)
		return -1;
	set = malloc(sizeof(*set));
	if (set == NULL)
		return -1;
	*set = vm->cpuid;
	cpuid_apply(set, &ctx);
	rc = vcpu->be->cpuid_set(vcpu, set);
	err = errno;
	free(set);
	errno = err;
	return rc;
}

/* Around a run: whose time it is. */
static void
vcpu_time(struct vcpu *vcpu, bool inside)
{
	if (atomic_load_explicit(&vcpu->vm->stats_time, memory_order_relaxed))
		stats_time_switch(&vcpu->stats.time, inside);
	else
		stats_time_stop(&vcpu->stats.time);
}

int
vm_run(struct vcpu *vcpu, struct vm_exit *exit)
{
	int rc;

	stats_count(&vcpu->stats.runs);
	vcpu_time(vcpu, true);
	rc = vcpu->be->vcpu_run(vcpu, exit);
	vcpu_time(vcpu, false);
	if (rc == 0)
		stats_count(&vcpu->stats.exits[exit->reason]);
	return rc;
}

int
vcpu_complete(struct vcpu *vcpu, struct vm_exit *exit)
{
	int rc = vcpu->be->vcpu_complete(vcpu, exit);

	/* Cancelled means here that there is no exit. */
	if (rc == 0 && exit->reason != VM_EXIT_CANCELLED)
		stats_count(&vcpu->stats.exits[exit->reason]);
	return rc;
}

int
vcpu_cancel(struct vcpu *vcpu)
{
	int signo = vcpu->vm->params.cancel_signal;
	uintptr_t runner;
	int err;

	stats_count_shared(&vcpu->stats.cancels);
	atomic_store(&vcpu->cancel, true);
	vcpu->be->vcpu_kick(vcpu);
	runner = atomic_load(&vcpu->runner);
	if (runner == 0)
		return 0;
	stats_count_shared(&vcpu->stats.kicks);
	err = pthread_kill((pthread_t)runner, signo != 0 ? signo : SIGRTMIN);
	if (err != 0 && err != ESRCH) {
		errno = err;
		return -1;
	}
	return 0;
}

int
vm_cancel_all(struct vm *vm)
{
	struct vcpu *vcpu;
	int i, rc = 0;

	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && vcpu_cancel(vcpu) == -1)
			rc = -1;
	}
	return rc;
}

int
vcpu_clock_paused(struct vcpu *vcpu)
{
	return vcpu->be->clock_paused(vcpu);
}
