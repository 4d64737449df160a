/* SPDX-License-Identifier: ISC */
/*
 * Events put into a vCPU: an interrupt only when the guest can take it, an
 * exception with its error code, an NMI; the LAPIC, ISA lines and IOAPIC pins.
 */
#include "../../libvmm/handle.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../../libvmm/kvm/kvm.h"
#include "check.h"
#include "guest.h"
#include "guest_event.h"
#include "guest_irq.h"

static struct guest g;

/* Goes to the guest's next question and finishes it. */
static bool
asked(void)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.write || e.u.pio.port != 0xf1)
		return false;
	return vcpu_complete(g.vcpu[0], &e) == 0 &&
	    e.reason == VM_EXIT_CANCELLED;
}

static void
test_inject(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_event, sizeof(guest_event), 0, 1));
	REQUIRE(asked());
	CHECK(vm_inject_event(g.vcpu[0], VM_HW_INTR, 0x50) == -1 &&
	    errno == EBUSY);
	REQUIRE(asked());
	REQUIRE(vm_inject_event(g.vcpu[0], VM_HW_INTR, 0x50) == 0);
	CHECK(vm_inject_event2(g.vcpu[0], VM_HW_EXCEPTION, 13, 0x28) == -1 &&
	    errno == EBUSY);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	REQUIRE(asked());
	REQUIRE(vm_inject_event2(g.vcpu[0], VM_HW_EXCEPTION, 13, 0x28) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 13));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x28));
	REQUIRE(asked());
	REQUIRE(vm_inject_nmi(g.vcpu[0]) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
}

static void
test_refused(void)
{
	static const struct {
		enum vm_event_type type;
		int vector, err;
		bool with_code;
	} rows[] = {
		{ VM_HW_EXCEPTION, 32, EINVAL, false },
		{ VM_HW_EXCEPTION, 2, EINVAL, false },
		{ VM_HW_EXCEPTION, 13, EINVAL, false },
		{ VM_HW_EXCEPTION, 6, EINVAL, true },
		{ VM_HW_INTR, 256, EINVAL, false },
		{ VM_HW_INTR, -1, EINVAL, false },
		{ VM_NMI, 2, EINVAL, true },
		{ VM_SW_INTR, 0x80, EPERM, false }, /* beyond the IDT */
		{ VM_SW_EXCEPTION, 3, EPERM, false }, /* not present */
		{ VM_SW_EXCEPTION, 13, EINVAL, false },
		{ VM_SW_INTR, 0x50, EINVAL, true },
	};
	size_t i;
	int rc, n;

	REQUIRE(g.vm != NULL);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rc = rows[i].with_code
		    ? vm_inject_event2(
			  g.vcpu[0], rows[i].type, rows[i].vector, 0)
		    : vm_inject_event(g.vcpu[0], rows[i].type, rows[i].vector);
		CHECK(rc == -1);
		CHECK_EQ(errno, rows[i].err);
	}
	CHECK(vm_ioapic_pincount(g.vm, &n) == -1 && errno == ENXIO);
	guest_stop(&g);
}

static void
test_chips(void)
{
	int n = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_irq, sizeof(guest_irq), VM_IRQCHIP, 1));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xff));
	REQUIRE(vm_lapic_irq(g.vcpu[0], 0x50) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	CHECK(vm_lapic_irq(g.vcpu[0], 15) == -1 && errno == EINVAL);
	REQUIRE(vm_isa_pulse_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	REQUIRE(vm_isa_assert_irq(g.vm, 5) == 0);
	REQUIRE(vm_isa_deassert_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(vm_isa_assert_irq(g.vm, 2) == -1 && errno == EINVAL);
	CHECK(vm_isa_deassert_irq(g.vm, 16) == -1 && errno == EINVAL);
	/* Pin 5 is the ISA line 5, too. */
	REQUIRE(vm_ioapic_assert_irq(g.vm, 5) == 0);
	REQUIRE(vm_ioapic_deassert_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	REQUIRE(vm_ioapic_pulse_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(vm_ioapic_pulse_irq(g.vm, 24) == -1 && errno == EINVAL);
	CHECK(vm_ioapic_pincount(g.vm, &n) == 0);
	CHECK_EQ(n, 24);
	CHECK(vm_apicid2vcpu(g.vm, 0) == g.vcpu[0]);
	CHECK(vm_apicid2vcpu(g.vm, 1) == NULL && errno == ENOENT);
	CHECK(vm_apicid2vcpu(g.vm, 4096) == NULL && errno == ENOENT);
	guest_stop(&g);
}

/* A level is there again after its EOI, an edge is not. */
static void
test_trigger(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_irq, sizeof(guest_irq), VM_IRQCHIP, 1));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xff));
	REQUIRE(vm_isa_set_irq_trigger(g.vm, 5, LEVEL_TRIGGER) == 0);
	REQUIRE(vm_isa_assert_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	REQUIRE(vm_isa_deassert_irq(g.vm, 5) == 0);
	REQUIRE(vm_isa_set_irq_trigger(g.vm, 5, EDGE_TRIGGER) == 0);
	REQUIRE(vm_isa_assert_irq(g.vm, 5) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	REQUIRE(vm_lapic_msi(g.vm, 0xfee00000, 0x50) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	CHECK(vm_isa_set_irq_trigger(g.vm, 0, LEVEL_TRIGGER) == -1 &&
	    errno == EINVAL);
	CHECK(vm_isa_set_irq_trigger(g.vm, 16, EDGE_TRIGGER) == -1 &&
	    errno == EINVAL);
}

static bool
lvt_is(size_t reg, uint32_t value)
{
	struct kvm_lapic_state s;
	int fd = kvm_vcpu_fd(g.vcpu[0]);

	if (ioctl(fd, KVM_GET_LAPIC, &s) == -1)
		return false;
	memcpy(s.regs + reg, &value, sizeof(value));
	return ioctl(fd, KVM_SET_LAPIC, &s) == 0;
}

static void
test_local(void)
{
	struct kvm_vcpu_events events;
	struct vm_exit e;

	REQUIRE(g.vm != NULL && vcpu_complete(g.vcpu[0], &e) == 0);
	CHECK(vm_lapic_local_irq(g.vcpu[0], VM_LVT_LINT0) == -1 &&
	    errno == ENOTSUP); /* the guest's PICs */
	CHECK(vm_lapic_local_irq(g.vcpu[0], VM_LVT_ERROR) == 0); /* masked */
	REQUIRE(lvt_is(VM_LVT_ERROR, 0x50));
	REQUIRE(vm_lapic_local_irq(g.vcpu[0], VM_LVT_ERROR) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	REQUIRE(lvt_is(VM_LVT_LINT1, 0x400));
	REQUIRE(vm_lapic_local_irq(g.vcpu[0], VM_LVT_LINT1) == 0);
	REQUIRE(
	    ioctl(kvm_vcpu_fd(g.vcpu[0]), KVM_GET_VCPU_EVENTS, &events) == 0);
	CHECK(events.nmi.pending);
	CHECK(vm_lapic_local_irq(g.vcpu[0], (enum vm_lapic_lvt)0x300) == -1 &&
	    errno == EINVAL);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_inject);
	TEST(test_refused);
	TEST(test_chips);
	TEST(test_trigger);
	TEST(test_local);
	return CHECK_EXIT();
}
