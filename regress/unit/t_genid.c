/* SPDX-License-Identifier: ISC */
/*
 * The generation ID: where it is, when the guest hears of it, and what a
 * machine that is moved keeps.
 */
#include "chip/genid.h"

#include "boot/layout.h"
#include "check.h"
#include "chip/pm.h"
#include "pc.h"
#include "state_test.h"

STATE_TEST_FUNCTIONS(genid)

#define RAM (8ULL << 20)
#define TOP (RAM - 0x1000)
enum { GPE_STS = 0x60e, GPE_EN = 0x60f, SCI = 9, BIT = 1 << 5 };

static const uint8_t one[GENID_SIZE] = "0123456789abcde";
static const uint8_t two[GENID_SIZE] = "another one ...";

struct side {
	struct pc pc;
	struct pm *pm;
	struct genid *genid;
};
static struct side a, b;
static struct state_bytes saved;

static void
side_init(struct side *side, uint64_t memory, bool firmware)
{
	memset(side, 0, sizeof(*side));
	pc_init(&side->pc, memory, 1);
	side->pm = pm_new(&side->pc.machine);
	side->genid = genid_new(&side->pc.machine, side->pm, firmware);
	REQUIRE(side->pm != NULL && side->genid != NULL);
}

static void
side_fini(struct side *side)
{
	genid_free(side->genid);
	genid_free(NULL);
	pm_free(side->pm);
	pc_fini(&side->pc);
}

/* How many bytes of guest memory are not 0. */
static uint64_t
touched(const struct side *side)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < side->pc.machine.memory; i++)
		n += side->pc.ram[i] != 0;
	return n;
}

static bool
has(const struct side *side, uint64_t gpa, const uint8_t guid[GENID_SIZE])
{
	return memcmp(side->pc.ram + gpa, guid, GENID_SIZE) == 0;
}

static void
set_is_silent(void)
{
	side_init(&a, RAM, false);
	pc_outb(&a.pc, GPE_EN, 0xff);
	CHECK_EQ(touched(&a), 0);
	genid_set(a.genid, one);
	CHECK(has(&a, LAYOUT_GENID, one));
	CHECK_EQ(touched(&a), GENID_SIZE - 1); /* one ends with a NUL */
	CHECK_EQ(LAYOUT_GENID % 8, 0);
	CHECK_EQ(pc_inb(&a.pc, GPE_STS), 0);
	CHECK_EQ(a.pc.edges[SCI], 0);
	side_fini(&a);
}

static void
renew_is_told(void)
{
	side_init(&a, RAM, false);
	genid_set(a.genid, one);
	pc_outb(&a.pc, GPE_EN, BIT);
	genid_renew(a.genid, two);
	CHECK(has(&a, LAYOUT_GENID, two));
	CHECK_EQ(pc_inb(&a.pc, GPE_STS), BIT);
	CHECK(a.pc.level[SCI]);
	pc_outb(&a.pc, GPE_STS, BIT);
	CHECK(!a.pc.level[SCI]);
	/* A guest that does not listen: kept for later. */
	pc_outb(&a.pc, GPE_EN, 0);
	genid_renew(a.genid, one);
	CHECK(has(&a, LAYOUT_GENID, one));
	CHECK(!a.pc.level[SCI]);
	pc_outb(&a.pc, GPE_EN, BIT);
	CHECK(a.pc.level[SCI]);
	side_fini(&a);
}

static void
firmware_has_it_at_the_top(void)
{
	side_init(&a, RAM, true);
	genid_set(a.genid, one);
	CHECK(has(&a, TOP, one));
	CHECK_EQ(touched(&a), GENID_SIZE - 1);
	side_fini(&a);
	/* Below the hole, not at the end of memory. */
	CHECK_EQ(LAYOUT_GENID_FIRMWARE(LAYOUT_LOWMEM_END), 0xbffff000);
	CHECK_EQ(LAYOUT_GENID_FIRMWARE(2ULL << 20), 0x1ff000);
}

/* No room for firmware and the page: no ID, no event, no write. */
static void
small_machine_has_none(void)
{
	side_init(&a, 1 << 20, true);
	genid_renew(a.genid, one);
	CHECK_EQ(touched(&a), 0);
	CHECK_EQ(pc_inb(&a.pc, GPE_STS), 0);
	side_fini(&a);
	side_init(&a, 1 << 20, false);
	genid_set(a.genid, one);
	CHECK(has(&a, LAYOUT_GENID, one));
	side_fini(&a);
}

static void
moved(void)
{
	side_init(&a, RAM, true);
	side_init(&b, RAM, true);
	genid_set(a.genid, one);
	REQUIRE(state_take(STATE_CHIP(genid, a.genid), &saved));
	CHECK_EQ(saved.len, 2 + 8 + GENID_SIZE);
	CHECK(memcmp(saved.bytes + 10, one, GENID_SIZE) == 0);
	genid_set(b.genid, two);
	/* Memory travels by itself, before or after. */
	REQUIRE(state_give(
		    STATE_CHIP(genid, b.genid), &saved, saved.len, false) == 0);
	CHECK(state_is(STATE_CHIP(genid, b.genid), &saved));
	CHECK(has(&b, TOP, two));
	CHECK_EQ(pc_inb(&b.pc, GPE_STS), 0);
	genid_renew(b.genid, one);
	CHECK(has(&b, TOP, one));
	side_fini(&a);
	side_fini(&b);
}

/* The address is one of two, whichever the saved machine started with. */
static void
loads_are_checked(void)
{
	side_init(&a, RAM, true);
	side_init(&b, RAM, false);
	genid_set(a.genid, one);
	REQUIRE(state_take(STATE_CHIP(genid, a.genid), &saved));
	CHECK_EQ(state_hostile(STATE_CHIP(genid, a.genid), &saved), 64);
	state_refuses(STATE_CHIP(genid, a.genid), &saved, 2, 8, 0);
	state_refuses(STATE_CHIP(genid, a.genid), &saved, 2, 8, 0x1000);
	state_refuses(STATE_CHIP(genid, a.genid), &saved, 2, 8, UINT64_MAX);
	CHECK_EQ(
	    state_give(STATE_CHIP(genid, b.genid), &saved, saved.len, false),
	    0);
	genid_renew(b.genid, two);
	CHECK(has(&b, TOP, two));
	CHECK(!has(&b, LAYOUT_GENID, two));
	side_fini(&a);
	side_fini(&b);
}

int
main(void)
{
	TEST(set_is_silent);
	TEST(renew_is_told);
	TEST(firmware_has_it_at_the_top);
	TEST(small_machine_has_none);
	TEST(moved);
	TEST(loads_are_checked);
	return CHECK_EXIT();
}
