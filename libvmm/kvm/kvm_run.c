/* SPDX-License-Identifier: ISC */
/*
 * KVM_RUN: in a vCPU's thread, no lock, no copy; a table turns KVM's exits
 * into ours.  The rule of a cancel: the flag decides, immediate_exit and the
 * signal only make KVM_RUN return.  The canceller sets flag, immediate_exit,
 * signal, in this order; the runner clears immediate_exit BEFORE it takes the
 * flag.  So a flag is never lost, and what a slow canceller leaves behind
 * (immediate_exit or a signal without a flag) makes one KVM_RUN return early,
 * which goes in again.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

/* The kernel reads this byte; both threads write it. */
static void
kvm_run_set_immediate(struct kvm_run *run, uint8_t value)
{
	__atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

static void
kvm_run_pio(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_PIO;
	exit->u.pio.port = run->io.port;
	exit->u.pio.size = run->io.size;
	exit->u.pio.write = run->io.direction == KVM_EXIT_IO_OUT;
	exit->u.pio.count = run->io.count;
	exit->u.pio.data = (uint8_t *)run + run->io.data_offset;
}

static void
kvm_run_mmio(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_MMIO;
	exit->u.mmio.gpa = run->mmio.phys_addr;
	exit->u.mmio.len = run->mmio.len;
	exit->u.mmio.write = run->mmio.is_write;
	exit->u.mmio.data = run->mmio.data;
}

static void
kvm_run_hlt(struct kvm_run *run, struct vm_exit *exit)
{
	(void)run;
	exit->reason = VM_EXIT_HLT;
}

static void
kvm_run_shutdown(struct kvm_run *run, struct vm_exit *exit)
{
	(void)run;
	exit->reason = VM_EXIT_SHUTDOWN;
}

static void
kvm_run_irq_window(struct kvm_run *run, struct vm_exit *exit)
{
	(void)run;
	exit->reason = VM_EXIT_IRQ_WINDOW;
}

static void
kvm_run_system_event(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_SYSTEM_EVENT;
	exit->u.event.type = run->system_event.type;
	exit->u.event.flags = run->system_event.flags;
}

static void
kvm_run_debug(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_DEBUG;
	exit->u.debug.exception = run->debug.arch.exception;
	exit->u.debug.pc = run->debug.arch.pc;
	exit->u.debug.dr6 = run->debug.arch.dr6;
	exit->u.debug.dr7 = run->debug.arch.dr7;
}

static void
kvm_run_internal_error(struct kvm_run *run, struct vm_exit *exit)
{
	uint32_t i, n = run->internal.ndata;

	exit->reason = VM_EXIT_INTERNAL_ERROR;
	exit->u.error.suberror = run->internal.suberror;
	if (n > 16)
		n = 16;
	exit->u.error.ndata = n;
	for (i = 0; i < n; i++)
		exit->u.error.data[i] = run->internal.data[i];
}

static void
kvm_run_fail_entry(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_FAIL_ENTRY;
	exit->u.entry.hardware_reason =
	    run->fail_entry.hardware_entry_failure_reason;
	exit->u.entry.cpu = run->fail_entry.cpu;
}

static void
kvm_run_unknown(struct kvm_run *run, struct vm_exit *exit)
{
	exit->reason = VM_EXIT_UNKNOWN;
	exit->u.unknown.number = run->exit_reason;
}

static void (*const kvm_run_exits[])(struct kvm_run *, struct vm_exit *) = {
	[KVM_EXIT_IO] = kvm_run_pio,
	[KVM_EXIT_MMIO] = kvm_run_mmio,
	[KVM_EXIT_HLT] = kvm_run_hlt,
	[KVM_EXIT_SHUTDOWN] = kvm_run_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = kvm_run_system_event,
	[KVM_EXIT_DEBUG] = kvm_run_debug,
	[KVM_EXIT_IRQ_WINDOW_OPEN] = kvm_run_irq_window,
	[KVM_EXIT_INTERNAL_ERROR] = kvm_run_internal_error,
	[KVM_EXIT_FAIL_ENTRY] = kvm_run_fail_entry,
};

static int
kvm_run_exit(struct kvm_run *run, struct vm_exit *exit)
{
	uint32_t reason = run->exit_reason;

	if (reason < sizeof(kvm_run_exits) / sizeof(kvm_run_exits[0]) &&
	    kvm_run_exits[reason] != NULL)
		kvm_run_exits[reason](run, exit);
	else
		kvm_run_unknown(run, exit);
	return 0;
}

/* Whether the run must end; takes a cancel. */
static bool
kvm_run_stopped(struct vcpu *vcpu, struct kvm_run *run, struct vm_exit *exit)
{
	kvm_run_set_immediate(run, 0);
	return vcpu_stopped(vcpu, exit);
}

int
kvm_run_vcpu(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct kvm_vcpu *kc = vcpu->priv;
	int rc = 0;

	atomic_store(&vcpu->runner, (uintptr_t)pthread_self());
	if (atomic_load(&vcpu->stop) != 0 &&
	    kvm_run_stopped(vcpu, kc->run, exit))
		goto out;
	for (;;) {
		if (ioctl(kc->fd, KVM_RUN, 0) == 0) {
			rc = kvm_run_exit(kc->run, exit);
			break;
		}
		/* EAGAIN: a CPU that waits for INIT and SIPI was woken. */
		if (errno != EINTR && errno != EAGAIN) {
			rc = -1;
			break;
		}
		if (kvm_run_stopped(vcpu, kc->run, exit))
			break;
	}
out:
	atomic_store_explicit(&vcpu->runner, 0, memory_order_release);
	return rc;
}

int
kvm_run_complete(struct vcpu *vcpu, struct vm_exit *exit)
{
	struct kvm_vcpu *kc = vcpu->priv;
	int rc;

	kvm_run_set_immediate(kc->run, 1);
	rc = ioctl(kc->fd, KVM_RUN, 0);
	kvm_run_set_immediate(kc->run, 0);
	if (rc == 0)
		return kvm_run_exit(kc->run, exit);
	if (errno != EINTR)
		return -1;
	exit->reason = VM_EXIT_CANCELLED;
	return 0;
}

void
kvm_run_kick(struct vcpu *vcpu)
{
	struct kvm_vcpu *kc = vcpu->priv;

	kvm_run_set_immediate(kc->run, 1);
}
