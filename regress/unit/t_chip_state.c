/* SPDX-License-Identifier: ISC */
/*
 * Chips that are saved in the middle of something and loaded into fresh ones:
 * the same registers, the same interrupts at the same time, the same bytes.
 */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "chip/console.h"
#include "chip/fwcfg.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "chip/vmcoreinfo.h"
#include "pc.h"
#include "state_test.h"

#define NS 1000000000ULL
#define MEMORY (4ULL << 20)
enum { UART = 0x3f8, RTC = 0x70, FWCFG = 0x510, PM = 0x600, KBD = 0x60 };
enum { UART_IRQ = 4, RTC_IRQ = 8, SCI = 9 };

STATE_TEST_FUNCTIONS(rtc)
STATE_TEST_FUNCTIONS(uart)
STATE_TEST_FUNCTIONS(pm)
STATE_TEST_FUNCTIONS(fwcfg)
STATE_TEST_FUNCTIONS(vmcoreinfo)
STATE_TEST_FUNCTIONS(legacy)
STATE_TEST_FUNCTIONS(console)

/* The machine that is left, and the one that is moved to. */
struct side {
	struct pc pc;
	struct rtc *rtc;
	struct uart *uart;
	struct pm *pm;
	struct fwcfg *fwcfg;
	struct vmcoreinfo *vmcoreinfo;
	struct legacy *legacy;
	char out[64];
	size_t out_len;
	unsigned int rooms;
};
static struct side from, to;
static struct state_bytes saved;

static void
on_out(void *arg, const uint8_t *bytes, size_t len)
{
	struct side *side = arg;

	memcpy(side->out + side->out_len, bytes, len);
	side->out_len += len;
}

static void
on_room(void *arg)
{
	((struct side *)arg)->rooms++;
}

static void
side_init(struct side *side, uint64_t now)
{
	const struct uart_host host = { on_out, on_room, side };

	memset(side, 0, sizeof(*side));
	pc_init(&side->pc, MEMORY, 2);
	side->pc.now = now;
	side->pc.wall = 1709251198ULL * NS; /* 2024-02-29 23:59:58 */
	side->rtc = rtc_new(&side->pc.machine);
	side->uart = uart_new(&side->pc.machine, &host);
	side->pm = pm_new(&side->pc.machine);
	side->fwcfg = fwcfg_new(&side->pc.machine);
	side->vmcoreinfo = vmcoreinfo_new(&side->pc.machine, side->fwcfg);
	side->legacy = legacy_new(&side->pc.machine, NULL, NULL);
}

static void
side_fini(struct side *side)
{
	legacy_free(side->legacy);
	fwcfg_free(side->fwcfg);
	vmcoreinfo_free(side->vmcoreinfo);
	pm_free(side->pm);
	uart_free(side->uart);
	rtc_free(side->rtc);
	pc_fini(&side->pc);
}

static void
setup(void)
{
	side_init(&from, NS);
	side_init(&to, 7 * NS);
}

static void
teardown(void)
{
	side_fini(&from);
	side_fini(&to);
}

/* Moves a chip to the other machine, whose clock is set as a board does. */
#define MOVE(chip)                                                        \
	do {                                                              \
		REQUIRE(state_take(STATE_CHIP(chip, from.chip), &saved)); \
		to.pc.now = from.pc.now;                                  \
		to.pc.wall = from.pc.wall;                                \
		REQUIRE(state_give(STATE_CHIP(chip, to.chip), &saved,     \
			    saved.len, false) == 0);                      \
		CHECK(state_is(STATE_CHIP(chip, to.chip), &saved));       \
	} while (0)
#define HOSTILE(chip) state_hostile(STATE_CHIP(chip, to.chip), &saved)
#define REFUSES(chip, at, width, value) \
	state_refuses(STATE_CHIP(chip, to.chip), &saved, at, width, value)

static void
rtc_put(struct side *side, uint8_t cell, uint8_t value)
{
	pc_outb(&side->pc, RTC, cell);
	pc_outb(&side->pc, RTC + 1, value);
}

static uint8_t
rtc_get(struct side *side, uint8_t cell)
{
	pc_outb(&side->pc, RTC, cell);
	return pc_inb(&side->pc, RTC + 1);
}

static void
same_rtc_cells(void)
{
	for (unsigned int i = 0; i < 128; i++)
		CHECK_EQ(rtc_get(&to, (uint8_t)i), rtc_get(&from, (uint8_t)i));
}

static void
rtc_goes_on(void)
{
	uint64_t at;

	setup();
	rtc_put(&from, 0x40, 0x5a); /* CMOS */
	rtc_put(&from, 10, 0x2f); /* twice a second */
	rtc_put(&from, 9, 0x31); /* another year than the host's */
	rtc_put(&from, 5, 0xff), rtc_put(&from, 3, 0xff);
	rtc_put(&from, 1, 0x03); /* alarm at every minute's third second */
	rtc_put(&from, 11, 0x02 | 0x20);
	pc_advance(&from.pc, 123456789);
	rtc_get(&from, 12);
	MOVE(rtc);
	/* The index register too. */
	CHECK_EQ(pc_inb(&to.pc, RTC + 1), pc_inb(&from.pc, RTC + 1));
	same_rtc_cells();
	CHECK_EQ(rtc_get(&to, 9), 0x31);
	CHECK_EQ(rtc_get(&to, 0x40), 0x5a);
	/* The alarm comes at the same time, to the nanosecond. */
	REQUIRE(pc_first_timer(&from.pc) != -1);
	REQUIRE(pc_first_timer(&to.pc) != -1);
	at = from.pc.at[pc_first_timer(&from.pc)];
	CHECK_EQ(to.pc.at[pc_first_timer(&to.pc)], at);
	pc_advance(&to.pc, at - to.pc.now - 1);
	CHECK(!to.pc.level[RTC_IRQ]);
	pc_advance(&to.pc, 1);
	CHECK(to.pc.level[RTC_IRQ]);
	CHECK_EQ(rtc_get(&to, 0), 0x03);
	teardown();
}

static void
rtc_interrupt_is_taken_along(void)
{
	setup();
	rtc_put(&from, 11, 0x02 | 0x40); /* periodic */
	pc_advance(&from.pc, NS);
	CHECK(from.pc.level[RTC_IRQ]);
	MOVE(rtc);
	CHECK(to.pc.level[RTC_IRQ]);
	CHECK_EQ(to.pc.edges[RTC_IRQ], 1);
	CHECK_EQ(pc_first_timer(&to.pc), -1); /* not before C is read */
	CHECK_EQ(rtc_get(&to, 12), rtc_get(&from, 12));
	CHECK(!to.pc.level[RTC_IRQ]);
	CHECK_EQ(to.pc.at[pc_first_timer(&to.pc)],
	    from.pc.at[pc_first_timer(&from.pc)]);
	teardown();
}

/* version 2, offset 8, seen 8, seen_period 8, index 1, cells 128 */
static void
rtc_refuses_nonsense(void)
{
	setup();
	rtc_put(&from, 11, 0x02 | 0x10);
	MOVE(rtc);
	CHECK(HOSTILE(rtc) > 50);
	REFUSES(rtc, 2, 8, 10000LL * 366 * 86400 + 1); /* offset */
	REFUSES(rtc, 2, 8, (uint64_t)(-10000LL * 366 * 86400 - 1));
	REFUSES(rtc, 10, 8, 1ULL << 63);
	REFUSES(rtc, 26, 1, 128);
	REFUSES(rtc, 27 + 10, 1, 0xa6); /* update in progress */
	REFUSES(rtc, 27 + 12, 1, 0x01); /* no such flag */
	REFUSES(rtc, 27 + 12, 1, 0x10); /* due and not told */
	REFUSES(rtc, 27 + 13, 1, 0);
	teardown();
}

static void
uart_goes_on(void)
{
	setup();
	pc_outb(&from.pc, UART + 3, 0x83);
	pc_outb(&from.pc, UART, 12);
	pc_outb(&from.pc, UART + 3, 0x03);
	pc_outb(&from.pc, UART + 2, 0x81); /* FIFO, trigger 8 */
	pc_outb(&from.pc, UART + 1, 0x07);
	pc_outb(&from.pc, UART + 4, 0x0b);
	pc_outb(&from.pc, UART + 7, 0x77);
	/* A full FIFO that has wrapped, and one byte too many. */
	CHECK_EQ(uart_input(from.uart, (const uint8_t *)"12345", 5), 5);
	CHECK_EQ(pc_inb(&from.pc, UART), '1');
	CHECK_EQ(pc_inb(&from.pc, UART), '2');
	CHECK_EQ(
	    uart_input(from.uart, (const uint8_t *)"abcdefghijklmno", 15), 13);
	CHECK_EQ(from.pc.level[UART_IRQ], true);
	MOVE(uart);
	CHECK_EQ(to.pc.level[UART_IRQ], true);
	CHECK_EQ(to.out_len, 0);
	CHECK_EQ(pc_inb(&to.pc, UART + 2), 0xc4);
	for (const char *c = "345abcdefghijklm"; *c != '\0'; c++)
		CHECK_EQ(pc_inb(&to.pc, UART), *c);
	CHECK_EQ(pc_inb(&to.pc, UART + 2), 0xc2);
	CHECK_EQ(pc_inb(&to.pc, UART + 2), 0xc1);
	CHECK_EQ(to.pc.level[UART_IRQ], false);
	CHECK_EQ(pc_inb(&to.pc, UART + 1), 0x07);
	CHECK_EQ(pc_inb(&to.pc, UART + 4), 0x0b);
	CHECK_EQ(pc_inb(&to.pc, UART + 7), 0x77);
	pc_outb(&to.pc, UART + 3, 0x83);
	CHECK_EQ(pc_inb(&to.pc, UART), 12);
	/* The host of the new machine waits for nothing. */
	CHECK_EQ(to.rooms, 0);
	teardown();
}

static void
uart_loopback_and_pending_transmitter(void)
{
	setup();
	pc_outb(&from.pc, UART + 1, 0x02);
	pc_outb(&from.pc, UART, 'x');
	pc_outb(&from.pc, UART + 4, 0x1f);
	CHECK_EQ(uart_input(to.uart, (const uint8_t *)"early", 5), 1);
	MOVE(uart);
	CHECK_EQ(pc_inb(&to.pc, UART + 6), pc_inb(&from.pc, UART + 6));
	CHECK_EQ(to.pc.level[UART_IRQ], true);
	CHECK_EQ(pc_inb(&to.pc, UART + 2), 0x02);
	CHECK_EQ(to.pc.level[UART_IRQ], false);
	CHECK_EQ(to.rooms, 0); /* a loop has none */
	pc_outb(&to.pc, UART + 4, 0);
	CHECK_EQ(to.rooms, 1);
	teardown();
}

/* version 2, ier lcr mcr scratch fcr, divisor 2, msr, overrun, tx_pending,
 * fifo 16, first 4, count 4 */
static void
uart_refuses_nonsense(void)
{
	setup();
	MOVE(uart);
	CHECK(HOSTILE(uart) > 60);
	REFUSES(uart, 2, 1, 0x10);
	REFUSES(uart, 4, 1, 0x20);
	REFUSES(uart, 4, 1, 0x10); /* loop, and lines as without */
	REFUSES(uart, 6, 1, 0x02);
	REFUSES(uart, 6, 1, 0xc0); /* a trigger without a FIFO */
	REFUSES(uart, 9, 1, 0);
	REFUSES(uart, 10, 1, 2);
	REFUSES(uart, 11, 1, 255);
	REFUSES(uart, 28, 4, 16);
	REFUSES(uart, 32, 4, 2); /* more than fits without a FIFO */
	REFUSES(uart, 32, 4, UINT32_MAX);
	teardown();
}

static void
pm_goes_on(void)
{
	uint64_t at;

	setup();
	pc_outw(&from.pc, PM + 2, 0x0101);
	pc_outw(&from.pc, PM + 4, 5 << 10);
	pc_advance(&from.pc, 2000 * NS); /* over three halves of the timer */
	CHECK_EQ(pc_inw(&from.pc, PM), 1);
	pc_outw(&from.pc, PM, 1);
	MOVE(pm);
	CHECK_EQ(pc_inl(&to.pc, PM), pc_inl(&from.pc, PM));
	CHECK_EQ(pc_inl(&to.pc, PM + 4), pc_inl(&from.pc, PM + 4));
	CHECK_EQ(pc_inl(&to.pc, PM + 8), pc_inl(&from.pc, PM + 8));
	REQUIRE(pc_first_timer(&from.pc) != -1);
	at = from.pc.at[pc_first_timer(&from.pc)];
	CHECK_EQ(to.pc.at[pc_first_timer(&to.pc)], at);
	pc_advance(&to.pc, at - to.pc.now - 1);
	CHECK(!to.pc.level[SCI]);
	pc_advance(&to.pc, 1);
	CHECK(to.pc.level[SCI]);
	CHECK_EQ(to.pc.offs, 0);
	teardown();
}

static void
pm_button_is_taken_along(void)
{
	setup();
	pc_outw(&from.pc, PM + 2, 0x0100);
	pm_power_button(from.pm);
	MOVE(pm);
	CHECK(to.pc.level[SCI]);
	CHECK_EQ(pc_inw(&to.pc, PM), 0x100);
	pc_outw(&to.pc, PM, 0x100);
	CHECK(!to.pc.level[SCI]);
	teardown();
}

static void
pm_events_are_taken_along(void)
{
	setup();
	pc_outb(&from.pc, PM + 15, 0x20);
	pm_event(from.pm, 5);
	pm_event(from.pm, 0);
	MOVE(pm);
	CHECK(to.pc.level[SCI]);
	CHECK_EQ(pc_inw(&to.pc, PM + 14), 0x2021);
	pc_outb(&to.pc, PM + 14, 0x20);
	CHECK(!to.pc.level[SCI]);
	teardown();
}

/* Version 1 had no general-purpose events. */
static void
pm_takes_version_1(void)
{
	setup();
	pc_outw(&from.pc, PM + 2, 0x0100);
	REQUIRE(state_take(STATE_CHIP(pm, from.pm), &saved));
	saved.bytes[0] = 1;
	saved.len -= 2;
	CHECK_EQ(
	    state_give(STATE_CHIP(pm, to.pm), &saved, saved.len, false), 0);
	CHECK_EQ(pc_inw(&to.pc, PM + 2), 0x0100);
	CHECK_EQ(pc_inw(&to.pc, PM + 14), 0);
	teardown();
}

static void
pm_refuses_nonsense(void)
{
	setup();
	MOVE(pm);
	CHECK(HOSTILE(pm) > 20);
	REFUSES(pm, 2, 2, 0x8000);
	REFUSES(pm, 4, 2, 0x0002);
	REFUSES(pm, 6, 2, 0x2000);
	teardown();
}

static void
fwcfg_goes_on(void)
{
	setup();
	pc_outw(&from.pc, FWCFG, 0);
	CHECK_EQ(pc_inb(&from.pc, FWCFG + 1), 'Q');
	CHECK_EQ(pc_inb(&from.pc, FWCFG + 1), 'E');
	MOVE(fwcfg);
	CHECK_EQ(pc_inb(&to.pc, FWCFG + 1), 'M');
	CHECK_EQ(pc_inb(&to.pc, FWCFG + 1), 'U');
	CHECK_EQ(pc_inb(&to.pc, FWCFG + 1), 0);
	/* Half of a request's address: the signature, to 0x2000. */
	memcpy(to.pc.ram + 0x1000, "\0\0\0\x0a\0\0\0\4\0\0\0\0\0\0\x20\0", 16);
	pc_outl(&from.pc, FWCFG + 4, 0);
	MOVE(fwcfg);
	pc_outl(&to.pc, FWCFG + 8, 0x00100000);
	CHECK(memcmp(to.pc.ram + 0x2000, "QEMU", 4) == 0);
	/* Nothing selected. */
	pc_outw(&from.pc, FWCFG, 0xeeee);
	MOVE(fwcfg);
	CHECK_EQ(pc_inb(&to.pc, FWCFG + 1), 0);
	teardown();
}

/* version 2, selected 1, key 2, position 4, dma_address 8 */
static void
fwcfg_refuses_nonsense(void)
{
	setup();
	pc_outw(&from.pc, FWCFG, 0);
	MOVE(fwcfg);
	CHECK(HOSTILE(fwcfg) > 60);
	REFUSES(fwcfg, 5, 4, 5); /* beyond the signature */
	REFUSES(fwcfg, 2, 1, 2);
	REFUSES(fwcfg, 3, 2, 0xeeee);
	REFUSES(fwcfg, 9, 8, 1);
	saved.bytes[2] = 0; /* of nothing there is position 0 only */
	REFUSES(fwcfg, 5, 4, 1);
	teardown();
}

static void
vmcoreinfo_goes_on(void)
{
	/* Note at 0x3000: an ELF note of 12 + 12 + 4 bytes. */
	static const uint8_t note[28] = { 11, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
		'V', 'M', 'C', 'O', 'R', 'E', 'I', 'N', 'F', 'O', 0, 0, 'h',
		'i', '!', '\n' };
	static const uint8_t file[16] = { 1, 0, 1, 0, 28, 0, 0, 0, 0, 0x30 };
	uint8_t copy[64];

	setup();
	CHECK_EQ(vmcoreinfo_copy(from.vmcoreinfo, copy, sizeof(copy)), 0);
	REQUIRE(state_take(STATE_CHIP(vmcoreinfo, from.vmcoreinfo), &saved));
	CHECK_EQ(saved.len, 19);
	saved.bytes[2] = 1;
	memcpy(saved.bytes + 3, file, sizeof(file));
	memcpy(to.pc.ram + 0x3000, note, sizeof(note));
	CHECK_EQ(state_give(STATE_CHIP(vmcoreinfo, to.vmcoreinfo), &saved,
		     saved.len, false),
	    0);
	CHECK(state_is(STATE_CHIP(vmcoreinfo, to.vmcoreinfo), &saved));
	CHECK_EQ(vmcoreinfo_copy(to.vmcoreinfo, copy, sizeof(copy)), 28);
	CHECK(memcmp(copy, note, 28) == 0);
	CHECK_EQ(HOSTILE(vmcoreinfo), 7);
	teardown();
}

static void
legacy_goes_on(void)
{
	setup();
	pc_outb(&from.pc, KBD + 4, 0xd1);
	MOVE(legacy);
	pc_outb(&to.pc, KBD, 0xfe);
	CHECK_EQ(to.pc.resets, 1);
	CHECK_EQ(from.pc.resets, 0);
	CHECK_EQ(HOSTILE(legacy), 0);
	teardown();
}

static void
console_output_is_taken_along(void)
{
	static uint64_t memory[2][CONSOLE_MAPPING / 8];
	static uint8_t text[VMD_CONSOLE_RING];
	struct console *a = console_new(memory[0]);
	struct console *b = console_new(memory[1]);
	const struct state_chip *to_b = STATE_CHIP(console, b);
	static char back[VMD_CONSOLE_RING];
	int fd[2];

	REQUIRE(a != NULL && b != NULL && pipe2(fd, O_NONBLOCK) == 0);
	/* Over the ring's end. */
	console_output(a, text, VMD_CONSOLE_RING - 3);
	CHECK_EQ(state_take(STATE_CHIP(console, a), &saved), true);
	CHECK_EQ(saved.len, 6 + VMD_CONSOLE_RING - 3);
	console_output(a, text, VMD_CONSOLE_RING);
	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	console_output(a, text, 1000);
	REQUIRE(state_take(STATE_CHIP(console, a), &saved));
	saved.len = 6 + 10; /* cut off */
	CHECK_EQ(state_give(to_b, &saved, saved.len, false), EBADMSG);
	CHECK_EQ(console_pending(b), 0);
	memcpy(saved.bytes + 2, "\x01\x00\x01\x00", 4); /* more than a ring */
	CHECK_EQ(state_give(to_b, &saved, saved.len, false), EINVAL);
	REQUIRE(state_take(STATE_CHIP(console, a), &saved));
	CHECK_EQ(state_give(to_b, &saved, saved.len, true), 0);
	CHECK_EQ(console_pending(b), 0);
	CHECK_EQ(state_give(to_b, &saved, saved.len, false), 0);
	CHECK(state_is(to_b, &saved));
	CHECK(console_flush(b, fd[1]) >= 0);
	CHECK(read(fd[0], back, sizeof(back)) == VMD_CONSOLE_RING);
	CHECK(memcmp(back + VMD_CONSOLE_RING - 1000, text, 1000) == 0);
	close(fd[0]), close(fd[1]);
	console_free(a);
	console_free(b);
}

int
main(void)
{
	TEST(rtc_goes_on);
	TEST(rtc_interrupt_is_taken_along);
	TEST(rtc_refuses_nonsense);
	TEST(uart_goes_on);
	TEST(uart_loopback_and_pending_transmitter);
	TEST(uart_refuses_nonsense);
	TEST(pm_goes_on);
	TEST(pm_button_is_taken_along);
	TEST(pm_events_are_taken_along);
	TEST(pm_takes_version_1);
	TEST(pm_refuses_nonsense);
	TEST(fwcfg_goes_on);
	TEST(fwcfg_refuses_nonsense);
	TEST(vmcoreinfo_goes_on);
	TEST(legacy_goes_on);
	TEST(console_output_is_taken_along);
	return CHECK_EXIT();
}
