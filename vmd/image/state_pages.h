/* SPDX-License-Identifier: ISC */
/*
 * What a reader of a state stream does with the pages of MEMORY sections when
 * its caller does not want them as payloads: they are put into guest memory, or
 * it is told where they lie in a file.  A part of the reader: state_read.h has
 * what callers need.
 */
#ifndef STATE_PAGES_H
#define STATE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "image/state_read.h"

struct state_unpacker;

struct state_pages {
	state_place_fn *place; /* NULL: pages are not placed */
	state_backing_fn *backing; /* NULL: pages are read into the mapping */
	state_found_fn *found; /* NULL: they are not looked for */
	void *arg;
	state_skip_fn *skip;
	uint64_t base; /* of the stream in its file */
	uint64_t fresh; /* pages below were zero; a bit of each in filled */
	uint64_t *filled; /* owned: the stream has put something there */
	struct state_unpacker *unpacker; /* owned; NULL until it is needed */
	uint8_t *scratch; /* owned: STATE_PAGES_MAX pages; likewise */
	struct state_memory memory; /* of the section that was read last */
	uint8_t front[STATE_FRONT_MAX]; /* its head and runs */
};

static inline bool
state_pages_wanted(const struct state_pages *p)
{
	return p->place != NULL || p->found != NULL;
}

/* Takes the payload of the MEMORY section whose header was read.  0, or -1 with
 * the error told. */
int state_pages_take(struct state_reader *);
/* Frees what *p owns. */
void state_pages_clear(struct state_pages *p);

#endif /* STATE_PAGES_H */
