/* SPDX-License-Identifier: ISC */
/* The clock chip: formats, setting, flags and interrupts, CMOS cells. */
#include "chip/rtc.h"

#include <time.h>

#include "check.h"
#include "chip/calendar.h"
#include "pc.h"

#define NS 1000000000ULL
#define IRQ 8
enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, DAY, MON, YEAR };
enum { A = 10, B, C, D, CENTURY = 0x32 };
#define SET 0x80
#define PIE 0x40
#define AIE 0x20
#define UIE 0x10
#define BINARY 0x04
#define H24 0x02

static struct pc pc;
static struct rtc *rtc;

static uint8_t
get(uint8_t index)
{
	pc_outb(&pc, 0x70, index);
	return pc_inb(&pc, 0x71);
}

static void
set(uint8_t index, uint8_t value)
{
	pc_outb(&pc, 0x70, index);
	pc_outb(&pc, 0x71, value);
}

/* 2024-02-29 23:59:58 UTC, a Thursday. */
#define START 1709251198ULL

static void
setup(uint64_t memory, unsigned int ncpus)
{
	pc_init(&pc, memory, ncpus);
	pc.wall = START * NS;
	rtc = rtc_new(&pc.machine);
}

static void
teardown(void)
{
	rtc_free(rtc);
	CHECK_EQ(pc_first_timer(&pc), -1);
	pc_fini(&pc);
}

static void
test_calendar(void)
{
	struct calendar date;
	struct tm tm;
	int64_t t;

	for (t = 0; t < 253402300799LL; t += 86400LL * 13 + 3671) {
		time_t clock = (time_t)t;

		gmtime_r(&clock, &tm);
		calendar_from_seconds(&date, t);
		if (!CHECK(date.year == (unsigned int)tm.tm_year + 1900 &&
			date.month == (unsigned int)tm.tm_mon + 1 &&
			date.day == (unsigned int)tm.tm_mday &&
			date.hour == (unsigned int)tm.tm_hour &&
			date.minute == (unsigned int)tm.tm_min &&
			date.second == (unsigned int)tm.tm_sec &&
			date.weekday == (unsigned int)tm.tm_wday) ||
		    !CHECK_EQ(calendar_to_seconds(&date), t))
			break;
	}
	calendar_from_seconds(&date, INT64_MIN);
	CHECK_EQ(date.year, 1970);
	calendar_from_seconds(&date, INT64_MAX);
	CHECK_EQ(date.year, 9999);
	date = (struct calendar) { 255, 255, 255, 255, 255, 99999, 9 };
	CHECK_EQ(calendar_to_seconds(&date), 253402300799LL);
}

static void
check_time(uint8_t hour, uint8_t min, uint8_t sec)
{
	CHECK_EQ(get(HOUR), hour);
	CHECK_EQ(get(MIN), min);
	CHECK_EQ(get(SEC), sec);
}

static void
test_formats(void)
{
	setup(64 << 20, 1);
	CHECK_EQ(get(D), 0x80);
	CHECK_EQ(get(A), 0x26);
	CHECK_EQ(get(B), H24);
	check_time(0x23, 0x59, 0x58);
	CHECK_EQ(get(DAY), 0x29);
	CHECK_EQ(get(MON), 0x02);
	CHECK_EQ(get(YEAR), 0x24);
	CHECK_EQ(get(CENTURY), 0x20);
	CHECK_EQ(get(WDAY), 5);
	set(B, H24 | BINARY);
	check_time(23, 59, 58);
	CHECK_EQ(get(YEAR), 24);
	set(B, 0);
	CHECK_EQ(get(HOUR), 0x91);
	pc_advance(&pc, 2 * NS);
	check_time(0x12, 0, 0); /* midnight is 12 AM */
	CHECK_EQ(get(DAY), 0x01);
	CHECK_EQ(get(MON), 0x03);
	set(B, BINARY);
	CHECK_EQ(get(HOUR), 12);
	pc_advance(&pc, 12 * 3600 * NS);
	CHECK_EQ(get(HOUR), 0x80 | 12);
	CHECK_EQ(pc_inb(&pc, 0x70), 0xff);
	/* The NMI mask is not part of the index. */
	CHECK_EQ(get(0x80 | D), 0x80);
	set(D, 0);
	CHECK_EQ(get(D), 0x80);
	teardown();
}

static void
test_set(void)
{
	setup(64 << 20, 1);
	/* Held: the registers stand still and take what is written. */
	set(B, SET | H24);
	pc_advance(&pc, 10 * NS);
	CHECK_EQ(get(SEC), 0x58);
	set(SEC, 0x30);
	set(MIN, 0x15);
	set(HOUR, 0x07);
	set(DAY, 0x31);
	set(MON, 0x12);
	set(YEAR, 0x99);
	set(CENTURY, 0x19);
	CHECK_EQ(get(MIN), 0x15);
	set(B, H24);
	check_time(0x07, 0x15, 0x30);
	pc_advance(&pc, 17 * 3600 * NS);
	CHECK_EQ(get(YEAR), 0x00);
	CHECK_EQ(get(CENTURY), 0x20);
	check_time(0x00, 0x15, 0x30);
	/* One register at a time works too. */
	set(HOUR, 0x05);
	check_time(0x05, 0x15, 0x30);
	pc_advance(&pc, NS);
	check_time(0x05, 0x15, 0x31);
	/* Nonsense is brought into range; time goes on. */
	for (uint8_t i = 0; i <= YEAR; i++)
		set(i, 0xff);
	set(CENTURY, 0xff);
	CHECK(get(MON) <= 0x12 && get(DAY) <= 0x31);
	pc_advance(&pc, NS);
	set(B, SET | H24);
	set(YEAR, 0x01);
	set(CENTURY, 0x00);
	set(B, H24);
	pc_advance(&pc, 5 * NS);
	teardown();
}

static void
test_update_flag(void)
{
	setup(64 << 20, 1);
	CHECK_EQ(get(C), 0);
	pc_advance(&pc, NS);
	CHECK_EQ(get(C) & 0x10, 0x10);
	CHECK_EQ(get(C) & 0x10, 0);
	CHECK_EQ(pc_first_timer(&pc), -1); /* nothing enabled, no timer */
	CHECK_EQ(get(A) & 0x80, 0);
	pc_advance(&pc, NS - 200000);
	CHECK_EQ(get(A) & 0x80, 0x80);
	pc_advance(&pc, 200000);
	CHECK_EQ(get(A) & 0x80, 0);
	CHECK_EQ(pc.edges[IRQ], 0);
	teardown();
}

static void
test_update_interrupt(void)
{
	setup(64 << 20, 1);
	set(B, UIE | H24);
	pc_advance(&pc, NS - 1);
	CHECK(!pc.level[IRQ]);
	pc_advance(&pc, 1);
	CHECK(pc.level[IRQ]);
	/* Not acknowledged: no more timers. */
	CHECK_EQ(pc_first_timer(&pc), -1);
	pc_advance(&pc, 5 * NS);
	CHECK_EQ(pc.edges[IRQ], 1);
	CHECK_EQ(get(C) & 0x90, 0x90);
	CHECK(!pc.level[IRQ]);
	pc_advance(&pc, NS);
	CHECK(pc.level[IRQ]);
	CHECK_EQ(get(C) & 0x90, 0x90);
	/* Setting the time switches it off. */
	set(B, SET | UIE | H24);
	CHECK_EQ(get(B), SET | H24);
	pc_advance(&pc, 3 * NS);
	CHECK(!pc.level[IRQ]);
	teardown();
}

static void
test_alarm(void)
{
	setup(64 << 20, 1);
	set(SEC_ALARM, 0x05);
	set(MIN_ALARM, 0x00);
	set(HOUR_ALARM, 0x00);
	set(B, AIE | H24);
	pc_advance(&pc, 7 * NS - 1); /* 00:00:04.9 */
	CHECK(!pc.level[IRQ]);
	pc_advance(&pc, 1);
	CHECK(pc.level[IRQ]);
	CHECK_EQ(get(C) & 0xa0, 0xa0);
	CHECK(!pc.level[IRQ]);
	pc_advance(&pc, 86400 * NS - 1);
	CHECK(!pc.level[IRQ]);
	pc_advance(&pc, 1);
	CHECK_EQ(get(C) & 0xa0, 0xa0);
	/* Every minute at second 5. */
	set(MIN_ALARM, 0xff);
	set(HOUR_ALARM, 0xc0);
	get(C);
	pc_advance(&pc, 60 * NS);
	CHECK_EQ(get(C) & 0xa0, 0xa0);
	/* Every second. */
	set(SEC_ALARM, 0xff);
	get(C);
	pc_advance(&pc, NS);
	CHECK_EQ(get(C) & 0xa0, 0xa0);
	/* A time that never comes arms nothing. */
	set(HOUR_ALARM, 0x77);
	get(C);
	CHECK_EQ(pc_first_timer(&pc), -1);
	/* 12-hour mode: 3 PM. */
	set(B, AIE);
	set(HOUR_ALARM, 0x83);
	set(MIN_ALARM, 0x00);
	set(SEC_ALARM, 0x00);
	get(C);
	pc_advance(&pc, 86400 * NS);
	CHECK(pc.level[IRQ]);
	teardown();
}

/* An alarm that never matches is known to be one, not looked for at each
 * access: a guest may ask a million times a second. */
static void
test_alarm_never(void)
{
	static const uint8_t never[][2] = { { 0x77, 0xff }, { 0xff, 0x77 } };
	clock_t began;

	setup(64 << 20, 1);
	set(HOUR_ALARM, 0xff);
	for (unsigned int i = 0; i < 2; i++) {
		set(SEC_ALARM, never[i][0]);
		set(MIN_ALARM, never[i][1]);
		set(B, AIE | PIE | UIE | H24);
		began = clock();
		for (unsigned int n = 0; n < 2000; n++) {
			pc_advance(&pc, NS / 1024);
			get(C);
		}
		CHECK(clock() - began < CLOCKS_PER_SEC / 4);
		set(B, AIE | H24);
		get(C);
		CHECK_EQ(pc_first_timer(&pc), -1);
	}
	teardown();
}

static void
test_periodic(void)
{
	unsigned int i, fired = 0;

	setup(64 << 20, 1);
	set(B, PIE | H24);
	for (i = 0; i < 1024; i++) {
		pc_advance(&pc, NS / 1024);
		if (pc.level[IRQ]) {
			fired++;
			CHECK_EQ(get(C) & 0xc0, 0xc0);
		}
	}
	CHECK(fired >= 1022 && fired <= 1024);
	/* Rate 15 is 2 Hz, rate 0 is off. */
	set(A, 0x2f);
	get(C);
	pc_advance(&pc, NS / 2);
	CHECK_EQ(get(C) & 0xc0, 0xc0);
	set(A, 0x20);
	get(C);
	CHECK_EQ(pc_first_timer(&pc), -1);
	for (i = 0; i < 256; i++) {
		set(A, (uint8_t)i);
		CHECK_EQ(get(A) & 0x7f, i & 0x7f);
	}
	teardown();
}

/* A flag that came while its interrupt was off strikes when it is enabled. */
static void
test_late_enable(void)
{
	setup(64 << 20, 1);
	pc_advance(&pc, 2 * NS);
	set(B, UIE | H24);
	CHECK(pc.level[IRQ]);
	set(B, H24);
	CHECK_EQ(get(C) & 0x90, 0x90);
	CHECK(!pc.level[IRQ]);
	teardown();
}

static void
test_cmos_memory(void)
{
	setup(64ULL << 20, 4);
	CHECK_EQ(get(0x15) | get(0x16) << 8, 640);
	CHECK_EQ(get(0x17) | get(0x18) << 8, 63 * 1024);
	CHECK_EQ(get(0x34) | get(0x35) << 8, 48 * 16);
	CHECK_EQ(get(0x5b) | get(0x5c) | get(0x5d), 0);
	CHECK_EQ(get(0x5f), 3);
	set(0x0f, 0x0a); /* shutdown byte: plain memory */
	CHECK_EQ(get(0x0f), 0x0a);
	CHECK_EQ(get(0x3d), 0x32);
	teardown();
	setup(5ULL << 30, 64);
	CHECK_EQ(get(0x30) | get(0x31) << 8, 0xffff);
	CHECK_EQ(get(0x34) | get(0x35) << 8, (3072 - 16) * 16);
	CHECK_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 2048 * 16);
	CHECK_EQ(get(0x5f), 63);
	teardown();
}

int
main(void)
{
	TEST(test_calendar);
	TEST(test_formats);
	TEST(test_set);
	TEST(test_update_flag);
	TEST(test_update_interrupt);
	TEST(test_alarm);
	TEST(test_alarm_never);
	TEST(test_periodic);
	TEST(test_late_enable);
	TEST(test_cmos_memory);
	return CHECK_EXIT();
}
