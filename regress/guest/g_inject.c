/* SPDX-License-Identifier: ISC */
/*
 * Events as the guest's own instructions would have had them: software
 * interrupts with their return address and their gate's rights, exceptions at
 * the instruction that exited or behind it, and the page fault of an address.
 */
#include "../../libvmm/handle.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../../libvmm/kvm/kvm.h"
#include "check.h"
#include "guest.h"
#include "guest_inject.h"

#define MISSING 0x400123ULL
#define CR0_PG 0x80000000U
#define IN_LENGTH 2 /* of inb $0xf1, %al */

static struct guest g;

static uint64_t
reg(int name)
{
	uint64_t value = UINT64_MAX;

	(void)vm_get_register(g.vcpu[0], name, &value);
	return value;
}

/* Goes to the guest's next question. */
static bool
asks(void)
{
	struct vm_exit e;

	return vm_run(g.vcpu[0], &e) == 0 && e.reason == VM_EXIT_PIO &&
	    !e.u.pio.write && e.u.pio.port == 0xf1;
}

/* And finishes it. */
static bool
asked(void)
{
	struct vm_exit e;

	return asks() && vcpu_complete(g.vcpu[0], &e) == 0 &&
	    e.reason == VM_EXIT_CANCELLED;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	CHECK(guest_start(&g, guest_inject, sizeof(guest_inject), 0, 1));
}

/* The guest has interrupts off, which INT n does not mind. */
static void
test_software(void)
{
	uint32_t rip;
	int rc;

	REQUIRE(asked());
	rip = (uint32_t)reg(VM_REG_GUEST_RIP);
	rc = vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x50);
	if (rc == -1 && errno == EBUSY)
		SKIP("an Intel CPU");
	REQUIRE(rc == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	CHECK(guest_writes(g.vcpu[0], 0xf0, rip));
	REQUIRE(asked());
	REQUIRE(vm_inject_event(g.vcpu[0], VM_SW_EXCEPTION, 3) == 0);
	CHECK(vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x50) == -1 &&
	    errno == EBUSY);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 3));
	CHECK(guest_writes(g.vcpu[0], 0xf0, rip));
}

/* The same from user mode, where a gate must allow it. */
static void
test_gates(void)
{
	struct vcpu_sregs s, user;

	REQUIRE(asked());
	REQUIRE(vcpu_get_sregs(g.vcpu[0], &s) == 0);
	user = s;
	user.ss.access |= 3U << 5;
	user.cs.access |= 3U << 5;
	user.ss.selector |= 3;
	user.cs.selector |= 3;
	REQUIRE(vcpu_set_sregs(g.vcpu[0], &user) == 0);
	CHECK(vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x51) == -1 &&
	    errno == EPERM);
	CHECK(vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x49) == -1 &&
	    errno == EPERM); /* not present */
	CHECK(vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x52) == -1 &&
	    errno == EPERM); /* beyond the table */
	user.idtr.base = 0x300000; /* no memory */
	REQUIRE(vcpu_set_sregs(g.vcpu[0], &user) == 0);
	CHECK(vm_inject_event(g.vcpu[0], VM_SW_INTR, 0x50) == -1 &&
	    errno == EFAULT);
	REQUIRE(vcpu_set_sregs(g.vcpu[0], &s) == 0);
}

static void
test_exception_restarts(void)
{
	uint32_t rip;

	REQUIRE(asked());
	rip = (uint32_t)reg(VM_REG_GUEST_RIP);
	REQUIRE(asks());
	REQUIRE(vm_inject_exception(g.vcpu[0], 6, false, 0, true) == 0);
	CHECK_EQ(reg(VM_REG_GUEST_RAX), 0x1234); /* AL was not read */
	CHECK(guest_writes(g.vcpu[0], 0xf0, 6));
	CHECK(guest_writes(g.vcpu[0], 0xf0, rip - IN_LENGTH));
	REQUIRE(asks());
	REQUIRE(vm_inject_exception(g.vcpu[0], 6, false, 0, false) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 6));
	CHECK(guest_writes(g.vcpu[0], 0xf0, rip));
	REQUIRE(asked());
	CHECK(vm_inject_exception(g.vcpu[0], 6, true, 0, true) == -1 &&
	    errno == EINVAL);
	CHECK(vm_inject_exception(g.vcpu[0], 32, false, 0, true) == -1 &&
	    errno == EINVAL);
}

/* The guest has tables; not every KVM runs 32-bit code with paging. */
static void
test_page_fault(void)
{
	struct kvm_vcpu_events events;
	struct vm_guest_paging paging;
	struct vmm_probe probe;
	struct vm_fault fault;
	uint64_t gpa = 0;

	REQUIRE(vmm_probe(g.kvm, &probe) == 0);
	REQUIRE(asked());
	REQUIRE(vm_get_paging(g.vcpu[0], &paging) == 0);
	paging.cr0 |= CR0_PG;
	if (probe.hardware_speed)
		REQUIRE(vm_set_register(
			    g.vcpu[0], VM_REG_GUEST_CR0, paging.cr0) == 0);
	REQUIRE(vm_gla2gpa(g.vcpu[0], &paging, 0x3123, VMM_PROT_WRITE, &gpa,
		    &fault) == 0);
	CHECK_EQ(gpa, 0x3123);
	REQUIRE(vm_gla2gpa(g.vcpu[0], &paging, MISSING, VMM_PROT_WRITE, &gpa,
		    &fault) == -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.error_code, 2);
	CHECK_EQ(reg(VM_REG_GUEST_CR2), MISSING);
	REQUIRE(
	    ioctl(kvm_vcpu_fd(g.vcpu[0]), KVM_GET_VCPU_EVENTS, &events) == 0);
	CHECK(events.exception.injected && events.exception.nr == 14);
	CHECK_EQ(events.exception.error_code, 2);
	CHECK(vm_gla2gpa(g.vcpu[0], &paging, MISSING, VMM_PROT_WRITE, &gpa,
		  &fault) == -1 &&
	    errno == EBUSY);
	if (probe.hardware_speed) {
		CHECK(guest_writes(g.vcpu[0], 0xf0, 14));
		CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
		CHECK(guest_writes(g.vcpu[0], 0xf0, MISSING));
		/* Nothing is left: the guest goes on asking. */
		CHECK(asked());
	}
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_software);
		TEST(test_gates);
		TEST(test_exception_restarts);
		TEST(test_page_fault);
	}
	return CHECK_EXIT();
}
