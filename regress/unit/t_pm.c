/* SPDX-License-Identifier: ISC */
/* ACPI fixed hardware and the legacy ports that reset the machine. */
#include "chip/pm.h"

#include "check.h"
#include "chip/legacy.h"
#include "pc.h"

#define NS 1000000000ULL
#define SCI 9
enum { STS = 0x600, EN = 0x602, CNT = 0x604, TMR = 0x608, RESET = 0x60c };
enum { GPE_STS = 0x60e, GPE_EN = 0x60f };

static struct pc pc;
static struct pm *pm;

static void
setup(void)
{
	pc_init(&pc, 1 << 20, 1);
	pm = pm_new(&pc.machine);
}

static void
teardown(void)
{
	pm_free(pm);
	pm_free(NULL);
	CHECK_EQ(pc_first_timer(&pc), -1);
	pc_fini(&pc);
}

static void
test_power_button(void)
{
	setup();
	CHECK(!pm_power_button(pm)); /* nobody listens yet */
	CHECK(!pc.level[SCI]);
	CHECK_EQ(pc_inw(&pc, STS), 0x100);
	pc_outw(&pc, STS, 0x100);
	CHECK_EQ(pc_inw(&pc, STS), 0);
	pc_outw(&pc, EN, 0x100);
	CHECK(pm_power_button(pm));
	CHECK(pc.level[SCI]);
	CHECK_EQ(pc_inl(&pc, STS), 0x01000100);
	pc_outw(&pc, STS, 0x001); /* another bit: stays */
	CHECK(pc.level[SCI]);
	pc_outb(&pc, STS + 1, 0x01); /* by bytes */
	CHECK(!pc.level[SCI]);
	CHECK_EQ(pc.edges[SCI], 2);
	teardown();
}

static void
test_events(void)
{
	setup();
	pm_event(pm, 5); /* nobody listens yet */
	CHECK(!pc.level[SCI]);
	CHECK_EQ(pc_inb(&pc, GPE_STS), 0x20);
	pc_outb(&pc, GPE_EN, 0x80); /* another one */
	CHECK(!pc.level[SCI]);
	pc_outb(&pc, GPE_EN, 0x20);
	CHECK(pc.level[SCI]);
	pc_outb(&pc, GPE_STS, 0xdf); /* other bits: stays */
	CHECK(pc.level[SCI]);
	CHECK_EQ(pc_inw(&pc, GPE_STS), 0x2020);
	pc_outb(&pc, GPE_STS, 0x20);
	CHECK(!pc.level[SCI]);
	CHECK_EQ(pc_inw(&pc, GPE_STS), 0x2000);
	CHECK_EQ(pc.edges[SCI], 2);
	/* The line is the OR of both kinds. */
	pc_outw(&pc, EN, 0x100);
	pm_power_button(pm);
	pm_event(pm, 5);
	pc_outw(&pc, STS, 0x100);
	CHECK(pc.level[SCI]);
	pc_outb(&pc, GPE_EN, 0);
	CHECK(!pc.level[SCI]);
	CHECK_EQ(pc_inb(&pc, GPE_STS), 0x20);
	CHECK_EQ(pc.edges[SCI], 4);
	teardown();
}

static void
test_masks(void)
{
	setup();
	pc_outw(&pc, EN, 0xffff);
	CHECK_EQ(pc_inw(&pc, EN), 0x0721);
	pc_outb(&pc, EN, 0);
	CHECK_EQ(pc_inw(&pc, EN), 0x0700);
	pc_outw(&pc, EN, 0);
	CHECK_EQ(pc_inw(&pc, CNT), 1); /* ACPI mode */
	pc_outw(&pc, CNT, 0);
	CHECK_EQ(pc_inw(&pc, CNT), 1);
	CHECK_EQ(pc_inb(&pc, 0x60f), 0);
	CHECK_EQ(pc_inw(&pc, 0x606), 0);
	teardown();
}

static void
test_sleep(void)
{
	setup();
	pc_outw(&pc, CNT, 5 << 10); /* type only */
	CHECK_EQ(pc_inw(&pc, CNT), 5 << 10 | 1);
	CHECK_EQ(pc.offs, 0);
	pc_outw(&pc, CNT, 0x2000 | 1 << 10); /* S1: there is none */
	CHECK_EQ(pc.offs, 0);
	pc_outw(&pc, CNT, 0x2000 | 5 << 10);
	CHECK_EQ(pc.offs, 1);
	CHECK_EQ(pc_inw(&pc, CNT), 5 << 10 | 1); /* SLP_EN reads as 0 */
	pc_outb(&pc, CNT + 1, 0x34); /* as a byte */
	CHECK_EQ(pc.offs, 2);
	teardown();
}

static void
test_timer(void)
{
	uint32_t before, after;

	setup();
	before = pc_inl(&pc, TMR);
	pc_advance(&pc, NS);
	after = pc_inl(&pc, TMR);
	CHECK(after - before >= 3579544 && after - before <= 3579546);
	CHECK_EQ(pc_inb(&pc, TMR + 2), after >> 16 & 0xff);
	/* The top bit changes every 600 seconds: seen only when asked. */
	CHECK_EQ(pc_first_timer(&pc), -1);
	pc_advance(&pc, 600 * NS);
	CHECK_EQ(pc_inw(&pc, STS), 1);
	CHECK(!pc.level[SCI]);
	pc_outw(&pc, STS, 1);
	CHECK_EQ(pc_inw(&pc, STS), 0);
	pm_power_button(pm);
	pc_advance(&pc, 600 * NS);
	CHECK_EQ(pc_inw(&pc, STS), 0x101); /* one does not clear the other */
	pc_outw(&pc, STS, 0x101);
	pc_outw(&pc, EN, 1);
	CHECK(pc_first_timer(&pc) != -1);
	pc_advance(&pc, 597 * NS);
	CHECK(!pc.level[SCI]);
	pc_advance(&pc, 2 * NS);
	CHECK(pc.level[SCI]);
	CHECK_EQ(pc_first_timer(&pc), -1); /* until acknowledged */
	pc_outw(&pc, STS, 1);
	CHECK(!pc.level[SCI]);
	CHECK(pc_first_timer(&pc) != -1);
	pc_outw(&pc, EN, 0);
	teardown();
}

static void
test_reset_register(void)
{
	setup();
	pc_outb(&pc, RESET, 0);
	CHECK_EQ(pc.resets, 0);
	pc_outb(&pc, RESET, 1);
	CHECK_EQ(pc.resets, 1);
	pc_outb(&pc, RESET + 1, 1);
	CHECK_EQ(pc.resets, 1);
	teardown();
}

static char debug_line[200];
static unsigned int debug_lines;

static void
debug(void *arg, const char *line)
{
	(void)arg;
	snprintf(debug_line, sizeof(debug_line), "%s", line);
	debug_lines++;
}

static void
test_legacy_reset(void)
{
	struct legacy *legacy;

	pc_init(&pc, 1 << 20, 1);
	legacy = legacy_new(&pc.machine, NULL, NULL);
	REQUIRE(legacy != NULL);
	/* Never full, never with data: nobody waits for it. */
	CHECK_EQ(pc_inb(&pc, 0x64) & 0x03, 0);
	CHECK_EQ(pc_inb(&pc, 0x60), 0);
	pc_outb(&pc, 0x64, 0xff); /* pulses nothing */
	pc_outb(&pc, 0x64, 0xaa);
	pc_outb(&pc, 0x64, 0xd1);
	pc_outb(&pc, 0x60, 0xdf); /* A20 on */
	CHECK_EQ(pc.resets, 0);
	pc_outb(&pc, 0x60, 0xfe); /* no command before */
	CHECK_EQ(pc.resets, 0);
	pc_outb(&pc, 0x64, 0xfe);
	CHECK_EQ(pc.resets, 1);
	pc_outb(&pc, 0x64, 0xd1);
	pc_outb(&pc, 0x60, 0xfe);
	CHECK_EQ(pc.resets, 2);
	CHECK_EQ(pc_inb(&pc, 0x92), 0x02);
	pc_outb(&pc, 0x92, 0x02);
	CHECK_EQ(pc.resets, 2);
	pc_outb(&pc, 0x92, 0x03);
	CHECK_EQ(pc.resets, 3);
	pc_outb(&pc, 0x80, 0x12);
	CHECK_EQ(pc_inb(&pc, 0x402), 0xff); /* absent */
	legacy_free(legacy);
	CHECK_EQ(pc_inb(&pc, 0x92), 0xff);
	pc_fini(&pc);
}

static void
test_debug_port(void)
{
	struct legacy *legacy;
	const char *p;
	int i;

	pc_init(&pc, 1 << 20, 1);
	legacy = legacy_new(&pc.machine, debug, NULL);
	REQUIRE(legacy != NULL);
	CHECK_EQ(pc_inb(&pc, 0x402), 0xe9);
	for (p = "Sea\x01\x1b[31m\r\n\n"; *p != '\0'; p++)
		pc_outb(&pc, 0x402, (uint8_t)*p);
	CHECK_STR(debug_line, "Sea??[31m");
	CHECK_EQ(debug_lines, 1);
	for (i = 0; i < 10000; i++) /* no newline: cut */
		pc_outb(&pc, 0x402, 'a');
	CHECK_EQ(debug_lines, 1 + 10000 / 159);
	CHECK_EQ(strlen(debug_line), 159);
	legacy_free(legacy);
	legacy_free(NULL);
	CHECK_EQ(pc_inb(&pc, 0x402), 0xff);
	pc_fini(&pc);
}

int
main(void)
{
	TEST(test_power_button);
	TEST(test_events);
	TEST(test_masks);
	TEST(test_sleep);
	TEST(test_timer);
	TEST(test_reset_register);
	TEST(test_legacy_reset);
	TEST(test_debug_port);
	return CHECK_EXIT();
}
