/* SPDX-License-Identifier: ISC */
/*
 * A VM that goes back: memory, registers, FPU, MSRs and chips are as they were,
 * as often as one likes, at the cost of the pages that were written.
 */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_irq.h"
#include "guest_snapshot.h"

#define WRITTEN 0x6000ULL
#define ROUNDS 200
#define STAR 0xc0000081U
#define XMM0 160
#define LARGE (64U << 20)

static struct guest g;
static struct vm_snapshot *snap;

/* The guest asks how many pages; what it writes before it says count. */
static bool
round_of(uint8_t pages, uint16_t count)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.write || e.u.pio.port != 0xf1)
		return false;
	e.u.pio.data[0] = pages;
	return guest_writes(g.vcpu[0], 0xf0, count);
}

static uint16_t
word_at(uint64_t gpa)
{
	uint16_t w = 0xffff;

	(void)vm_copyout(g.vm, gpa, &w, sizeof(w));
	return w;
}

static void
test_start(void)
{
	struct vm_exit e;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_snapshot, sizeof(guest_snapshot), 0, 1));
	REQUIRE(guest_writes(g.vcpu[0], 0xf0, 1));
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	REQUIRE(vm_dirty_enable(g.vm, true) == 0);
	CHECK(vm_snapshot_take(g.vm, &snap) == -1 && errno == EBUSY);
	REQUIRE(vm_dirty_enable(g.vm, false) == 0);
	CHECK(vm_snapshot_take(g.vm, &snap) == 0);
}

static void
test_back_and_again(void)
{
	uint64_t pages = 0, least = UINT64_MAX;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		REQUIRE(round_of(3, 2));
		REQUIRE(round_of(0, 3));
		CHECK_EQ(word_at(WRITTEN + 0x2123), 0x7777);
		REQUIRE(vm_snapshot_restore(snap, &pages) == 0);
		CHECK(pages >= 4 && pages <= GUEST_MEMORY / 4096);
		if (pages < least)
			least = pages;
		CHECK_EQ(word_at(WRITTEN + 0x123), 0);
		CHECK_EQ(word_at(WRITTEN + 0x2123), 0);
		CHECK_EQ(word_at(0x5000), 1);
	}
	printf("# %llu pages each time\n", (unsigned long long)least);
	/* Nothing ran: nothing to copy. */
	REQUIRE(vm_snapshot_restore(snap, &pages) == 0);
	CHECK_EQ(pages, 0);
}

/* The guest waits for an answer, which must not reach what it goes back to. */
static void
test_in_the_middle(void)
{
	uint64_t before, after;
	struct vm_exit e;

	REQUIRE(vm_get_register(g.vcpu[0], VM_REG_GUEST_RIP, &before) == 0);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0 && e.reason == VM_EXIT_PIO);
	e.u.pio.data[0] = 0x99;
	REQUIRE(vm_snapshot_restore(snap, NULL) == 0);
	REQUIRE(vm_get_register(g.vcpu[0], VM_REG_GUEST_RIP, &after) == 0);
	CHECK_EQ(before, after);
	REQUIRE(round_of(1, 2));
	REQUIRE(vm_snapshot_restore(snap, NULL) == 0);
}

static void
test_host_writes(void)
{
	uint8_t *p = vm_map_gpa(g.vm, 0, GUEST_MEMORY), byte = 9;
	uint64_t pages;

	REQUIRE(p != NULL);
	REQUIRE(vm_copyin(g.vm, &byte, 0x8fff, 1) == 0);
	p[0x9fff] = p[0xa000] = 7;
	CHECK(vm_snapshot_note(snap, 0x9fff, 2) == 0);
	CHECK(vm_snapshot_note(snap, GUEST_MEMORY - 1, 2) == -1 &&
	    errno == EFAULT);
	CHECK(vm_snapshot_note(snap, 0x100000, 1) == -1 && errno == EFAULT);
	REQUIRE(vm_snapshot_restore(snap, &pages) == 0);
	CHECK_EQ(pages, 3);
	CHECK_EQ(p[0x8fff] + p[0x9fff] + p[0xa000], 0);
}

static void
test_state(void)
{
	uint8_t area[65536];
	size_t len = sizeof(area);
	uint64_t value = 0;

	REQUIRE(vcpu_set_msr(g.vcpu[0], STAR, 0x1234) == 0);
	REQUIRE(vm_set_register(g.vcpu[0], VM_REG_GUEST_DR0, 0x5678) == 0);
	REQUIRE(vcpu_get_xsave(g.vcpu[0], area, &len) == 0);
	memset(area + XMM0, 0xa5, 16);
	area[512] |= 2;
	REQUIRE(vcpu_set_xsave(g.vcpu[0], area, len) == 0);
	REQUIRE(vm_snapshot_restore(snap, NULL) == 0);
	CHECK(vcpu_get_msr(g.vcpu[0], STAR, &value) == 0 && value == 0);
	CHECK(vm_get_register(g.vcpu[0], VM_REG_GUEST_DR0, &value) == 0 &&
	    value == 0);
	REQUIRE(vcpu_get_xsave(g.vcpu[0], area, &len) == 0);
	CHECK_EQ(area[XMM0], 0);
}

static void
test_has_the_log(void)
{
	struct vm_snapshot *second;
	uint64_t bitmap[1];

	CHECK(vm_snapshot_take(g.vm, &second) == -1 && errno == EBUSY);
	CHECK(vm_dirty_enable(g.vm, false) == -1 && errno == EBUSY);
	CHECK(vm_dirty_get(g.vm, 0, bitmap, 1) == -1 && errno == EBUSY);
	vcpu_close(g.vcpu[0]);
	CHECK(vm_snapshot_restore(snap, NULL) == -1 && errno == EINVAL);
	vm_snapshot_free(snap);
	CHECK(vm_dirty_get(g.vm, 0, bitmap, 1) == -1 && errno == ENOENT);
	CHECK(vm_dirty_enable(g.vm, true) == 0);
	vm_snapshot_free(NULL);
	guest_stop(&g);
}

static void
test_chips(void)
{
	struct vm_exit e;
	int i;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_irq, sizeof(guest_irq), VM_IRQCHIP | VM_PIT, 1));
	REQUIRE(guest_writes(g.vcpu[0], 0xf0, 0xff));
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	REQUIRE(vm_snapshot_take(g.vm, &snap) == 0);
	for (i = 0; i < 3; i++) {
		REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
		REQUIRE(vm_reset_chips(g.vm) == 0);
		REQUIRE(vm_snapshot_restore(snap, NULL) == 0);
		REQUIRE(vm_isa_pulse_irq(g.vm, 5) == 0);
		CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
		REQUIRE(vm_raise_msi(g.vm, 0xfee00000, 0x50) == 0);
		CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	}
	vm_snapshot_free(snap);
	guest_stop(&g);
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* RAM in two parts; what costs is what was written, not what there is. */
static void
test_cost(void)
{
	struct vm_params params = { .size = sizeof(params), .ncpus = 1 };
	uint64_t pages = 0, at;
	double few, many;
	uint8_t one = 1, *p;

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	REQUIRE(g.kvm != -1 && vm_create(g.kvm, &params, &g.vm) == 0);
	CHECK(vm_snapshot_take(g.vm, &snap) == -1 && errno == ENOENT);
	REQUIRE(vm_set_lowmem_limit(g.vm, LARGE / 2) == 0);
	REQUIRE(vm_setup_memory(g.vm, LARGE) == 0);
	p = vm_map_gpa(g.vm, VMM_HIGHMEM_START, LARGE / 2);
	REQUIRE(p != NULL);
	memset(p, 0x11, LARGE / 2);
	REQUIRE(vm_snapshot_take(g.vm, &snap) == 0);
	memset(p, 0x22, LARGE / 2);
	REQUIRE(vm_snapshot_note(snap, VMM_HIGHMEM_START, LARGE / 2) == 0);
	many = now_us();
	REQUIRE(vm_snapshot_restore(snap, &pages) == 0);
	many = now_us() - many;
	CHECK_EQ(pages, LARGE / 2 / 4096);
	for (at = 0; at < LARGE / 2; at += 4096)
		if (p[at] != 0x11)
			break;
	CHECK_EQ(at, LARGE / 2);
	REQUIRE(vm_copyin(g.vm, &one, 0x1000, 1) == 0);
	REQUIRE(vm_copyin(g.vm, &one, VMM_HIGHMEM_START + 0x1000, 1) == 0);
	few = now_us();
	REQUIRE(vm_snapshot_restore(snap, &pages) == 0);
	few = now_us() - few;
	CHECK_EQ(pages, 2);
	CHECK_EQ(p[0x1000], 0x11);
	CHECK_EQ(word_at(0x1000), 0);
	printf("# %u pages: %.0f us; 2 pages: %.0f us\n", LARGE / 2 / 4096,
	    many, few);
	CHECK(few < many);
	vm_snapshot_free(snap);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (snap != NULL) {
		TEST(test_back_and_again);
		TEST(test_in_the_middle);
		TEST(test_host_writes);
		TEST(test_state);
		TEST(test_has_the_log);
	}
	TEST(test_chips);
	TEST(test_cost);
	return CHECK_EXIT();
}
