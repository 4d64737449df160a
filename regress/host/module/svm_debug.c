/* SPDX-License-Identifier: ISC */
/*
 * A module for the kernel of the emulated host: what QEMU's emulated SVM (7.2)
 * leaves out and hardware has, without which no debugger can be tested there.
 *
 *  - VMRUN loads the guest's DR7, but the emulator's breakpoints are only those
 *    that a move to DR7 has set: so one is made right before, and taken back
 *    right after.
 *  - INT3 in a guest is looked at as INT n is (intercept INTn), not as the
 *    exception that it is (intercept #BP): so that intercept is asked for, and
 *    its exit turned into the other.
 *
 * Both touch only vCPUs that KVM_SET_GUEST_DEBUG was called for, and a guest
 * that is debugged and uses INT n is beyond this.  KVM itself is as it is.
 */
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include <asm/debugreg.h>
#include <asm/svm.h>

/* The beginning of struct vcpu_svm (arch/x86/kvm/svm/svm.h). */
struct svm_begin {
	struct kvm_vcpu vcpu;
	struct vmcb *vmcb;
};

static void
intercept(struct vmcb *vmcb, u32 bit, bool on)
{
	if (on)
		__set_bit(bit, (unsigned long *)vmcb->control.intercepts);
	else
		__clear_bit(bit, (unsigned long *)vmcb->control.intercepts);
	vmcb->control.clean = 0;
}

static int
before_run(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct svm_begin *svm = (struct svm_begin *)regs->di;
	struct kvm_vcpu *vcpu = &svm->vcpu;

	*(struct svm_begin **)ri->data = svm;
	intercept(svm->vmcb, INTERCEPT_INTn,
	    (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP) != 0);
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		set_debugreg(svm->vmcb->save.dr7, 7);
	return 0;
}

static int
after_run(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct svm_begin *svm = *(struct svm_begin **)ri->data;
	struct kvm_vcpu *vcpu = &svm->vcpu;

	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		set_debugreg(0, 7);
	if (svm->vmcb->control.exit_code == SVM_EXIT_SWINT)
		svm->vmcb->control.exit_code = SVM_EXIT_EXCP_BASE + BP_VECTOR;
	return 0;
}
NOKPROBE_SYMBOL(before_run);
NOKPROBE_SYMBOL(after_run);

static struct kretprobe probe = {
	.kp.symbol_name = "svm_vcpu_run",
	.entry_handler = before_run,
	.handler = after_run,
	.data_size = sizeof(struct svm_begin *),
	.maxactive = 64,
};

static int __init
svm_debug_init(void)
{
	return register_kretprobe(&probe);
}

static void __exit
svm_debug_exit(void)
{
	unregister_kretprobe(&probe);
}

module_init(svm_debug_init);
module_exit(svm_debug_exit);
/* The name that the kernel has for a licence as free as this one. */
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Breakpoints of guests under an emulated SVM");
