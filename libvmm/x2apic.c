/* SPDX-License-Identifier: ISC */
/*
 * The mode of a vCPU's LAPIC: what CPUID tells of it, and APIC base.  From
 * x2APIC the only way back is through an APIC that is off (SDM 3, 11.12.5).
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

#define APIC_EXTD (1ULL << 10)
#define APIC_EN (1ULL << 11)

int
vm_get_x2apic_state(struct vcpu *vcpu, enum x2apic_state *state)
{
	struct vcpu_sregs s;

	if ((vcpu->vm->params.flags & VM_IRQCHIP) == 0) {
		errno = ENXIO;
		return -1;
	}
	if (vcpu->be->get_sregs(vcpu, &s) == -1)
		return -1;
	*state =
	    (s.apic_base & APIC_EXTD) != 0 ? X2APIC_ENABLED : X2APIC_DISABLED;
	return 0;
}

static int
x2apic_set_base(struct vcpu *vcpu, uint64_t clear, uint64_t set)
{
	struct vcpu_sregs s;

	if (vcpu->be->get_sregs(vcpu, &s) == -1)
		return -1;
	s.apic_base = (s.apic_base & ~clear) | set;
	return vcpu->be->set_sregs(vcpu, &s);
}

int
vm_set_x2apic_state(struct vcpu *vcpu, enum x2apic_state state)
{
	enum vcpu_x2apic old = vcpu->x2apic;
	enum x2apic_state now;
	int err;

	if ((unsigned int)state >= X2APIC_STATE_LAST) {
		errno = EINVAL;
		return -1;
	}
	if (vm_get_x2apic_state(vcpu, &now) == -1)
		return -1;
	vcpu->x2apic = state == X2APIC_ENABLED ? X2APIC_ON : X2APIC_HIDDEN;
	if (vcpu_set_cpuid(vcpu) == -1) {
		err = errno;
		vcpu->x2apic = old;
		errno = err;
		return -1;
	}
	if (state == now)
		return 0;
	if (state == X2APIC_ENABLED)
		return x2apic_set_base(vcpu, 0, APIC_EN | APIC_EXTD);
	if (x2apic_set_base(vcpu, APIC_EN | APIC_EXTD, 0) == -1)
		return -1;
	return x2apic_set_base(vcpu, 0, APIC_EN);
}
