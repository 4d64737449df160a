/* SPDX-License-Identifier: ISC */
/* A whole board as bytes: records, their order, and all of it or nothing. */
#include "check.h"
#include "fake_board.h"
#include "state_test.h"

#define NS 1000000000ULL
#define RECORD 20 /* bytes before what a part saves */
#define BLK 4 /* slot */

STATE_TEST_FUNCTIONS(board)

static struct fake_board a, b;
static struct state_bytes saved;

static void
out(struct fake_board *f, uint16_t port, unsigned int len, uint32_t value)
{
	bus_write(f->pc.machine.bus, BUS_PIO, port, len, value);
}

static uint64_t
in(struct fake_board *f, uint16_t port, unsigned int len)
{
	return bus_read(f->pc.machine.bus, BUS_PIO, port, len);
}

/* A little of everything. */
static void
use(struct fake_board *f)
{
	out(f, 0x70, 2, 0x5a40);
	out(f, 0x3f8, 1, 'x');
	out(f, 0x602, 2, 0x101);
	out(f, 0x510, 2, 0);
	in(f, 0x511, 1);
	out(f, 0x64, 1, 0xd1);
	out(f, 0xcf8, 4, 0x80000000U | BLK << 11 | 0x10);
	out(f, 0xcfc, 4, 0xd000);
	out(f, 0xcf8, 4, 0x80000000U | BLK << 11 | 4);
	out(f, 0xcfc, 2, 7);
	out(f, 0xd000 + 20, 1, 3);
	out(f, 0xd000 + 24, 2, 32);
	out(f, 0xd000 + 32, 4, 0x12340);
}

static void
setup(void)
{
	memset(&fake, 0, sizeof(fake));
	CHECK(fake_board_init(&a, 5000 * NS));
	use(&a);
	CHECK(state_take(STATE_CHIP(board, &a.board), &saved));
	CHECK(fake_board_init(&b, 9 * NS));
}

static void
teardown(void)
{
	fake_board_fini(&a);
	fake_board_fini(&b);
}

/* The place of a record, 0 when there is none. */
static size_t
record_of(const struct state_bytes *s, const char *name)
{
	size_t at = 0;
	uint32_t len;

	while (at + RECORD <= s->len) {
		if (strcmp((const char *)s->bytes + at, name) == 0)
			return at + RECORD;
		memcpy(&len, s->bytes + at + 16, 4);
		at += RECORD + len;
	}
	return 0;
}

static void
boards_become_the_same(void)
{
	setup();
	CHECK_EQ(
	    state_give(STATE_CHIP(board, &b.board), &saved, saved.len, false),
	    0);
	/* The clock goes on from where it stood, on another host. */
	CHECK_EQ(b.board.clock_stopped_at - b.board.clock_behind, 5000 * NS);
	CHECK(state_is(STATE_CHIP(board, &b.board), &saved));
	CHECK_EQ(in(&b, 0x71, 1) & 0xff, 0x5a);
	CHECK_EQ(in(&b, 0x511, 1) & 0xff, 'E');
	CHECK_EQ(in(&b, 0xd000 + 20, 1) & 0xff, 3);
	CHECK_EQ(in(&b, 0xd000 + 24, 2) & 0xffff, 32);
	CHECK_EQ(in(&b, 0xd000 + 32, 4) & 0xffffffff, 0x12340);
	CHECK_EQ(console_pending(b.board.terminal.console), 1);
	out(&b, 0x60, 1, 0xfe);
	CHECK_EQ(b.pc.resets, 1);
	teardown();
}

static void
every_part_has_a_record(void)
{
	static const char *const names[] = { "clock", "rtc", "uart", "pm",
		"genid", "fwcfg", "vmcoreinfo", "legacy", "console", "pci",
		"rng0", "net0", "blk0" };
	size_t last = 0;

	setup();
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t at = record_of(&saved, names[i]);

		CHECK(at > last);
		last = at;
	}
	CHECK(saved.len < STATE_SIZE_MAX);
	teardown();
}

/* The last part is wrong: the first ones have not changed either. */
static void
all_or_nothing(void)
{
	static struct state_bytes before, bad;
	size_t at;

	setup();
	CHECK(state_take(STATE_CHIP(board, &b.board), &before));
	bad = saved;
	at = record_of(&bad, "blk0");
	bad.bytes[at] = 9; /* its version */
	CHECK_EQ(state_give(STATE_CHIP(board, &b.board), &bad, bad.len, false),
	    EPROTONOSUPPORT);
	CHECK(state_is(STATE_CHIP(board, &b.board), &before));
	bad = saved;
	at = record_of(&bad, "clock");
	bad.bytes[at + 9] = 0x80;
	CHECK_EQ(state_give(STATE_CHIP(board, &b.board), &bad, bad.len, false),
	    EINVAL);
	for (size_t len = 0; len < saved.len; len++)
		CHECK(state_give(STATE_CHIP(board, &b.board), &saved, len,
			  false) != 0);
	CHECK(state_is(STATE_CHIP(board, &b.board), &before));
	teardown();
}

static void
records_must_fit_the_machine(void)
{
	static struct state_bytes bad;
	struct state_buf buf = { .bytes = bad.bytes };
	size_t at;

	setup();
	/* A disk more than there is. */
	bad = saved;
	bad.bytes[record_of(&bad, "blk0") - RECORD + 3] = '1';
	buf.size = bad.len;
	CHECK_EQ(board_load(&b.board, &buf), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_STR(buf.table, "board");
	/* One is missing. */
	bad = saved;
	at = record_of(&bad, "blk0") - RECORD;
	buf = (struct state_buf) { .bytes = bad.bytes, .size = at };
	CHECK_EQ(board_load(&b.board, &buf), -1);
	CHECK_STR(buf.table, "blk0");
	CHECK_STR(buf.field, "no record");
	/* One comes twice. */
	memcpy(bad.bytes + bad.len, bad.bytes + at, bad.len - at);
	buf =
	    (struct state_buf) { .bytes = bad.bytes, .size = 2 * bad.len - at };
	CHECK_EQ(board_load(&b.board, &buf), -1);
	CHECK_STR(buf.table, "blk0");
	CHECK_STR(buf.field, "a second record");
	/* One is longer than what the part takes. */
	bad = saved;
	bad.bytes[at + 16]++;
	bad.len++;
	buf = (struct state_buf) { .bytes = bad.bytes, .size = bad.len };
	CHECK_EQ(board_load(&b.board, &buf), -1);
	CHECK_STR(buf.field, "its length");
	teardown();
}

static void
a_board_that_runs_is_left_alone(void)
{
	struct state_buf buf = { .bytes = saved.bytes,
		.size = sizeof(saved.bytes) };

	setup();
	a.board.clock_stopped = false;
	CHECK_EQ(board_save(&a.board, &buf), -1);
	CHECK_EQ(errno, EBUSY);
	a.board.clock_stopped = true;
	virtio_continue(a.board.device[1]);
	CHECK_EQ(board_save(&a.board, &buf), -1);
	CHECK_EQ(errno, EBUSY);
	b.board.clock_stopped = false;
	CHECK(state_give(STATE_CHIP(board, &b.board), &saved, saved.len,
		  false) == EBUSY);
	teardown();
}

int
main(void)
{
	TEST(boards_become_the_same);
	TEST(every_part_has_a_record);
	TEST(all_or_nothing);
	TEST(records_must_fit_the_machine);
	TEST(a_board_that_runs_is_left_alone);
	return CHECK_EXIT();
}
