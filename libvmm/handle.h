/* SPDX-License-Identifier: ISC */
/*
 * The two handles of libvmm, as its own files see them.  lock guards memory,
 * routes and the making of the chips; running a vCPU takes no lock.
 */
#ifndef HANDLE_H
#define HANDLE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "cpuid.h"
#include "memmap.h"
#include "route.h"
#include "vmm.h"

struct vm {
	const struct vmm_backend *be;
	void *priv; /* the backend's */
	struct vm_params params;
	pthread_mutex_t lock;
	atomic_bool has_chips;
	int memory_fd; /* -1: no RAM yet */
	struct memmap map;
	struct route_table routes;
	struct cpuid_set cpuid; /* what the host can give */
	_Atomic(struct vcpu *) vcpus[VMM_MAX_VCPUS];
};

struct vcpu {
	const struct vmm_backend *be;
	void *priv;
	struct vm *vm;
	uint32_t id;
	/*
	 * runner is the pthread_t inside vcpu_run, 0 if none; cancel asks the
	 * run to end.  Runner: store runner, load cancel.  Canceller: store
	 * cancel, load runner.  Sequentially consistent, so that one of the
	 * two always sees the other.
	 */
	_Atomic(uintptr_t) runner;
	atomic_bool cancel;
	int pin; /* host CPU + 1; 0: none */
	cpu_set_t unpinned; /* what the thread had before */
	struct vcpu_debug debug; /* what it exits for */
};

/* Makes the chips of VM_IRQCHIP unless done; ENXIO: VM without them. */
int vm_need_chips(struct vm *vm);

#endif /* HANDLE_H */
