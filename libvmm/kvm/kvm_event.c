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

_Static_assert(sizeof(struct kvm_vcpu_events) <= sizeof(struct vmm_pending),
    "room for pending events");

int
kvm_event_get_pending(struct vcpu *vcpu, struct vmm_pending *pending)
{
	struct kvm_vcpu_events events;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_VCPU_EVENTS, &events) == -1)
		return -1;
	memcpy(pending, &events, sizeof(events));
	return 0;
}

int
kvm_event_set_pending(struct vcpu *vcpu, const struct vmm_pending *pending)
{
	struct kvm_vcpu_events events;

	memcpy(&events, pending, sizeof(events));
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_VCPU_EVENTS, &events);
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
