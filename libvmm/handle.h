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
#include "deadline.h"
#include "devmem.h"
#include "memmap.h"
#include "route.h"
#include "stats.h"
#include "vmm.h"

struct vfio;

struct vm {
	const struct vmm_backend *be;
	void *priv; /* the backend's */
	struct vm_params params;
	pthread_mutex_t lock;
	atomic_bool has_chips;
	int memory_fd; /* -1: no RAM yet */
	struct memmap map;
	struct devmem *devmem;
	unsigned int memflags; /* VM_MEM_F_* */
	uint64_t lowmem_limit;
	atomic_uint readonly; /* regions that the guest may not write */
	struct route_table routes;
	_Atomic(struct vm_snapshot *) snapshot; /* has the log to itself */
	struct cpuid_set cpuid; /* what the host can give */
	uint32_t nmsrs; /* that make up a vCPU's state on this host */
	uint32_t msr[VCPU_STATE_MSRS];
	uint32_t cores, threads; /* per socket, per core */
	atomic_int suspend_how; /* enum vm_suspend_how */
	_Atomic(uint64_t) suspended; /* vCPUs whose run ended for it */
	bool has_saved_clock;
	uint64_t saved_clock; /* of the last vm_set_chips(), in ns */
	_Atomic(struct vcpu *) vcpus[VMM_MAX_VCPUS];
	struct vfio *vfio; /* of assigned devices; NULL: none */
	_Atomic(struct stats_table *) stats[2]; /* of the VM, of its vCPUs */
	atomic_bool stats_time;
};

/* Why a run must end: once, or as long as it is set. */
#define VCPU_STOP_CANCEL 0x1U /* once: the run that sees it takes it */
#define VCPU_STOP_DEADLINE 0x2U /* of this run, which clears it */
#define VCPU_STOP_CPU 0x4U /* vm_suspend_cpu() */
#define VCPU_STOP_VM 0x8U /* vm_suspend() */

enum vcpu_x2apic {
	X2APIC_OFFERED, /* by CPUID; off */
	X2APIC_ON,
	X2APIC_HIDDEN
};

struct vcpu {
	const struct vmm_backend *be;
	void *priv;
	struct vm *vm;
	uint32_t id;
	/*
	 * runner is the pthread_t inside vcpu_run, 0 if none; stop asks the
	 * run to end (VCPU_STOP_*).  Runner: store runner, load stop.
	 * Canceller: store stop, load runner.  Sequentially consistent, so
	 * that one of the two always sees the other.
	 */
	_Atomic(uintptr_t) runner;
	atomic_uint stop;
	struct deadline deadline;
	int pin; /* host CPU + 1; 0: none */
	cpu_set_t unpinned; /* what the thread had before */
	atomic_bool active; /* may run */
	enum vcpu_x2apic x2apic;
	struct cpuid_set *cpuid; /* owned: what the guest was given */
	_Atomic(uint32_t) tsc_khz; /* KVM tells it only while this stands */
	struct vcpu_debug debug; /* what it exits for */
	struct stats_vcpu stats;
};

/* What the policy of CPUID wants to know, but for the TSC's frequency. */
void vcpu_cpuid_context(struct vcpu *vcpu, struct cpuid_context *ctx);

/* Makes the chips of VM_IRQCHIP unless done; ENXIO: VM without them. */
int vm_need_chips(struct vm *vm);

/* Whether the run must end, and by what exit; takes a cancel. */
bool vcpu_stopped(struct vcpu *vcpu, struct vm_exit *exit);

/*
 * Ends the instruction of the last exit, and drops what it asks beyond that:
 * else its answer would go into registers that are set meanwhile.
 */
int vcpu_drop_exit(struct vcpu *vcpu);

/* Asks the run in progress or the next one to end, because of stop. */
int vcpu_stop(struct vcpu *vcpu, unsigned int stop);

#endif /* HANDLE_H */
