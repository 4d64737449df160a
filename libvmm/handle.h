/* SPDX-License-Identifier: ISC */
/*
 * The two handles of libvmm, as its own files see them.  lock guards memory,
 * routes, the making of the chips and of the tables of statistics; running a
 * vCPU takes no lock.
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
#include "stats.h"
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
	_Atomic(struct stats_table *) stats[2]; /* of the VM, of its vCPUs */
	atomic_bool stats_time;
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
	bool stepping; /* an exit after each instruction */
	struct stats_vcpu stats;
};

/* Makes the chips of VM_IRQCHIP unless done; ENXIO: VM without them. */
int vm_need_chips(struct vm *vm);

#endif /* HANDLE_H */
