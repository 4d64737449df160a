/* SPDX-License-Identifier: ISC */
/*
 * Capabilities: names, what is fixed and refused, single step; the log of
 * written pages; several registers in one call.
 */
#include <sched.h>

#include "check.h"
#include "guest.h"

static struct guest g;

/* Writes to pages 3 and 8, says so, and then to page 9. */
static const uint8_t writer[] = { 0xc6, 0x06, 0x00, 0x30, 1, 0xc6, 0x06, 0x23,
	0x81, 2, 0xe6, 0xf0, 0xc6, 0x06, 0x00, 0x90, 3, 0xe6, 0xf0, 0xf4 };
static const uint8_t nops[] = { 0x90, 0x90, 0xb0, 0x07, 0xe6, 0xf0, 0xf4 };

static void
test_names(void)
{
	int i;

	for (i = 0; i < VM_CAP_MAX; i++)
		CHECK_EQ(
		    vm_capability_name2type(vm_capability_type2name(i)), i);
	CHECK_EQ(vm_capability_name2type("mtrap_exit"), VM_CAP_MTRAP_EXIT);
	CHECK(vm_capability_name2type("none") == -1 && errno == EINVAL);
	CHECK(vm_capability_type2name(VM_CAP_MAX) == NULL && errno == EINVAL);
}

static void
test_fixed(void)
{
	int v = -1;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, nops, sizeof(nops), 0, 1));
	CHECK(vm_get_capability(g.vcpu[0], VM_CAP_HALT_EXIT, &v) == 0);
	CHECK_EQ(v, 1);
	CHECK(vm_set_capability(g.vcpu[0], VM_CAP_HALT_EXIT, 1) == 0);
	CHECK(vm_set_capability(g.vcpu[0], VM_CAP_HALT_EXIT, 0) == -1 &&
	    errno == ENOTSUP);
	CHECK(vm_set_capability(g.vcpu[0], VM_CAP_PAUSE_EXIT, 1) == -1 &&
	    errno == ENOTSUP);
	CHECK(vm_set_capability(g.vcpu[0], VM_CAP_PAUSE_EXIT, 2) == -1 &&
	    errno == EINVAL);
	CHECK(vm_get_capability(g.vcpu[0], VM_CAP_MAX, &v) == -1 &&
	    errno == EINVAL);
	if (vm_get_capability(g.vcpu[0], VM_CAP_UNRESTRICTED_GUEST, &v) == 0)
		CHECK(vm_set_capability(
			  g.vcpu[0], VM_CAP_UNRESTRICTED_GUEST, !v) == -1);
	CHECK_EQ(errno, ENOTSUP);
}

static void
test_step(void)
{
	struct vm_exit e;
	int i, v = 0;

	REQUIRE(g.vm != NULL);
	REQUIRE(vm_set_capability(g.vcpu[0], VM_CAP_MTRAP_EXIT, 1) == 0);
	CHECK(vm_get_capability(g.vcpu[0], VM_CAP_MTRAP_EXIT, &v) == 0);
	CHECK_EQ(v, 1);
	for (i = 1; i <= 2; i++) {
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		REQUIRE(e.reason == VM_EXIT_DEBUG);
		CHECK_EQ(e.u.debug.pc, GUEST_ENTRY + i);
	}
	REQUIRE(vm_set_capability(g.vcpu[0], VM_CAP_MTRAP_EXIT, 0) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 7));
	guest_stop(&g);
}

static void
test_dirty(void)
{
	uint64_t map = 0;
	uint8_t bytes[2] = { 0 };

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, writer, sizeof(writer), 0, 1));
	CHECK(vm_dirty_get(g.vm, 0, &map, 1) == -1 && errno == ENOENT);
	REQUIRE(vm_dirty_enable(g.vm, true) == 0);
	CHECK(vm_dirty_get(g.vm, 0, &map, 0) == -1 && errno == ENOBUFS);
	CHECK(vm_dirty_get(g.vm, 0x1000, &map, 1) == -1 && errno == ENOENT);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0));
	REQUIRE(vm_dirty_get(g.vm, 0, &map, 1) == 0);
	/* A page that was only read (the code) may be there. */
	CHECK_EQ(map & ~2ULL, 1 << 3 | 1 << 8);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0));
	REQUIRE(vm_dirty_get(g.vm, 0, &map, 1) == 0);
	CHECK_EQ(map & ~2ULL, 1 << 9);
	/* What is copied in is written as well, once; what is read is not. */
	CHECK_EQ(vm_copyin(g.vm, bytes, 0x4fff, sizeof(bytes)), 0);
	CHECK_EQ(vm_copyin(g.vm, bytes, 0x6000, 0), 0);
	CHECK_EQ(vm_copyout(g.vm, 0x7000, bytes, sizeof(bytes)), 0);
	REQUIRE(vm_dirty_get(g.vm, 0, &map, 1) == 0);
	CHECK_EQ(map & ~2ULL, 1 << 4 | 1 << 5);
	REQUIRE(vm_dirty_get(g.vm, 0, &map, 1) == 0);
	CHECK_EQ(map & ~2ULL, 0);
	REQUIRE(vm_dirty_enable(g.vm, false) == 0);
	CHECK_EQ(vm_copyin(g.vm, bytes, 0x6000, sizeof(bytes)), 0);
	REQUIRE(vm_dirty_enable(g.vm, true) == 0);
	REQUIRE(vm_dirty_get(g.vm, 0, &map, 1) == 0);
	CHECK_EQ(map & ~2ULL, 0);
	CHECK_EQ(vm_copyin(g.vm, bytes, 0x6000, sizeof(bytes)), 0);
	REQUIRE(vm_dirty_enable(g.vm, false) == 0);
	CHECK(vm_dirty_get(g.vm, 0, &map, 1) == -1 && errno == ENOENT);
}

static void
test_register_set(void)
{
	static const int regs[] = { VM_REG_GUEST_RBX, VM_REG_GUEST_DR1,
		VM_REG_GUEST_FS, VM_REG_GUEST_R15, VM_REG_GUEST_CR2 };
	static const int bad[] = { VM_REG_GUEST_RBX, VM_REG_GUEST_GDTR };
	const uint64_t in[] = { 1, 0x2000, 3, 4, 0x5000 };
	uint64_t out[5] = { 0 }, one;
	int i;

	REQUIRE(g.vm != NULL);
	REQUIRE(vm_set_register_set(g.vcpu[0], 5, regs, in) == 0);
	REQUIRE(vm_get_register_set(g.vcpu[0], 5, regs, out) == 0);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(out[i], in[i]);
		REQUIRE(vm_get_register(g.vcpu[0], regs[i], &one) == 0);
		CHECK_EQ(one, in[i]);
	}
	out[0] = 99;
	CHECK(vm_set_register_set(g.vcpu[0], 2, bad, out) == -1 &&
	    errno == EINVAL);
	CHECK(vm_get_register_set(g.vcpu[0], 0, regs, out) == -1 &&
	    errno == EINVAL);
	REQUIRE(vm_get_register(g.vcpu[0], VM_REG_GUEST_RBX, &one) == 0);
	CHECK_EQ(one, 1);
	guest_stop(&g);
}

static void
test_host(void)
{
	uint64_t total = 0, left = 0;
	int cpu = sched_getcpu(), now = 0;
	cpu_set_t before, after;

	REQUIRE(vmm_get_mem_total(&total) == 0);
	REQUIRE(vmm_get_mem_free(&left) == 0);
	CHECK(left > 0 && left <= total);

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, nops, sizeof(nops), 0, 1));
	REQUIRE(sched_getaffinity(0, sizeof(before), &before) == 0);
	CHECK(vm_get_pinning(g.vcpu[0], &now) == 0);
	CHECK_EQ(now, -1);
	REQUIRE(vm_set_pinning(g.vcpu[0], cpu) == 0);
	CHECK(vm_get_pinning(g.vcpu[0], &now) == 0);
	CHECK_EQ(now, cpu);
	REQUIRE(sched_getaffinity(0, sizeof(after), &after) == 0);
	CHECK_EQ(CPU_COUNT(&after), 1);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 7));
	CHECK_EQ(sched_getcpu(), cpu);
	CHECK(vm_set_pinning(g.vcpu[0], CPU_SETSIZE) == -1 && errno == EINVAL);
	CHECK(vm_set_pinning(g.vcpu[0], -2) == -1 && errno == EINVAL);
	CHECK(vm_set_pinning(g.vcpu[0], CPU_SETSIZE - 1) == -1);
	REQUIRE(vm_set_pinning(g.vcpu[0], -1) == 0);
	REQUIRE(sched_getaffinity(0, sizeof(after), &after) == 0);
	CHECK(CPU_EQUAL(&before, &after));
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_names);
	TEST(test_fixed);
	TEST(test_step);
	TEST(test_dirty);
	TEST(test_register_set);
	TEST(test_host);
	return CHECK_EXIT();
}
