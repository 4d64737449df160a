/* SPDX-License-Identifier: ISC */
/*
 * Events put into a vCPU, and the chips' inputs by the names that boards give
 * them.  What the backend cannot deliver as the CPU would is refused.
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

#define ISA_IRQS 16
#define ISA_CASCADE 2 /* the second PIC sits there */
#define IOAPIC_PINS 24
#define EXCEPTIONS 32
#define VECTOR_NMI 2
#define LAPIC_FIRST_VECTOR 16
#define MSI_ADDRESS 0xfee00000ULL
#define MSI_DEST_SHIFT 12

/* The exceptions that push an error code (SDM 3, table 6-1). */
static bool
event_has_error_code(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 ||
	    vector == 21;
}

static int
event_inject(struct vcpu *vcpu, const struct vmm_event *event)
{
	int err = 0;

	if (event->type == VM_SW_INTR || event->type == VM_SW_EXCEPTION)
		err = ENOTSUP;
	else if (event->vector < 0 || event->vector > UINT8_MAX)
		err = EINVAL;
	else if (event->type == VM_HW_EXCEPTION &&
	    (event->vector >= EXCEPTIONS || event->vector == VECTOR_NMI ||
		event->has_error_code != event_has_error_code(event->vector)))
		err = EINVAL;
	else if (event->type != VM_HW_EXCEPTION &&
	    (event->has_error_code ||
		(event->type != VM_HW_INTR && event->type != VM_NMI)))
		err = EINVAL;
	if (err != 0) {
		errno = err;
		return -1;
	}
	return vcpu->be->inject(vcpu, event);
}

int
vm_inject_event(struct vcpu *vcpu, enum vm_event_type type, int vector)
{
	struct vmm_event event = { .type = type, .vector = vector };

	return event_inject(vcpu, &event);
}

int
vm_inject_event2(
    struct vcpu *vcpu, enum vm_event_type type, int vector, uint32_t error_code)
{
	struct vmm_event event = { type, vector, true, error_code };

	return event_inject(vcpu, &event);
}

int
vm_inject_nmi(struct vcpu *vcpu)
{
	return vm_inject_event(vcpu, VM_NMI, VECTOR_NMI);
}

int
vm_lapic_irq(struct vcpu *vcpu, int vector)
{
	if (vector < LAPIC_FIRST_VECTOR || vector > UINT8_MAX) {
		errno = EINVAL;
		return -1;
	}
	return vm_raise_msi(vcpu->vm,
	    MSI_ADDRESS | (uint64_t)vcpu->id << MSI_DEST_SHIFT,
	    (uint32_t)vector);
}

struct vcpu *
vm_apicid2vcpu(struct vm *vm, uint32_t apicid)
{
	struct vcpu *vcpu = NULL;

	if (apicid < VMM_MAX_VCPUS)
		vcpu = atomic_load(&vm->vcpus[apicid]);
	if (vcpu == NULL)
		errno = ENOENT;
	return vcpu;
}

static int
event_isa(struct vm *vm, uint32_t irq, bool level)
{
	if (irq >= ISA_IRQS || irq == ISA_CASCADE) {
		errno = EINVAL;
		return -1;
	}
	return vm_irq_line(vm, irq, level);
}

int
vm_isa_assert_irq(struct vm *vm, uint32_t irq)
{
	return event_isa(vm, irq, true);
}

int
vm_isa_deassert_irq(struct vm *vm, uint32_t irq)
{
	return event_isa(vm, irq, false);
}

int
vm_isa_pulse_irq(struct vm *vm, uint32_t irq)
{
	if (event_isa(vm, irq, true) == -1)
		return -1;
	return event_isa(vm, irq, false);
}

int
vm_ioapic_assert_irq(struct vm *vm, uint32_t pin)
{
	return vm_irq_line(vm, pin, true);
}

int
vm_ioapic_deassert_irq(struct vm *vm, uint32_t pin)
{
	return vm_irq_line(vm, pin, false);
}

int
vm_ioapic_pulse_irq(struct vm *vm, uint32_t pin)
{
	if (vm_irq_line(vm, pin, true) == -1)
		return -1;
	return vm_irq_line(vm, pin, false);
}

int
vm_ioapic_pincount(struct vm *vm, int *pincount)
{
	if (vm_need_chips(vm) == -1)
		return -1;
	*pincount = IOAPIC_PINS;
	return 0;
}
