/* SPDX-License-Identifier: ISC */
/*
 * Events put into a vCPU, and the inputs of the interrupt chips by the names
 * that boards give them.  Included by vmm.h.
 */
#ifndef VMM_EVENT_H
#define VMM_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct vm;
struct vcpu;

enum vm_event_type {
	VM_HW_INTR, /* an external interrupt, past the chips */
	VM_NMI, /* vector 2 */
	VM_HW_EXCEPTION, /* vectors 0 to 31 */
	VM_SW_INTR, /* INT n */
	VM_SW_EXCEPTION /* INT3, INTO */
};

/*
 * Delivers an event at the next vm_run(), in the vCPU's thread; after an exit
 * that has an answer call vcpu_complete() first.  _event2 is for the
 * exceptions that push an error code, and only for them.  EBUSY: another one
 * waits, or (VM_HW_INTR) the guest has interrupts off now.  EINVAL.
 *
 * VM_SW_INTR and VM_SW_EXCEPTION (vectors 3 and 4) are delivered as INT n,
 * INT3 and INTO are, with the place where the vCPU stands as the return
 * address.  EPERM: the gate forbids it to the guest, which would get #GP or
 * #NP; EBUSY also: on Intel's CPUs while the guest has interrupts off;
 * ENOTSUP: in virtual-8086 mode; EFAULT: its IDT is no memory.
 */
int vm_inject_event(struct vcpu *vcpu, enum vm_event_type type, int vector);
int vm_inject_event2(struct vcpu *vcpu, enum vm_event_type type, int vector,
    uint32_t error_code);
int vm_inject_nmi(struct vcpu *vcpu);

/*
 * Delivers an exception instead of what the last exit was about, for a device
 * model that refuses the guest's access: takes the exit's answer itself, and
 * whatever else the instruction would have asked is dropped.  With
 * restart_instruction the guest returns to that instruction, as from a fault,
 * else behind it.  Errors as of vm_inject_event().
 */
int vm_inject_exception(struct vcpu *vcpu, int vector, bool errcode_valid,
    uint32_t errcode, bool restart_instruction);

/*
 * Raises an edge of vector (16..255) at the vCPU's LAPIC; any thread.  A
 * LAPIC that is switched off ignores it.  ENXIO: VM without VM_IRQCHIP.
 */
int vm_lapic_irq(struct vcpu *vcpu, int vector);

/* The vCPU (borrowed) with that APIC id at power-up; NULL with ENOENT. */
struct vcpu *vm_apicid2vcpu(struct vm *vm, uint32_t apicid);

/* ISA lines 0..15 but the cascade, 2: at the PICs and the IOAPIC. */
int vm_isa_assert_irq(struct vm *vm, uint32_t irq);
int vm_isa_deassert_irq(struct vm *vm, uint32_t irq);
int vm_isa_pulse_irq(struct vm *vm, uint32_t irq);

/* Pins of the IOAPIC; 0..15 are the ISA lines, and reach the PICs, too. */
int vm_ioapic_assert_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_deassert_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_pulse_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_pincount(struct vm *vm, int *pincount);

#endif /* VMM_EVENT_H */
