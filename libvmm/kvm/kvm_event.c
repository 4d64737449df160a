/* SPDX-License-Identifier: ISC */
/*
 * Events as KVM has them: an NMI is queued; the others are put where KVM keeps
 * what an entry into the guest delivers, one at a time.  In the vCPU's thread.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define RFLAGS_IF (1ULL << 9)

/* An external interrupt that the CPU could not take makes the entry fail. */
static int
kvm_event_interruptible(int fd, const struct kvm_vcpu_events *events)
{
	struct kvm_regs regs;

	if (ioctl(fd, KVM_GET_REGS, &regs) == -1)
		return -1;
	if ((regs.rflags & RFLAGS_IF) == 0 || events->interrupt.shadow != 0) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

/* Intel's entry checks an external interrupt against the guest's flags. */
static bool
kvm_event_is_svm(struct vcpu *vcpu)
{
	static const char intel[] = "Genu"; /* ineI ntel */
	const struct cpuid_leaf *l = cpuid_find(&vcpu->vm->cpuid, 0, 0);

	return l != NULL && memcmp(&l->reg[CPUID_EBX], intel, 4) != 0;
}

/*
 * A software interrupt is put in as an external one: KVM's own kind returns to
 * an address that depends on the CPU's maker.
 */
int
kvm_event_inject(struct vcpu *vcpu, const struct vmm_event *event)
{
	struct kvm_vcpu_events events;
	int fd = kvm_vcpu_fd(vcpu);

	if (event->type == VM_NMI)
		return ioctl(fd, KVM_NMI, 0);
	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events) == -1)
		return -1;
	if (events.exception.injected || events.interrupt.injected ||
	    events.nmi.injected) {
		errno = EBUSY;
		return -1;
	}
	if (event->type != VM_HW_EXCEPTION) {
		/* SVM delivers whatever the guest's flags say, as INT n is. */
		if ((event->type == VM_HW_INTR || !kvm_event_is_svm(vcpu)) &&
		    kvm_event_interruptible(fd, &events) == -1)
			return -1;
		events.interrupt.injected = 1;
		events.interrupt.nr = (uint8_t)event->vector;
		events.interrupt.soft = 0;
	} else {
		events.exception.injected = 1;
		events.exception.nr = (uint8_t)event->vector;
		events.exception.has_error_code = event->has_error_code;
		events.exception.error_code = event->error_code;
	}
	return ioctl(fd, KVM_SET_VCPU_EVENTS, &events);
}

/* Member by member, both ways from one list. */
/* clang-format off */
#define EVENTS(X) \
	X(exception_injected, exception.injected) \
	X(exception_nr, exception.nr) \
	X(exception_has_error, exception.has_error_code) \
	X(exception_pending, exception.pending) \
	X(exception_error, exception.error_code) \
	X(interrupt_injected, interrupt.injected) \
	X(interrupt_nr, interrupt.nr) \
	X(interrupt_soft, interrupt.soft) \
	X(interrupt_shadow, interrupt.shadow) \
	X(nmi_injected, nmi.injected) \
	X(nmi_pending, nmi.pending) \
	X(nmi_masked, nmi.masked) \
	X(smm, smi.smm) \
	X(smi_pending, smi.pending) \
	X(smm_inside_nmi, smi.smm_inside_nmi) \
	X(init_latched, smi.latched_init) \
	X(sipi_vector, sipi_vector)
/* clang-format on */

int
kvm_event_get(struct vcpu *vcpu, struct vcpu_events *events)
{
	struct kvm_vcpu_events k;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_VCPU_EVENTS, &k) == -1)
		return -1;
	memset(events, 0, sizeof(*events));
#define X(ours, theirs) events->ours = k.theirs;
	EVENTS(X)
#undef X
	return 0;
}

int
kvm_event_set(struct vcpu *vcpu, const struct vcpu_events *events)
{
	/* What KVM says is valid when it is asked; a SIPI's vector never is. */
	struct kvm_vcpu_events k = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM };

#define X(ours, theirs) k.theirs = events->ours;
	EVENTS(X)
#undef X
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_VCPU_EVENTS, &k);
}

int
kvm_event_get_lapic(struct vcpu *vcpu, size_t reg, uint32_t *value)
{
	struct kvm_lapic_state s;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_LAPIC, &s) == -1)
		return -1;
	memcpy(value, s.regs + reg, sizeof(*value));
	return 0;
}
