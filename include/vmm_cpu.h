/* SPDX-License-Identifier: ISC */
/*
 * The vCPUs of a VM as sets: which may run, which are suspended, and how they
 * are arranged in cores and sockets.  A set is a bit per vCPU id.  Included by
 * vmm.h.
 */
#ifndef VMM_CPU_H
#define VMM_CPU_H

#include <stdint.h>

struct vm;
struct vcpu;

/*
 * With VM_ACTIVATE in its parameters a VM's vCPUs may run only after this;
 * vm_run() fails with EINVAL before.  Without it they are active from
 * vcpu_open() on.  EBUSY: it is active.
 */
int vm_activate_cpu(struct vcpu *vcpu);

/* Those open and active; any thread, as all below unless they say otherwise. */
int vm_active_cpus(struct vm *vm, uint64_t *set);

/* Those whose run ended for vm_suspend(). */
int vm_suspended_cpus(struct vm *vm, uint64_t *set);

/* Those that vm_suspend_cpu() keeps from running. */
int vm_debug_cpus(struct vm *vm, uint64_t *set);

/*
 * Keeps a vCPU from running: the run in progress ends, and each one after it
 * ends at once, with VM_EXIT_SUSPENDED (how: VM_SUSPEND_NONE), until it is
 * resumed.  vcpu_complete() works meanwhile.  EINVAL: resume of one that is
 * not suspended.
 */
int vm_suspend_cpu(struct vcpu *vcpu);
int vm_resume_cpu(struct vcpu *vcpu);

/* The same for all that are open; resume of none is no error. */
int vm_suspend_all_cpus(struct vm *vm);
int vm_resume_all_cpus(struct vm *vm);

enum vm_suspend_how {
	VM_SUSPEND_NONE,
	VM_SUSPEND_RESET,
	VM_SUSPEND_POWEROFF,
	VM_SUSPEND_HALT,
	VM_SUSPEND_TRIPLEFAULT,
	VM_SUSPEND_LAST
};

/*
 * Ends the VM's run on all vCPUs: each run ends with VM_EXIT_SUSPENDED and
 * this how, until vm_reinit().  EALREADY: an earlier one holds, whose how
 * stays; EINVAL: how.
 */
int vm_suspend(struct vm *vm, enum vm_suspend_how how);

/*
 * The machine's reset: all open vCPUs and the chips are as after power-up and
 * may run again; memory stays.  While no vCPU runs.  EBUSY: an active vCPU has
 * not ended its run for vm_suspend().
 */
int vm_reinit(struct vm *vm);

/*
 * How many sockets, cores per socket and threads per core CPUID tells of;
 * before the first vcpu_open(), else EBUSY.  At first one socket, ncpus cores
 * of one thread.  EINVAL: the product is not ncpus, or APIC ids would have
 * gaps: threads must be a power of two, and with several sockets cores, too.
 */
int vm_set_topology(
    struct vm *vm, uint32_t sockets, uint32_t cores, uint32_t threads);
int vm_get_topology(
    struct vm *vm, uint32_t *sockets, uint32_t *cores, uint32_t *threads);

enum x2apic_state { X2APIC_DISABLED, X2APIC_ENABLED, X2APIC_STATE_LAST };

/*
 * Enabled: CPUID tells of the x2APIC and the LAPIC is in that mode, also after
 * a reset.  Disabled: neither, and a guest that tries gets #GP.  At first
 * CPUID tells of it and the mode is off; _get tells the mode.  In the vCPU's
 * thread.  ENXIO: VM without VM_IRQCHIP; EINVAL: it ran already.
 */
int vm_get_x2apic_state(struct vcpu *vcpu, enum x2apic_state *state);
int vm_set_x2apic_state(struct vcpu *vcpu, enum x2apic_state state);

#endif /* VMM_CPU_H */
