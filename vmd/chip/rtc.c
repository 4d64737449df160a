/* SPDX-License-Identifier: ISC */
/*
 * See rtc.h.  Runs in the VM process with the machine lock held.  The clock is
 * the host's calendar clock plus an offset that the guest changes by setting
 * the time; registers 0-9 and 0x32 are worked out when they are read.  Flags of
 * register C are found out late as well, when C is read or the timer fires; the
 * timer is armed only for an interrupt that is enabled and not yet pending, so
 * an idle clock costs nothing.
 */
#include "chip/rtc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "boot/layout.h"
#include "chip/calendar.h"
#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/state.h"

#define RTC_CELLS 128
#define RTC_A 10
#define RTC_B 11
#define RTC_C 12
#define RTC_D 13
#define RTC_CENTURY 0x32

#define A_UIP 0x80 /* an update is less than 244 us away */
#define A_DEFAULT 0x26 /* 32768 Hz crystal, 1024 Hz periodic rate */
#define B_SET 0x80
#define B_BINARY 0x04
#define B_24H 0x02
#define D_VALID 0x80

/* Interrupt sources: the same bits in B (enable) and C (flag). */
#define RTC_PERIODIC 0x40
#define RTC_ALARM 0x20
#define RTC_UPDATE 0x10
#define RTC_SOURCES 0x70
#define C_IRQF 0x80

#define HOUR_PM 0x80
#define ALARM_ANY 0xC0 /* both bits: every second, minute or hour */

#define NS 1000000000ULL
#define UIP_NS 244000
#define DAY 86400

struct rtc {
	struct machine *machine;
	struct machine_timer timer;
	int64_t offset; /* guest's calendar less the host's, in seconds */
	int64_t seen; /* second up to which update and alarm are in C */
	uint64_t seen_period; /* as seen, of the periodic interrupt */
	uint8_t index;
	uint8_t cell[RTC_CELLS];
};

/* Alarm registers follow the one of their unit. */
enum {
	SECOND = 0,
	MINUTE = 2,
	HOUR = 4,
	WEEKDAY = 6,
	DAY_OF_MONTH,
	MONTH,
	YEAR
};

static int64_t
rtc_now(const struct rtc *rtc)
{
	int64_t now = (int64_t)(rtc->machine->wall_ns(rtc->machine->arg) / NS) +
	    rtc->offset;

	return now >= 0 ? now : 0;
}

/* Nanoseconds since the last full second. */
static uint64_t
rtc_fraction(const struct rtc *rtc)
{
	return rtc->machine->wall_ns(rtc->machine->arg) % NS;
}

/* --- register formats ------------------------------------------------------
 */

static uint8_t
rtc_encode(const struct rtc *rtc, unsigned int value)
{
	if (rtc->cell[RTC_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static unsigned int
rtc_decode(const struct rtc *rtc, uint8_t value)
{
	if (rtc->cell[RTC_B] & B_BINARY)
		return value;
	return (value >> 4) * 10U + (value & 0x0f);
}

static uint8_t
rtc_encode_hour(const struct rtc *rtc, unsigned int hour)
{
	if (rtc->cell[RTC_B] & B_24H)
		return rtc_encode(rtc, hour);
	return rtc_encode(rtc, hour % 12 == 0 ? 12 : hour % 12) |
	    (hour >= 12 ? HOUR_PM : 0);
}

static unsigned int
rtc_decode_hour(const struct rtc *rtc, uint8_t value)
{
	if (rtc->cell[RTC_B] & B_24H)
		return rtc_decode(rtc, value);
	return rtc_decode(rtc, value & 0x7f) % 12 + (value & HOUR_PM ? 12 : 0);
}

/* The time registers take the clock's time, unless the guest holds them. */
static void
rtc_load_time(struct rtc *rtc)
{
	struct calendar date;

	if (rtc->cell[RTC_B] & B_SET)
		return;
	calendar_from_seconds(&date, rtc_now(rtc));
	rtc->cell[SECOND] = rtc_encode(rtc, date.second);
	rtc->cell[MINUTE] = rtc_encode(rtc, date.minute);
	rtc->cell[HOUR] = rtc_encode_hour(rtc, date.hour);
	rtc->cell[WEEKDAY] = rtc_encode(rtc, date.weekday + 1);
	rtc->cell[DAY_OF_MONTH] = rtc_encode(rtc, date.day);
	rtc->cell[MONTH] = rtc_encode(rtc, date.month);
	rtc->cell[YEAR] = rtc_encode(rtc, date.year % 100);
	/* The century is BCD in every mode: it is firmware's, not the chip's.
	 */
	rtc->cell[RTC_CENTURY] =
	    (uint8_t)(date.year / 1000 % 10 << 4 | date.year / 100 % 10);
}

/* The clock takes the time registers' time; the fraction of the second stays.
 */
static void
rtc_store_time(struct rtc *rtc)
{
	uint8_t century = rtc->cell[RTC_CENTURY];
	struct calendar date = {
		.second = rtc_decode(rtc, rtc->cell[SECOND]),
		.minute = rtc_decode(rtc, rtc->cell[MINUTE]),
		.hour = rtc_decode_hour(rtc, rtc->cell[HOUR]),
		.day = rtc_decode(rtc, rtc->cell[DAY_OF_MONTH]),
		.month = rtc_decode(rtc, rtc->cell[MONTH]),
		.year = rtc_decode(rtc, rtc->cell[YEAR]) % 100 +
		    ((century >> 4) * 10U + (century & 0x0f)) % 100 * 100,
	};

	rtc->offset = calendar_to_seconds(&date) -
	    (int64_t)(rtc->machine->wall_ns(rtc->machine->arg) / NS);
	rtc->seen = rtc_now(rtc);
}

/* --- interrupts ------------------------------------------------------------
 */

static bool
rtc_alarm_matches(uint8_t alarm, uint8_t now)
{
	return (alarm & ALARM_ANY) == ALARM_ANY || alarm == now;
}

/* Whether a minute or second alarm matches any of the 60 there are. */
static bool
rtc_alarm_can_match(const struct rtc *rtc, uint8_t alarm)
{
	for (unsigned int i = 0; i < 60; i++)
		if (rtc_alarm_matches(alarm, rtc_encode(rtc, i)))
			return true;
	return false;
}

/*
 * The first second after from at which the alarm goes off, 0 for none.  Steps
 * over hours and minutes that cannot match, and gives up on what never does, so
 * it ends soon: a guest can have it done at every access.
 */
static int64_t
rtc_next_alarm(const struct rtc *rtc, int64_t from)
{
	const uint8_t *cell = rtc->cell;
	int64_t at = from + 1;

	if (!rtc_alarm_can_match(rtc, cell[SECOND + 1]) ||
	    !rtc_alarm_can_match(rtc, cell[MINUTE + 1]))
		return 0;
	while (at <= from + DAY) {
		unsigned int hour = (unsigned int)(at / 3600 % 24);
		unsigned int minute = (unsigned int)(at / 60 % 60);

		if (!rtc_alarm_matches(
			cell[HOUR + 1], rtc_encode_hour(rtc, hour)))
			at += 3600 - at % 3600;
		else if (!rtc_alarm_matches(
			     cell[MINUTE + 1], rtc_encode(rtc, minute)))
			at += 60 - at % 60;
		else if (!rtc_alarm_matches(cell[SECOND + 1],
			     rtc_encode(rtc, (unsigned int)(at % 60))))
			at++;
		else
			return at;
	}
	return 0;
}

/* Nanoseconds of the periodic interrupt, 0 when it is off. */
static uint64_t
rtc_period(const struct rtc *rtc)
{
	unsigned int rate = rtc->cell[RTC_A] & 0x0f;

	if (rate == 0)
		return 0;
	if (rate < 3)
		rate += 7;
	return ((1ULL << (rate - 1)) * NS) / 32768;
}

/* Brings C up to date, and the interrupt line with it. */
static void
rtc_latch(struct rtc *rtc)
{
	struct machine *machine = rtc->machine;
	uint8_t *c = &rtc->cell[RTC_C];
	uint64_t period = rtc_period(rtc);
	int64_t now = rtc_now(rtc), alarm;

	if (now > rtc->seen && !(rtc->cell[RTC_B] & B_SET)) {
		*c |= RTC_UPDATE;
		alarm = rtc_next_alarm(rtc, rtc->seen);
		if (alarm != 0 && alarm <= now)
			*c |= RTC_ALARM;
	}
	rtc->seen = now;
	if (period != 0) {
		uint64_t count = machine->now(machine->arg) / period;

		if (count != rtc->seen_period)
			*c |= RTC_PERIODIC;
		rtc->seen_period = count;
	}
	if (*c & rtc->cell[RTC_B] & RTC_SOURCES && !(*c & C_IRQF)) {
		*c |= C_IRQF;
		machine->irq(machine->arg, LAYOUT_RTC_IRQ, true);
	}
}

static void
rtc_earlier(uint64_t *at, uint64_t other)
{
	if (*at == 0 || other < *at)
		*at = other;
}

/* Arms the timer for the next interrupt that is enabled. */
static void
rtc_arm(struct rtc *rtc)
{
	struct machine *machine = rtc->machine;
	uint8_t b = rtc->cell[RTC_B];
	uint64_t now, period = rtc_period(rtc), at = 0;
	uint64_t fraction = rtc_fraction(rtc);
	int64_t today = rtc_now(rtc), alarm;

	if (!(b & RTC_SOURCES) || rtc->cell[RTC_C] & C_IRQF) {
		machine->timer(machine->arg, &rtc->timer, 0);
		return;
	}
	now = machine->now(machine->arg);
	if (b & RTC_PERIODIC && period != 0)
		rtc_earlier(&at, (now / period + 1) * period);
	if (b & RTC_UPDATE && !(b & B_SET))
		rtc_earlier(&at, now + NS - fraction);
	if (b & RTC_ALARM && !(b & B_SET)) {
		alarm = rtc_next_alarm(rtc, today);
		if (alarm != 0)
			rtc_earlier(&at,
			    now + (uint64_t)(alarm - today) * NS - fraction);
	}
	machine->timer(machine->arg, &rtc->timer, at);
}

static void
rtc_fire(void *arg)
{
	struct rtc *rtc = arg;

	rtc_latch(rtc);
	rtc_arm(rtc);
}

/* --- registers -------------------------------------------------------------
 */

static bool
rtc_is_time(uint8_t index)
{
	return index == RTC_CENTURY || index == SECOND || index == MINUTE ||
	    index == HOUR || (index >= WEEKDAY && index <= YEAR);
}

static uint8_t
rtc_read_c(struct rtc *rtc)
{
	uint8_t c;

	rtc_latch(rtc);
	c = rtc->cell[RTC_C];
	rtc->cell[RTC_C] = 0;
	if (c & C_IRQF)
		rtc->machine->irq(rtc->machine->arg, LAYOUT_RTC_IRQ, false);
	rtc_arm(rtc);
	return c;
}

static uint8_t
rtc_read_cell(struct rtc *rtc)
{
	uint8_t index = rtc->index;

	if (index == RTC_C)
		return rtc_read_c(rtc);
	if (index == RTC_A)
		return rtc->cell[RTC_A] |
		    (!(rtc->cell[RTC_B] & B_SET) &&
				rtc_fraction(rtc) > NS - UIP_NS
			    ? A_UIP
			    : 0);
	if (rtc_is_time(index))
		rtc_load_time(rtc);
	return rtc->cell[index];
}

static void
rtc_write_b(struct rtc *rtc, uint8_t value)
{
	uint8_t old = rtc->cell[RTC_B];

	/* What is due under the old mode is due; then the mode changes. */
	rtc_latch(rtc);
	rtc_load_time(rtc);
	if (value & B_SET)
		value &= (uint8_t)~RTC_UPDATE;
	rtc->cell[RTC_B] = value;
	if (old & B_SET && !(value & B_SET))
		rtc_store_time(rtc);
}

static void
rtc_write_cell(struct rtc *rtc, uint8_t value)
{
	uint8_t index = rtc->index;

	if (index == RTC_C || index == RTC_D)
		return;
	if (rtc_is_time(index)) {
		rtc_load_time(rtc);
		rtc->cell[index] = value;
		if (!(rtc->cell[RTC_B] & B_SET))
			rtc_store_time(rtc);
	} else if (index == RTC_B) {
		rtc_write_b(rtc, value);
	} else {
		if (index <= RTC_A)
			rtc_latch(rtc);
		rtc->cell[index] = index == RTC_A ? value & 0x7f : value;
	}
	if (index <= RTC_B || index == RTC_CENTURY) {
		rtc_latch(rtc);
		rtc_arm(rtc);
	}
}

static uint64_t
rtc_read(void *arg, uint64_t offset, unsigned int len)
{
	struct rtc *rtc = arg;

	/* The index port is write only. */
	if (offset == 0)
		return len == 1 ? 0xff : 0xff | rtc_read_cell(rtc) << 8;
	return rtc_read_cell(rtc);
}

static void
rtc_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct rtc *rtc = arg;

	if (offset == 0) {
		/* Bit 7 is the NMI mask of the chipset. */
		rtc->index = value & (RTC_CELLS - 1);
		value >>= 8;
	}
	if (offset == 1 || len > 1)
		rtc_write_cell(rtc, (uint8_t)value);
}

static const struct bus_ops rtc_ops = { rtc_read, rtc_write };

/* --- state -----------------------------------------------------------------
 */

/* Years 0 to 9999 are all that the registers can say, in any order. */
#define SECONDS_MAX (10000LL * 366 * DAY)

static const struct state_field rtc_fields[] = {
	STATE_ANY(struct rtc, offset),
	STATE_MAX(struct rtc, seen, SECONDS_MAX),
	STATE_ANY(struct rtc, seen_period),
	STATE_MAX(struct rtc, index, RTC_CELLS - 1),
	STATE_ARRAY(struct rtc, cell),
};
static const struct state_table rtc_table = STATE_TABLE("rtc", 1, rtc_fields);

/* What no write of a guest can bring about. */
static int
rtc_check(struct state_buf *buf, const struct rtc *rtc)
{
	uint8_t b = rtc->cell[RTC_B], c = rtc->cell[RTC_C];
	bool ok = rtc->offset >= -SECONDS_MAX && rtc->offset <= SECONDS_MAX;

	if (state_check(buf, &rtc_table, "offset", ok) == -1)
		return -1;
	ok = !(rtc->cell[RTC_A] & A_UIP) && rtc->cell[RTC_D] == D_VALID &&
	    (c & ~(RTC_SOURCES | C_IRQF)) == 0 &&
	    /* IRQF is there while a source that is enabled was; the guest may
	     * have switched that off since. */
	    ((c & C_IRQF) || !(c & b & RTC_SOURCES));
	return state_check(buf, &rtc_table, "cell", ok);
}

int
rtc_save(struct rtc *rtc, struct state_buf *buf)
{
	/* What is due is due before; the timer may not have come to it. */
	rtc_latch(rtc);
	rtc_arm(rtc);
	rtc_load_time(rtc);
	return state_save(buf, &rtc_table, rtc);
}

int
rtc_load(struct rtc *rtc, struct state_buf *buf)
{
	struct machine *machine = rtc->machine;
	struct rtc copy = *rtc;

	if (state_load(buf, &rtc_table, &copy) == -1 ||
	    rtc_check(buf, &copy) == -1)
		return -1;
	if (buf->check)
		return 0;
	if ((rtc->cell[RTC_C] ^ copy.cell[RTC_C]) & C_IRQF)
		machine->irq(
		    machine->arg, LAYOUT_RTC_IRQ, copy.cell[RTC_C] & C_IRQF);
	*rtc = copy;
	rtc_latch(rtc);
	rtc_arm(rtc);
	return 0;
}

/* --- start -----------------------------------------------------------------
 */

static void
rtc_cells16(struct rtc *rtc, uint8_t index, uint64_t value)
{
	if (value > UINT16_MAX)
		value = UINT16_MAX;
	rtc->cell[index] = (uint8_t)value;
	rtc->cell[index + 1] = (uint8_t)(value >> 8);
}

/* What firmware of QEMU's PC finds in CMOS. */
static void
rtc_fill_cells(struct rtc *rtc)
{
	const struct machine *machine = rtc->machine;
	uint64_t low = machine->lowmem, high = machine->memory - low;
	uint64_t above1m = low > (1U << 20) ? low - (1U << 20) : 0;
	uint64_t above16m = low > (16U << 20) ? low - (16U << 20) : 0;

	rtc->cell[RTC_A] = A_DEFAULT;
	rtc->cell[RTC_B] = B_24H;
	rtc->cell[RTC_D] = D_VALID;
	rtc->cell[0x14] = 0x02; /* equipment: FPU, no floppy, no display */
	rtc_cells16(rtc, 0x15, 640);
	rtc_cells16(rtc, 0x17, above1m >> 10);
	rtc_cells16(rtc, 0x30, above1m >> 10);
	rtc_cells16(rtc, 0x34, above16m >> 16);
	rtc->cell[0x5b] = (uint8_t)(high >> 16);
	rtc->cell[0x5c] = (uint8_t)(high >> 24);
	rtc->cell[0x5d] = (uint8_t)(high >> 32);
	rtc->cell[0x5f] = (uint8_t)(machine->ncpus - 1);
	rtc->cell[0x38] = 0x01; /* no look at floppy signatures */
	rtc->cell[0x3d] = 0x32; /* disk, then CD */
}

struct rtc *
rtc_new(struct machine *machine)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));

	if (rtc == NULL)
		return NULL;
	rtc->machine = machine;
	rtc->timer.fire = rtc_fire;
	rtc->timer.arg = rtc;
	rtc_fill_cells(rtc);
	rtc->seen = rtc_now(rtc);
	rtc->seen_period = machine->now(machine->arg) / rtc_period(rtc);
	if (bus_add(machine->bus, BUS_PIO, LAYOUT_RTC_PORT, 2, "rtc", &rtc_ops,
		rtc) == -1) {
		free(rtc);
		return NULL;
	}
	return rtc;
}

void
rtc_free(struct rtc *rtc)
{
	if (rtc == NULL)
		return;
	rtc->machine->timer(rtc->machine->arg, &rtc->timer, 0);
	bus_remove(rtc->machine->bus, BUS_PIO, LAYOUT_RTC_PORT);
	free(rtc);
}
