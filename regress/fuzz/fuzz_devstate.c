/* SPDX-License-Identifier: ISC */
/*
 * The state of a board, as it comes with a VM from somewhere else.  What is
 * refused leaves nothing behind; what is taken is saved again, loads into
 * another board, and is a machine that a guest can use and reset.
 *
 * The first byte says how much of the input is believed: a whole state, or
 * changes (offset 2, value 1) to the one that a fresh board saves.
 */
#include "fake_board.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct fake_board one, two;
static uint8_t state[2 * STATE_SIZE_MAX], before[2 * STATE_SIZE_MAX];
static uint8_t after[2 * STATE_SIZE_MAX];

static size_t
input(const uint8_t *data, size_t size, size_t fresh)
{
	if (data[0] & 1) {
		size = size - 1 < sizeof(state) ? size - 1 : sizeof(state);
		memcpy(state, data + 1, size);
		return size;
	}
	memcpy(state, before, fresh);
	for (size_t i = 1; i + 3 <= size; i += 3)
		state[(data[i] | (size_t)data[i + 1] << 8) % fresh] =
		    data[i + 2];
	return fresh;
}

/* Every port and register, and the time that passes. */
static void
use(struct fake_board *f)
{
	struct bus *bus = f->pc.machine.bus;
	static const uint16_t ports[][2] = { { 0x60, 0x65 }, { 0x70, 0x72 },
		{ 0x3f8, 0x400 }, { 0x510, 0x51c }, { 0x600, 0x610 },
		{ 0xcf8, 0xd00 }, { 0xc000, 0xd000 } };

	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		for (uint16_t p = ports[i][0]; p < ports[i][1]; p++)
			bus_read(bus, BUS_PIO, p, 1);
	for (unsigned int i = 0; i < 128; i++) {
		bus_write(bus, BUS_PIO, 0x70, 1, i);
		bus_read(bus, BUS_PIO, 0x71, 1);
	}
	/* Coarsely: a periodic interrupt would come thousands of times. */
	for (unsigned int i = 0; i < 8; i++)
		pc_advance(&f->pc, 1000000ULL << 4 * (i & 1));
	for (unsigned int i = 0; i < FAKE_BOARD_DEVICES; i++)
		virtio_continue(f->board.device[i]);
	pci_reset(f->board.pci);
}

static void
load_again(size_t len)
{
	struct state_buf buf = { .bytes = after, .size = len };

	if (!fake_board_init(&two, 77))
		abort();
	if (board_load(&two.board, &buf) == -1)
		abort();
	fake_board_fini(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_buf buf = { .bytes = state };
	size_t fresh, len;

	if (size == 0)
		return 0;
	quiet_log();
	memset(&fake, 0, sizeof(fake));
	if (!fake_board_init(&one, 1000000000) ||
	    (fresh = fake_board_save(&one, before, sizeof(before))) == 0)
		abort();
	buf.size = input(data, size, fresh);
	if (board_load(&one.board, &buf) == 0) {
		len = fake_board_save(&one, after, sizeof(after));
		if (len == 0)
			abort();
		load_again(len);
		fake_board_sync(&one);
		use(&one);
	} else {
		len = fake_board_save(&one, after, sizeof(after));
		if (len != fresh || memcmp(before, after, len) != 0)
			abort();
	}
	fake_board_fini(&one);
	if (fake_count_ioeventfds() != 0 || fake_count_irqfds() != 0 ||
	    fake.collisions != 0)
		abort();
	return 0;
}
