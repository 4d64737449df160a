/* SPDX-License-Identifier: ISC */
/*
 * Which pages of guest memory a section of a state stream has to carry: those
 * that are wanted and have something in them.
 */
#ifndef STATE_SCAN_H
#define STATE_SCAN_H

#include <stdint.h>

#include "image/state_memory.h"
#include "image/state_write.h"

struct state_scan {
	const struct state_range *range; /* borrowed */
	uint32_t left_out; /* of the last section: zero, and not said */
	/* What is known of the range's file: a hole from `from` on, then data
	 * from `data` to `end`; bytes.  All 0: nothing. */
	uint64_t from, data, end;
};

/*
 * Fills in *m and runs, which has room for STATE_PAGES_MAX, with a section of
 * the range from its page first on: at most STATE_SECTION_PAGES with data.
 * m->pages says how far it goes, and m->runs may be 0.
 */
void state_scan(
    struct state_scan *, uint64_t first, struct state_memory *m, uint8_t *runs);

#endif /* STATE_SCAN_H */
