/* SPDX-License-Identifier: ISC */
/*
 * A board with all its chips and a device of each kind, without KVM and without
 * device processes: its clock is stopped and its devices are.
 */
#ifndef FAKE_BOARD_H
#define FAKE_BOARD_H

#include <stdlib.h>
#include <string.h>

#include "chip/console.h"
#include "chip/fwcfg.h"
#include "chip/genid.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "chip/vmcoreinfo.h"
#include "fake_host.h"
#include "pc.h"
#include "pci/state.h"
#include "quiet.h"
#include "role/board.h"

#define FAKE_BOARD_MEMORY (4U << 20)
#define FAKE_BOARD_DEVICES 3

struct fake_board {
	struct pc pc;
	struct board board;
	uint64_t start; /* of pc.now, where the board's clock stands */
	uint64_t ring[CONSOLE_MAPPING / 8];
};

static inline void
fake_board_out(void *arg, const uint8_t *bytes, size_t len)
{
	struct fake_board *f = arg;

	console_output(f->board.terminal.console, bytes, len);
}

static inline uint64_t
fake_board_now(void *arg)
{
	struct fake_board *f = (struct fake_board *)(void *)((char *)arg -
	    offsetof(struct fake_board, pc));

	return f->board.clock_stopped_at - f->board.clock_behind +
	    (f->pc.now - f->start);
}

/* After a load: the machine's clock is the board's. */
static inline void
fake_board_sync(struct fake_board *f)
{
	f->pc.now = f->start = fake_board_now(&f->pc);
}

static inline bool
fake_board_devices(struct fake_board *f)
{
	static const enum device_kind kinds[FAKE_BOARD_DEVICES] = { DEVICE_RNG,
		DEVICE_NET, DEVICE_BLK };
	static const struct virtio_memory memory = { .fd = -1,
		.map = { .count = 1 } };
	struct board *b = &f->board;

	for (unsigned int i = 0; i < FAKE_BOARD_DEVICES; i++) {
		b->device[i] = virtio_new(b->pci, virtio_class_get(kinds[i]), 0,
		    &memory, &quiet_events);
		if (b->device[i] == NULL)
			return false;
		virtio_stop(b->device[i]);
		b->devices++;
	}
	return true;
}

/* The machine's clock is at now. */
static inline bool
fake_board_init(struct fake_board *f, uint64_t now)
{
	const struct uart_host host = { .out = fake_board_out, .arg = f };
	struct board *b = &f->board;

	memset(f, 0, sizeof(*f));
	pc_init(&f->pc, FAKE_BOARD_MEMORY, 2);
	f->pc.now = f->start = now;
	f->pc.machine.now = fake_board_now;
	f->pc.wall = 1709251198ULL * 1000000000;
	b->clock_stopped = true;
	b->clock_stopped_at = now;
	b->rtc = rtc_new(&f->pc.machine);
	b->uart = uart_new(&f->pc.machine, &host);
	b->pm = pm_new(&f->pc.machine);
	b->genid = genid_new(&f->pc.machine, b->pm, true);
	b->fwcfg = fwcfg_new(&f->pc.machine);
	b->vmcoreinfo = vmcoreinfo_new(&f->pc.machine, b->fwcfg);
	b->legacy = legacy_new(&f->pc.machine, NULL, NULL);
	b->terminal.console = console_new(f->ring);
	b->pci = pci_new(&f->pc.machine, &fake_pci_host);
	return b->pci != NULL && fake_board_devices(f);
}

static inline void
fake_board_fini(struct fake_board *f)
{
	struct board *b = &f->board;

	while (b->devices > 0)
		virtio_free(b->device[--b->devices]);
	pci_free(b->pci);
	console_free(b->terminal.console);
	legacy_free(b->legacy);
	fwcfg_free(b->fwcfg);
	vmcoreinfo_free(b->vmcoreinfo);
	genid_free(b->genid);
	pm_free(b->pm);
	uart_free(b->uart);
	rtc_free(b->rtc);
	pc_fini(&f->pc);
}

/* The bytes of the board, 0 when it does not save itself. */
static inline size_t
fake_board_save(struct fake_board *f, uint8_t *bytes, size_t size)
{
	struct state_buf buf = { .bytes = bytes, .size = size };

	return board_save(&f->board, &buf) == 0 ? buf.at : 0;
}

#endif /* FAKE_BOARD_H */
