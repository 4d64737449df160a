/* SPDX-License-Identifier: ISC */
/*
 * The state of a board as bytes: one record per part, in the order in which
 * they are loaded.
 *
 * Runs in the VM process, machine lock held, clock and devices stopped.  A
 * record is a name and a length before what the part itself saves.  All parts
 * check what they get before the first of them takes it.
 */
#include <errno.h>
#include <string.h>

#include "chip/console.h"
#include "chip/fwcfg.h"
#include "chip/genid.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "chip/vmcoreinfo.h"
#include "pci/state.h"
#include "role/board.h"

#define NOW_MAX (1ULL << 62) /* 146 years */
#define NAME_SIZE 16

struct board_record {
	char name[NAME_SIZE]; /* padded with zeroes */
	uint32_t len;
};

/* --- the clock ------------------------------------------------------------ */

struct board_clock {
	uint64_t now;
};

static const struct state_field clock_fields[] = {
	STATE_MAX(struct board_clock, now, NOW_MAX),
};
static const struct state_table clock_table =
    STATE_TABLE("clock", 1, clock_fields);

static int
board_save_clock(struct board *b, struct state_buf *buf)
{
	const struct board_clock clock = { b->clock_stopped_at -
		b->clock_behind };

	return state_save(buf, &clock_table, &clock);
}

static int
board_load_clock(struct board *b, struct state_buf *buf)
{
	struct board_clock clock;

	if (state_load(buf, &clock_table, &clock) == -1)
		return -1;
	if (!buf->check)
		b->clock_behind = b->clock_stopped_at - clock.now;
	return 0;
}

/* --- parts ---------------------------------------------------------------- */

#define CHIP(chip, object)                                                   \
	static int board_save_##chip(struct board *b, struct state_buf *buf) \
	{                                                                    \
		return chip##_save(object, buf);                             \
	}                                                                    \
	static int board_load_##chip(struct board *b, struct state_buf *buf) \
	{                                                                    \
		return chip##_load(object, buf);                             \
	}
CHIP(rtc, b->rtc)
CHIP(uart, b->uart)
CHIP(pm, b->pm)
CHIP(genid, b->genid)
CHIP(fwcfg, b->fwcfg)
CHIP(vmcoreinfo, b->vmcoreinfo)
CHIP(legacy, b->legacy)
CHIP(console, b->terminal.console)
CHIP(pci, b->pci)

#define PART(part)                                          \
	{                                                   \
#part, board_save_##part, board_load_##part \
	}

/* The clock first: timers are set by it.  PCI before its devices. */
static const struct board_part {
	const char *name;
	int (*save)(struct board *, struct state_buf *);
	int (*load)(struct board *, struct state_buf *);
} parts[] = {
	PART(clock),
	PART(rtc),
	PART(uart),
	PART(pm),
	PART(genid),
	PART(fwcfg),
	PART(vmcoreinfo),
	PART(legacy),
	PART(console),
	PART(pci),
};
#define NPARTS (sizeof(parts) / sizeof(parts[0]))
#define PARTS_MAX (NPARTS + BOARD_DEVICES_MAX)

/* The parts, then the devices of virtio. */
static unsigned int
board_parts(const struct board *b)
{
	return NPARTS + b->devices;
}

static const char *
board_part_name(const struct board *b, unsigned int i)
{
	return i < NPARTS ? parts[i].name : virtio_name(b->device[i - NPARTS]);
}

static int
board_part_save(struct board *b, unsigned int i, struct state_buf *buf)
{
	return i < NPARTS ? parts[i].save(b, buf)
			  : virtio_save(b->device[i - NPARTS], buf);
}

static int
board_part_load(struct board *b, unsigned int i, struct state_buf *buf)
{
	return i < NPARTS ? parts[i].load(b, buf)
			  : virtio_load(b->device[i - NPARTS], buf);
}

/* --- the board ------------------------------------------------------------ */

int
board_save(struct board *b, struct state_buf *buf)
{
	if (!b->clock_stopped) {
		errno = EBUSY;
		return -1;
	}
	for (unsigned int i = 0; i < board_parts(b); i++) {
		struct board_record record = { .len = 0 };
		size_t at = buf->at;

		strncpy(record.name, board_part_name(b, i), NAME_SIZE - 1);
		if (state_put(buf, &record, sizeof(record)) == -1 ||
		    board_part_save(b, i, buf) == -1)
			return -1;
		record.len = (uint32_t)(buf->at - at - sizeof(record));
		memcpy(buf->bytes + at, &record, sizeof(record));
	}
	return 0;
}

static int
board_wrong(struct state_buf *buf, const char *what, const char *why)
{
	buf->table = what;
	buf->field = why;
	errno = EINVAL;
	return -1;
}

/* Finds each part's record; none twice, none of a part that is not here. */
static int
board_find_records(
    struct board *b, struct state_buf *buf, struct state_buf found[PARTS_MAX])
{
	while (buf->at < buf->size) {
		struct board_record record;
		const uint8_t *bytes = state_get(buf, sizeof(record));
		unsigned int i = 0;

		if (bytes == NULL)
			return -1;
		memcpy(&record, bytes, sizeof(record));
		record.name[NAME_SIZE - 1] = '\0';
		while (i < board_parts(b) &&
		    strcmp(record.name, board_part_name(b, i)) != 0)
			i++;
		if (i == board_parts(b))
			return board_wrong(
			    buf, "board", "a device that this VM has not");
		if (found[i].bytes != NULL)
			return board_wrong(
			    buf, board_part_name(b, i), "a second record");
		found[i].bytes = buf->bytes + buf->at;
		found[i].size = record.len;
		if (state_get(buf, record.len) == NULL)
			return -1;
	}
	for (unsigned int i = 0; i < board_parts(b); i++)
		if (found[i].bytes == NULL)
			return board_wrong(
			    buf, board_part_name(b, i), "no record");
	return 0;
}

static int
board_load_parts(struct board *b, struct state_buf *buf,
    const struct state_buf found[PARTS_MAX], bool check)
{
	for (unsigned int i = 0; i < board_parts(b); i++) {
		struct state_buf part = found[i];
		int rc;

		part.check = check;
		rc = board_part_load(b, i, &part);
		if (rc == -1 || part.at != part.size) {
			buf->table = board_part_name(b, i);
			buf->field = rc == -1 ? part.field : "its length";
			errno = rc == -1 ? errno : EINVAL;
			return -1;
		}
	}
	return 0;
}

int
board_load(struct board *b, struct state_buf *buf)
{
	struct state_buf found[PARTS_MAX] = { { .bytes = NULL } };

	if (!b->clock_stopped) {
		errno = EBUSY;
		return -1;
	}
	if (board_find_records(b, buf, found) == -1 ||
	    board_load_parts(b, buf, found, true) == -1)
		return -1;
	return buf->check ? 0 : board_load_parts(b, buf, found, false);
}
