/* SPDX-License-Identifier: ISC */
/*
 * Events put into a vCPU, and the chips' inputs by the names that boards give
 * them.  What the backend cannot deliver as the CPU would is refused.
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

#define ISA_IRQS 16
#define ISA_EDGES 0x2107U /* 0, 1, 2, 8, 13 */
#define ISA_CASCADE 2 /* the second PIC sits there */
#define IOAPIC_PINS 24
#define EXCEPTIONS 32
#define VECTOR_NMI 2
#define VECTOR_BP 3
#define VECTOR_OF 4
#define CR0_PE 0x1ULL
#define RFLAGS_VM (1ULL << 17)
#define EFER_LMA (1ULL << 10)
#define GATE_PRESENT 0x8000U
#define LAPIC_FIRST_VECTOR 16
#define MSI_ADDRESS 0xfee00000ULL
#define MSI_DEST_SHIFT 12
/* A local input's register (SDM 3, 11.5.1). */
#define LVT_VECTOR 0xffU
#define LVT_MODE 0x700U
#define LVT_FIXED 0x000U
#define LVT_NMI 0x400U
#define LVT_MASKED (1U << 16)

/* The exceptions that push an error code (SDM 3, table 6-1). */
static bool
event_has_error_code(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 ||
	    vector == 21;
}

/* EINVAL, or 0: an event that a CPU could have. */
static int
event_check(const struct vmm_event *event)
{
	int vector = event->vector;

	if (vector < 0 || vector > UINT8_MAX)
		return EINVAL;
	switch (event->type) {
	case VM_HW_EXCEPTION:
		if (vector >= EXCEPTIONS || vector == VECTOR_NMI ||
		    event->has_error_code != event_has_error_code(vector))
			return EINVAL;
		return 0;
	case VM_SW_EXCEPTION:
		if (vector != VECTOR_BP && vector != VECTOR_OF)
			return EINVAL;
		break;
	case VM_HW_INTR:
	case VM_NMI:
	case VM_SW_INTR:
		break;
	default:
		return EINVAL;
	}
	return event->has_error_code ? EINVAL : 0;
}

/*
 * Whether INT n may use its gate: an interrupt from outside may use any, so
 * the CPU will not look (SDM 3, 6.12.1.2).
 */
static int
event_check_gate(struct vcpu *vcpu, int vector)
{
	struct vm_guest_paging paging;
	struct vcpu_sregs s;
	struct vm_fault fault;
	uint64_t entry;
	uint16_t gate;
	int cpl;

	if (vm_get_paging(vcpu, &paging) == -1 ||
	    vcpu->be->get_sregs(vcpu, &s) == -1)
		return -1;
	if ((s.cr0 & CR0_PE) == 0)
		return 0;
	if ((paging.rflags & RFLAGS_VM) != 0) {
		errno = ENOTSUP;
		return -1;
	}
	entry = (s.efer & EFER_LMA) != 0 ? 16 : 8;
	cpl = paging.cpl;
	paging.cpl = 0;
	if ((uint64_t)vector * entry + entry - 1 > s.idtr.limit) {
		errno = EPERM;
		return -1;
	}
	if (vm_copyout_gla(vcpu, &paging,
		s.idtr.base + (uint64_t)vector * entry + 4, &gate, sizeof(gate),
		&fault) == -1)
		return -1;
	if ((gate & GATE_PRESENT) == 0 || ((gate >> 13) & 3) < cpl) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
event_inject(struct vcpu *vcpu, const struct vmm_event *event)
{
	int err = event_check(event);

	if (err != 0) {
		errno = err;
		return -1;
	}
	if ((event->type == VM_SW_INTR || event->type == VM_SW_EXCEPTION) &&
	    event_check_gate(vcpu, event->vector) == -1)
		return -1;
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
vm_inject_exception(struct vcpu *vcpu, int vector, bool errcode_valid,
    uint32_t errcode, bool restart_instruction)
{
	struct vmm_event event = { VM_HW_EXCEPTION, vector, errcode_valid,
		errcode };
	struct vcpu_regs before;
	int err = event_check(&event);

	if (err != 0) {
		errno = err;
		return -1;
	}
	if (vcpu->be->get_regs(vcpu, &before) == -1)
		return -1;
	if (vcpu_drop_exit(vcpu) == -1)
		return -1;
	if (restart_instruction && vcpu->be->set_regs(vcpu, &before) == -1)
		return -1;
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

int
vm_lapic_local_irq(struct vcpu *vcpu, enum vm_lapic_lvt lvt)
{
	static const enum vm_lapic_lvt inputs[] = { VM_LVT_CMCI, VM_LVT_TIMER,
		VM_LVT_THERMAL, VM_LVT_PMC, VM_LVT_LINT0, VM_LVT_LINT1,
		VM_LVT_ERROR };
	uint32_t value;
	size_t i;

	for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		if (inputs[i] == lvt)
			break;
	if (i == sizeof(inputs) / sizeof(inputs[0])) {
		errno = EINVAL;
		return -1;
	}
	if (vm_need_chips(vcpu->vm) == -1 ||
	    vcpu->be->get_lapic(vcpu, lvt, &value) == -1)
		return -1;
	if ((value & LVT_MASKED) != 0)
		return 0;
	if ((value & LVT_MODE) == LVT_NMI)
		return vm_inject_nmi(vcpu);
	if ((value & LVT_MODE) == LVT_FIXED)
		return vm_lapic_irq(vcpu, (int)(value & LVT_VECTOR));
	errno = ENOTSUP;
	return -1;
}

int
vm_lapic_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	return vm_raise_msi(vm, addr, data);
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
vm_isa_set_irq_trigger(
    struct vm *vm, uint32_t irq, enum vm_intr_trigger trigger)
{
	if (irq >= ISA_IRQS || ((1U << irq) & ISA_EDGES) != 0 ||
	    (trigger != EDGE_TRIGGER && trigger != LEVEL_TRIGGER)) {
		errno = EINVAL;
		return -1;
	}
	if (vm_need_chips(vm) == -1)
		return -1;
	return vm->be->irq_trigger(vm, irq, trigger == LEVEL_TRIGGER);
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
