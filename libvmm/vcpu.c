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

#include "cpuid_table.h"
#include "cpuset.h"
#include "handle.h"

/* With fd -1 a new one, else that of fd, which is taken if all goes well. */
static int
vcpu_new(struct vm *vm, uint32_t id, int fd, struct vcpu **vcpup)
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
	if (vcpu->be->vcpu_open(vcpu, fd) == -1) {
		err = errno;
		free(vcpu);
		errno = err;
		return -1;
	}
	cpuset_open(vcpu);
	if (vcpu_set_cpuid(vcpu) == -1) {
		err = errno;
		vcpu->be->vcpu_close(vcpu, fd == -1);
		free(vcpu->cpuid);
		free(vcpu);
		errno = err;
		return -1;
	}
	atomic_store(&vm->vcpus[id], vcpu);
	*vcpup = vcpu;
	return 0;
}

int
vcpu_open(struct vm *vm, uint32_t id, struct vcpu **vcpup)
{
	return vcpu_new(vm, id, -1, vcpup);
}

int
vcpu_open_fd(struct vm *vm, uint32_t id, int fd, struct vcpu **vcpup)
{
	if (fd < 0) {
		errno = EBADF;
		return -1;
	}
	return vcpu_new(vm, id, fd, vcpup);
}

void
vcpu_close(struct vcpu *vcpu)
{
	if (vcpu == NULL)
		return;
	atomic_store(&vcpu->vm->vcpus[vcpu->id], NULL);
	deadline_close(&vcpu->deadline);
	vcpu->be->vcpu_close(vcpu, true);
	free(vcpu->cpuid);
	free(vcpu);
}

uint32_t
vcpu_id(const struct vcpu *vcpu)
{
	return vcpu->id;
}

int
vcpu_drop_exit(struct vcpu *vcpu)
{
	struct vm_exit exit;

	do {
		if (vcpu_complete(vcpu, &exit) == -1)
			return -1;
	} while (exit.reason != VM_EXIT_CANCELLED);
	return 0;
}

int
vcpu_reset(struct vcpu *vcpu)
{
	return vcpu_drop_exit(vcpu) == -1 ? -1 : vcpu->be->vcpu_reset(vcpu);
}

void
vcpu_cpuid_context(struct vcpu *vcpu, struct cpuid_context *ctx)
{
	const struct vm *vm = vcpu->vm;

	*ctx = (struct cpuid_context) { .id = vcpu->id,
		.ncpus = vm->params.ncpus,
		.irqchip = (vm->params.flags & VM_IRQCHIP) != 0,
		.no_x2apic = vcpu->x2apic == X2APIC_HIDDEN,
		.cores = vm->cores,
		.threads = vm->threads };
}

int
vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct cpuid_context ctx;
	struct cpuid_set *set;
	int rc, err;

	vcpu_cpuid_context(vcpu, &ctx);
	if (vcpu->be->tsc_khz(vcpu, &ctx.tsc_khz) == -1)
		return -1;
	atomic_store(&vcpu->tsc_khz, ctx.tsc_khz);
	set = malloc(sizeof(*set));
	if (set == NULL)
		return -1;
	*set = vcpu->vm->cpuid;
	cpuid_apply(set, &ctx);
	rc = cpuid_table_give(vcpu, set);
	err = errno;
	free(set);
	errno = err;
	return rc;
}

/* A write to memory that forbids it looks like one to no memory. */
static void
vcpu_check_access(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct vm *vm = vcpu->vm;
	const struct memmap_region *r;
	uint8_t *data = exit->u.mmio.data;
	uint64_t gpa = exit->u.mmio.gpa;
	uint32_t len = exit->u.mmio.len;

	if (!exit->u.mmio.write || atomic_load(&vm->readonly) == 0)
		return;
	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r != NULL && (r->prot & VMM_PROT_WRITE) == 0) {
		exit->reason = VM_EXIT_ACCESS;
		exit->u.access.gpa = gpa;
		exit->u.access.len = len;
		exit->u.access.attempted = VMM_PROT_WRITE;
		exit->u.access.allowed = r->prot;
		exit->u.access.data = data;
	}
	pthread_mutex_unlock(&vm->lock);
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

	if (!atomic_load_explicit(&vcpu->active, memory_order_relaxed)) {
		errno = EINVAL;
		return -1;
	}
	stats_count(&vcpu->stats.runs);
	vcpu_time(vcpu, true);
	rc = vcpu->be->vcpu_run(vcpu, exit);
	vcpu_time(vcpu, false);
	if (rc == -1)
		return -1;
	if (exit->reason == VM_EXIT_MMIO)
		vcpu_check_access(vcpu, exit);
	stats_count(&vcpu->stats.exits[exit->reason]);
	return 0;
}

int
vcpu_complete(struct vcpu *vcpu, struct vm_exit *exit)
{
	if (vcpu->be->vcpu_complete(vcpu, exit) == -1)
		return -1;
	if (exit->reason == VM_EXIT_MMIO)
		vcpu_check_access(vcpu, exit);
	/* Cancelled means here that there is no exit. */
	if (exit->reason != VM_EXIT_CANCELLED)
		stats_count(&vcpu->stats.exits[exit->reason]);
	return 0;
}

bool
vcpu_stopped(struct vcpu *vcpu, struct vm_exit *exit)
{
	static const struct {
		unsigned int stop;
		enum vm_exit_reason reason;
	} rows[] = {
		{ VCPU_STOP_CANCEL, VM_EXIT_CANCELLED },
		{ VCPU_STOP_CPU, VM_EXIT_SUSPENDED },
		{ VCPU_STOP_VM, VM_EXIT_SUSPENDED },
		{ VCPU_STOP_DEADLINE, VM_EXIT_DEADLINE },
	};
	unsigned int stop = atomic_load(&vcpu->stop);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((stop & rows[i].stop) != 0)
			break;
	if (i == sizeof(rows) / sizeof(rows[0]))
		return false;
	exit->reason = rows[i].reason;
	if (rows[i].stop == VCPU_STOP_CANCEL)
		atomic_fetch_and(&vcpu->stop, ~VCPU_STOP_CANCEL);
	if (exit->reason == VM_EXIT_SUSPENDED)
		cpuset_suspended(vcpu, stop, exit);
	return true;
}

int
vcpu_stop(struct vcpu *vcpu, unsigned int stop)
{
	int signo = vcpu->vm->params.cancel_signal;
	uintptr_t runner;
	int err;

	if (stop == VCPU_STOP_CANCEL)
		stats_count_shared(&vcpu->stats.cancels);
	atomic_fetch_or(&vcpu->stop, stop);
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
vcpu_cancel(struct vcpu *vcpu)
{
	return vcpu_stop(vcpu, VCPU_STOP_CANCEL);
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
