/* SPDX-License-Identifier: ISC */
/*
 * Port and memory exits: every size, both directions, a string, and that the
 * answer to a read reaches the guest by the next run or by vcpu_complete().
 */
#include "check.h"
#include "guest.h"
#include "guest_io.h"

static struct guest g;

/* The next exit; true if it is a port read, answered with value. */
static bool
answers(uint16_t port, uint32_t value)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.write || e.u.pio.port != port)
		return false;
	memcpy(e.u.pio.data, &value, e.u.pio.size);
	return true;
}

static void
test_ports(void)
{
	REQUIRE(guest_writes(g.vcpu[0], 0x3f8, 0x41));
	REQUIRE(guest_writes(g.vcpu[0], 0x3f8, 0x4142));
	REQUIRE(guest_writes(g.vcpu[0], 0x3f8, 0x41424344));
	REQUIRE(answers(0x3f8, 0x99));
	REQUIRE(guest_writes(g.vcpu[0], 0x3f9, 0x99));
}

static void
test_complete(void)
{
	struct vcpu_regs regs;
	struct vm_exit e;

	REQUIRE(answers(0x3f8, 0xdeadbeef));
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
	REQUIRE(vcpu_get_regs(g.vcpu[0], &regs) == 0);
	CHECK_EQ(regs.rax & 0xffffffff, 0xdeadbeef);
	REQUIRE(guest_writes(g.vcpu[0], 0x3f9, 0xdeadbeef));
}

static void
test_string(void)
{
	char text[5] = "";
	size_t n = 0;
	struct vm_exit e;

	while (n < 4) {
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		REQUIRE(e.reason == VM_EXIT_PIO && e.u.pio.port == 0x3fa);
		REQUIRE(e.u.pio.write && e.u.pio.size == 1);
		REQUIRE(e.u.pio.count >= 1 && n + e.u.pio.count <= 4);
		memcpy(text + n, e.u.pio.data, e.u.pio.count);
		n += e.u.pio.count;
	}
	CHECK_STR(text, "vmm!");
}

static void
test_memory(void)
{
	uint32_t value = 0xcafe1234;
	struct vm_exit e;

	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	REQUIRE(e.reason == VM_EXIT_MMIO && e.u.mmio.write);
	CHECK_EQ(e.u.mmio.gpa, 0xb8004);
	CHECK_EQ(e.u.mmio.len, 1);
	CHECK_EQ(e.u.mmio.data[0], 0x5a);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	REQUIRE(e.reason == VM_EXIT_MMIO && e.u.mmio.write);
	CHECK_EQ(e.u.mmio.gpa, 0xb8008);
	CHECK_EQ(e.u.mmio.len, 4);
	CHECK(memcmp(e.u.mmio.data, "\4\3\2\1", 4) == 0);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	REQUIRE(e.reason == VM_EXIT_MMIO && !e.u.mmio.write);
	CHECK_EQ(e.u.mmio.gpa, 0xb8010);
	REQUIRE(e.u.mmio.len == 4);
	memcpy(e.u.mmio.data, &value, 4);
	REQUIRE(guest_writes(g.vcpu[0], 0x3f9, value));
}

static void
test_halt(void)
{
	struct vm_exit e;

	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_HLT);
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	CHECK(guest_start(&g, guest_io, sizeof(guest_io), 0, 1));
}

static void
test_no_leak(void)
{
	int before;

	GUEST_NEEDS_KVM();
	guest_stop(&g);
	before = guest_count_fds();
	REQUIRE(guest_start(
	    &g, guest_io, sizeof(guest_io), VM_IRQCHIP | VM_PIT, 4));
	CHECK(guest_count_fds() >= before + 7);
	guest_stop(&g);
	CHECK_EQ(guest_count_fds(), before);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_ports);
		TEST(test_complete);
		TEST(test_string);
		TEST(test_memory);
		TEST(test_halt);
	}
	TEST(test_no_leak);
	return CHECK_EXIT();
}
