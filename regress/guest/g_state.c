/* SPDX-License-Identifier: ISC */
/*
 * State beyond registers by name: what is set is there, what is no such state
 * is refused; the chips of a guest that set them up, taken, lost and put back.
 */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_irq.h"

#define MSI_ADDR 0xfee00000ULL
#define XMM0 160 /* in the XSAVE area (SDM 1, 10.5.1) */
#define XSTATE_BV 512
#define MANY 300

static struct guest g;

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_irq, sizeof(guest_irq), VM_IRQCHIP | VM_PIT, 1));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xff));
}

static void
test_debugregs(void)
{
	struct vcpu_debugregs set = { { 0x1000, 0x2000, 0x3000, 0x4000 },
		0xffff0ff1, 0x455 };
	struct vcpu_debugregs old, got;

	REQUIRE(vcpu_get_debugregs(g.vcpu[0], &old) == 0);
	REQUIRE(vcpu_set_debugregs(g.vcpu[0], &set) == 0);
	REQUIRE(vcpu_get_debugregs(g.vcpu[0], &got) == 0);
	CHECK(memcmp(&set, &got, sizeof(set)) == 0);
	CHECK(vcpu_set_debugregs(g.vcpu[0], &old) == 0);
}

static void
test_xsave(void)
{
	size_t len = 0, room;
	uint8_t *area;

	REQUIRE(vcpu_get_xsave(g.vcpu[0], NULL, &len) == 0);
	CHECK(len >= 4096);
	room = len - 1;
	area = calloc(1, len + 1);
	REQUIRE(area != NULL);
	CHECK(vcpu_get_xsave(g.vcpu[0], area, &room) == -1 && errno == ENOBUFS);
	CHECK_EQ(room, len);
	area[len] = 0x5a;
	REQUIRE(vcpu_get_xsave(g.vcpu[0], area, &len) == 0);
	memset(area + XMM0, 0xa5, 16);
	area[XSTATE_BV] |= 2;
	CHECK(
	    vcpu_set_xsave(g.vcpu[0], area, len + 1) == -1 && errno == EINVAL);
	REQUIRE(vcpu_set_xsave(g.vcpu[0], area, len) == 0);
	memset(area, 0, len);
	REQUIRE(vcpu_get_xsave(g.vcpu[0], area, &len) == 0);
	CHECK_EQ(area[XMM0], 0xa5);
	CHECK_EQ(area[XMM0 + 15], 0xa5);
	CHECK_EQ(area[XMM0 + 16], 0);
	CHECK_EQ(area[len], 0x5a);
	free(area);
}

static void
test_xcr(void)
{
	uint64_t value = 0;
	int rc = vcpu_get_xcr(g.vcpu[0], 0, &value);

	if (rc == -1 && errno == EINVAL)
		SKIP("a CPU without XSAVE");
	REQUIRE(rc == 0);
	CHECK_EQ(value, 1);
	REQUIRE(vcpu_set_xcr(g.vcpu[0], 0, 3) == 0);
	REQUIRE(vcpu_get_xcr(g.vcpu[0], 0, &value) == 0);
	CHECK_EQ(value, 3);
	CHECK(vcpu_set_xcr(g.vcpu[0], 0, 2) == -1 && errno == EINVAL);
	CHECK(vcpu_get_xcr(g.vcpu[0], 5, &value) == -1 && errno == EINVAL);
	CHECK(vcpu_set_xcr(g.vcpu[0], 5, 1) == -1 && errno == EINVAL);
}

static void
test_msrs(void)
{
	static const struct vcpu_msr set[] = { { 0xc0000081, 0x1111 },
		{ 0xc0000102, 0x2222 }, { 0x277, 0x0606060606060606 } };
	struct vcpu_msr got[3], many[MANY];
	uint32_t *list, i, found = 0;
	int n;

	REQUIRE(vcpu_set_msrs(g.vcpu[0], set, 3) == 3);
	for (i = 0; i < 3; i++)
		got[i] = (struct vcpu_msr) { set[i].index, 0 };
	REQUIRE(vcpu_get_msrs(g.vcpu[0], got, 3) == 3);
	for (i = 0; i < 3; i++)
		CHECK_EQ(got[i].value, set[i].value);
	got[1].index = 0x12345678; /* no such */
	got[2].value = 7;
	CHECK_EQ(vcpu_get_msrs(g.vcpu[0], got, 3), 1);
	CHECK_EQ(got[2].value, 7);
	CHECK_EQ(vcpu_set_msrs(g.vcpu[0], got, 3), 1);
	for (i = 0; i < MANY; i++)
		many[i] = (struct vcpu_msr) { 0xc0000081, 0x1000 + i };
	CHECK_EQ(vcpu_set_msrs(g.vcpu[0], many, MANY), MANY);
	CHECK_EQ(vcpu_get_msrs(g.vcpu[0], many, MANY), MANY);
	CHECK_EQ(many[0].value, 0x1000 + MANY - 1);
	CHECK_EQ(many[MANY - 1].value, 0x1000 + MANY - 1);

	n = vmm_msr_list(g.kvm, NULL, 0);
	REQUIRE(n > 10);
	list = calloc((size_t)n, sizeof(*list));
	REQUIRE(list != NULL);
	CHECK_EQ(vmm_msr_list(g.kvm, list, (uint32_t)n), n);
	for (i = 0; i < (uint32_t)n; i++)
		found += list[i] == 0xc0000081 || list[i] == 0x10;
	CHECK_EQ(found, 2);
	free(list);
}

/* An interrupt by line and one by message reach what the guest set up. */
static bool
interrupts_work(void)
{
	return vm_isa_pulse_irq(g.vm, 5) == 0 &&
	    guest_writes(g.vcpu[0], 0xf0, 0x25) &&
	    vm_raise_msi(g.vm, MSI_ADDR, 0x50) == 0 &&
	    guest_writes(g.vcpu[0], 0xf0, 0x50);
}

static void
test_chips(void)
{
	struct vcpu_sregs sregs;
	struct vcpu_regs regs;
	struct vm_exit e;
	size_t len = 0, room = 1;
	uint64_t before, after;
	uint8_t *chips, byte;

	REQUIRE(interrupts_work());
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	CHECK(vm_restore_time(g.vm) == -1 && errno == ENOENT);
	REQUIRE(vm_get_chips(g.vm, NULL, &len) == 0);
	chips = malloc(len);
	REQUIRE(chips != NULL);
	CHECK(vm_get_chips(g.vm, chips, &room) == -1 && errno == ENOBUFS);
	REQUIRE(vm_get_chips(g.vm, chips, &len) == 0);
	REQUIRE(vcpu_get_regs(g.vcpu[0], &regs) == 0);
	REQUIRE(vcpu_get_sregs(g.vcpu[0], &sregs) == 0);

	/* Of another VM, too short, too long: nothing. */
	CHECK(vm_set_chips(g.vm, chips, len - 1) == -1 && errno == EINVAL);
	CHECK(vm_set_chips(g.vm, chips, 0) == -1 && errno == EINVAL);
	byte = chips[0];
	chips[0] = (uint8_t)~byte;
	CHECK(vm_set_chips(g.vm, chips, len) == -1 && errno == EINVAL);
	chips[0] = byte;
	CHECK(vm_restore_time(g.vm) == -1 && errno == ENOENT);

	REQUIRE(vcpu_reset(g.vcpu[0]) == 0 && vm_reset_chips(g.vm) == 0);
	REQUIRE(vcpu_set_sregs(g.vcpu[0], &sregs) == 0);
	REQUIRE(vcpu_set_regs(g.vcpu[0], &regs) == 0);
	REQUIRE(vm_set_chips(g.vm, chips, len) == 0);
	CHECK(interrupts_work());
	REQUIRE(vm_clock_get(g.vm, &before) == 0);
	REQUIRE(vm_restore_time(g.vm) == 0);
	REQUIRE(vm_clock_get(g.vm, &after) == 0);
	CHECK(after < before);
	free(chips);
}

static void
test_chips_refused(void)
{
	static const struct {
		uint32_t flags, ncpus;
	} rows[] = { { VM_IRQCHIP, 1 }, { VM_IRQCHIP | VM_PIT, 2 } };
	struct guest other;
	uint8_t *chips;
	size_t len = 0, i;

	REQUIRE(vm_get_chips(g.vm, NULL, &len) == 0);
	chips = malloc(len);
	REQUIRE(chips != NULL && vm_get_chips(g.vm, chips, &len) == 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(guest_start(&other, guest_irq, sizeof(guest_irq),
		    rows[i].flags, rows[i].ncpus));
		CHECK(vm_set_chips(other.vm, chips, len) == -1 &&
		    errno == EINVAL);
		guest_stop(&other);
	}
	REQUIRE(guest_start(&other, guest_irq, sizeof(guest_irq), 0, 1));
	CHECK(vm_get_chips(other.vm, NULL, &len) == -1 && errno == ENXIO);
	CHECK(vm_set_chips(other.vm, chips, len) == -1 && errno == ENXIO);
	guest_stop(&other);
	free(chips);
}

static void
test_not_in_kvm(void)
{
	uint32_t capabilities;
	uint8_t byte;
	time_t t;

	CHECK(vm_rtc_write(g.vm, 0, 0) == -1 && errno == ENOTSUP);
	CHECK(vm_rtc_read(g.vm, 0, &byte) == -1 && errno == ENOTSUP);
	CHECK(vm_rtc_settime(g.vm, 0) == -1 && errno == ENOTSUP);
	CHECK(vm_rtc_gettime(g.vm, &t) == -1 && errno == ENOTSUP);
	CHECK(vm_get_hpet_capabilities(g.vm, &capabilities) == -1 &&
	    errno == ENOTSUP);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_debugregs);
		TEST(test_xsave);
		TEST(test_xcr);
		TEST(test_msrs);
		TEST(test_chips);
		TEST(test_chips_refused);
		TEST(test_not_in_kvm);
	}
	return CHECK_EXIT();
}
