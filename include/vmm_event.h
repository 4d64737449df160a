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

/* A LAPIC's local inputs, by the offset of their register. */
enum vm_lapic_lvt {
	VM_LVT_CMCI = 0x2f0,
	VM_LVT_TIMER = 0x320,
	VM_LVT_THERMAL = 0x330,
	VM_LVT_PMC = 0x340,
	VM_LVT_LINT0 = 0x350,
	VM_LVT_LINT1 = 0x360,
	VM_LVT_ERROR = 0x370
};

/*
 * Raises a local input: its vector or an NMI, as the guest has set it up, or
 * nothing if it is masked or the LAPIC is switched off.  In the vCPU's thread.
 * ENOTSUP: set up for SMI, INIT or the PICs' output, which is wired already;
 * EINVAL: no such input; ENXIO: VM without VM_IRQCHIP.
 */
int vm_lapic_local_irq(struct vcpu *vcpu, enum vm_lapic_lvt lvt);

/* vm_raise_msi() by libvmmapi's name. */
int vm_lapic_msi(struct vm *vm, uint64_t addr, uint32_t data);

/* The vCPU (borrowed) with that APIC id at power-up; NULL with ENOENT. */
struct vcpu *vm_apicid2vcpu(struct vm *vm, uint32_t apicid);

/* ISA lines 0..15 but the cascade, 2: at the PICs and the IOAPIC. */
int vm_isa_assert_irq(struct vm *vm, uint32_t irq);
int vm_isa_deassert_irq(struct vm *vm, uint32_t irq);
int vm_isa_pulse_irq(struct vm *vm, uint32_t irq);

enum vm_intr_trigger { EDGE_TRIGGER, LEVEL_TRIGGER };

/*
 * How the PICs take a line (their ELCR); at the IOAPIC its entry says so, which
 * is the guest's.  While no vCPU runs.  EINVAL: lines 0, 1, 2, 8 and 13 are
 * edges for ever.
 */
int vm_isa_set_irq_trigger(
    struct vm *vm, uint32_t irq, enum vm_intr_trigger trigger);

/* Pins of the IOAPIC; 0..15 are the ISA lines, and reach the PICs, too. */
int vm_ioapic_assert_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_deassert_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_pulse_irq(struct vm *vm, uint32_t pin);
int vm_ioapic_pincount(struct vm *vm, int *pincount);

#endif /* VMM_EVENT_H */
