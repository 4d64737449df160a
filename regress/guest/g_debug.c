/* SPDX-License-Identifier: ISC */
/*
 * What a debugger of the guest exits for: steps, points on code and data,
 * INT3, the guest's own INT3 given back to it; and the FPU's registers.  QEMU
 * 7.2's SVM has neither points nor an intercept of INT3, and a KVM that
 * emulates kernel code no points on data: there these are skipped.
 */
#include <stdlib.h>

#include "check.h"
#include "guest.h"

#define AT_WRITE 0x1001
#define AT_READ 0x1006
#define AT_INT3 0x1009
#define DATA 0x3000
#define HANDLER 0x1100

/* nop; write DATA; read DATA; int3; 7 to port 0xf0. */
static const uint8_t code[] = { 0x90, 0xc6, 0x06, 0x00, 0x30, 1, 0xa0, 0x00,
	0x30, 0xcc, 0xb0, 7, 0xe6, 0xf0, 0xf4 };
/* 3 to port 0xf1; iret. */
static const uint8_t handler[] = { 0xb0, 3, 0xe6, 0xf1, 0xcf };

static struct guest g;

static bool
start(void)
{
	const uint16_t vector[2] = { HANDLER, 0 };

	return guest_start(&g, code, sizeof(code), 0, 1) &&
	    vm_copyin(g.vm, handler, HANDLER, sizeof(handler)) == 0 &&
	    vm_copyin(g.vm, vector, 3 * sizeof(vector), sizeof(vector)) == 0;
}

/* Whether an exit came too late, and this host is one that may not have it. */
static bool
is_lacking(const struct vm_exit *e)
{
	struct vmm_probe probe = { .hardware_speed = true };

	if (e->reason != VM_EXIT_PIO)
		return false;
	return getenv("VMD_EMULATED") != NULL ||
	    (vmm_probe(g.kvm, &probe) == 0 && !probe.hardware_speed);
}

static bool lacking; /* the last stops() found it so */

/* Runs with one setting; whether it exits for point n at pc. */
static bool
stops(enum vcpu_point_kind kind, uint64_t addr, int n, uint64_t pc)
{
	struct vcpu_debug d = { .flags = 0 };
	struct vm_exit e;

	d.point[n].kind = kind;
	d.point[n].len = 1;
	d.point[n].addr = addr;
	lacking = false;
	if (vcpu_set_debug(g.vcpu[0], &d) == -1 || vm_run(g.vcpu[0], &e) == -1)
		return false;
	if (e.reason != VM_EXIT_DEBUG) {
		lacking = is_lacking(&e);
		return false;
	}
	printf("# pc 0x%llx dr6 0x%llx\n", (unsigned long long)e.u.debug.pc,
	    (unsigned long long)e.u.debug.dr6);
	return e.u.debug.pc == pc && e.u.debug.exception == 1 &&
	    (e.u.debug.dr6 & 0xf) == 1U << n;
}

static void
test_settings(void)
{
	struct vcpu_debug d = { .flags = 0x80 };

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	CHECK(vcpu_set_debug(g.vcpu[0], &d) == -1 && errno == EINVAL);
	d.flags = VCPU_DEBUG_INT3;
	d.point[3] = (struct vcpu_point) { VCPU_POINT_WRITE, 4, 0x1002 };
	CHECK(vcpu_set_debug(g.vcpu[0], &d) == -1 && errno == EINVAL);
	d.point[3].len = 3;
	CHECK(vcpu_set_debug(g.vcpu[0], &d) == -1 && errno == EINVAL);
	d.point[3] = (struct vcpu_point) { VCPU_POINT_EXEC, 2, 0x1002 };
	CHECK(vcpu_set_debug(g.vcpu[0], &d) == -1 && errno == EINVAL);
	d.point[3] = (struct vcpu_point) { VCPU_POINT_WRITE, 8, 0x1008 };
	CHECK(vcpu_set_debug(g.vcpu[0], &d) == 0);
	CHECK(vcpu_get_debug(g.vcpu[0], &d) == 0);
	CHECK_EQ(d.point[3].addr, 0x1008);
	CHECK_EQ(d.flags, VCPU_DEBUG_INT3);
	guest_stop(&g);
}

static void
test_step(void)
{
	struct vcpu_debug d = { .flags = VCPU_DEBUG_STEP | VCPU_DEBUG_QUIET };
	struct vm_exit e;
	int on = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	REQUIRE(vcpu_set_debug(g.vcpu[0], &d) == 0);
	CHECK(vm_get_capability(g.vcpu[0], VM_CAP_MTRAP_EXIT, &on) == 0 && on);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	REQUIRE(e.reason == VM_EXIT_DEBUG);
	CHECK_EQ(e.u.debug.pc, AT_WRITE);
	CHECK(e.u.debug.dr6 & 1 << 14);
	guest_stop(&g);
}

static void
test_code(void)
{
	bool stopped;

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	stopped = stops(VCPU_POINT_EXEC, AT_READ, 2, AT_READ);
	guest_stop(&g);
	if (lacking)
		SKIP("this host's KVM has no points on code");
	CHECK(stopped);
}

static void
test_data(void)
{
	bool stopped;

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	stopped = stops(VCPU_POINT_WRITE, DATA, 1, AT_READ);
	if (lacking)
		SKIP("this host's KVM has no points on data");
	CHECK(stopped);
	CHECK(stops(VCPU_POINT_ACCESS, DATA, 3, AT_INT3));
	guest_stop(&g);
}

static void
test_int3(void)
{
	struct vcpu_debug d = { .flags = VCPU_DEBUG_INT3 };
	struct vm_exit e;

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	REQUIRE(vcpu_set_debug(g.vcpu[0], &d) == 0);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	if (is_lacking(&e))
		SKIP("this host's KVM does not exit for INT3");
	REQUIRE(e.reason == VM_EXIT_DEBUG);
	CHECK_EQ(e.u.debug.exception, 3);
	CHECK_EQ(e.u.debug.pc, AT_INT3);
	REQUIRE(vm_inject_event(g.vcpu[0], VM_HW_EXCEPTION, 3) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf1, 3));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 7));
	guest_stop(&g);
}

static void
test_fpu(void)
{
	struct vcpu_fpu f, back;
	int i;

	GUEST_NEEDS_KVM();
	REQUIRE(start());
	REQUIRE(vcpu_get_fpu(g.vcpu[0], &f) == 0);
	CHECK_EQ(f.fcw, 0x37f);
	CHECK_EQ(f.mxcsr, 0x1f80);
	for (i = 0; i < 16; i++)
		memset(f.xmm[i], i + 1, sizeof(f.xmm[i]));
	for (i = 0; i < 8; i++)
		memset(f.st[i], 0x40 + i, 10);
	f.fsw = 0x3800;
	f.ftw = 0x80;
	f.mxcsr = 0x1fa0;
	f.fip = 0x1234;
	REQUIRE(vcpu_set_fpu(g.vcpu[0], &f) == 0);
	REQUIRE(vcpu_get_fpu(g.vcpu[0], &back) == 0);
	CHECK(memcmp(&f, &back, sizeof(f)) == 0);
	f.mxcsr = 0xffffffff;
	CHECK(vcpu_set_fpu(g.vcpu[0], &f) == -1 && errno == EINVAL);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_settings);
	TEST(test_step);
	TEST(test_code);
	TEST(test_data);
	TEST(test_int3);
	TEST(test_fpu);
	return CHECK_EXIT();
}
