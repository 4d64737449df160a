/* SPDX-License-Identifier: ISC */
/*
 * Looks through guest memory for what a stream has to carry; see state_scan.h.
 * In the thread that sends; the guest may run, and what it changes behind us is
 * in the next round's bitmap.
 */
#include "image/state_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "image/state_page.h"

/* Asks the file about what begins at that byte.  What it cannot say is data. */
static void
scan_ask(struct state_scan *s, uint64_t at)
{
	off_t data = lseek(s->range->fd, (off_t)at, SEEK_DATA), end;

	s->from = at;
	if (data == -1) {
		s->data = errno == ENXIO ? UINT64_MAX : at;
		s->end = UINT64_MAX;
		return;
	}
	end = lseek(s->range->fd, data, SEEK_HOLE);
	s->data = (uint64_t)data;
	s->end = end == -1 ? UINT64_MAX : (uint64_t)end;
}

static bool
scan_is_hole(struct state_scan *s, uint64_t page)
{
	uint64_t at = s->range->offset + page * STATE_PAGE;

	if ((s->range->flags & STATE_RANGE_FILE) == 0)
		return false;
	if (at < s->from || at >= s->end)
		scan_ask(s, at);
	return at < s->data;
}

static bool
scan_is_wanted(const struct state_range *range, uint64_t page)
{
	return range->bitmap == NULL ||
	    (range->bitmap[page / 64] >> page % 64 & 1) != 0;
}

/* Counts a page of this kind in: to the last run if it goes on there. */
static void
scan_add(struct state_memory *m, uint8_t *runs, struct state_run *last,
    uint32_t page, enum state_run_kind kind)
{
	if (m->runs > 0 && last->kind == kind &&
	    (uint32_t)last->first + last->count == page)
		last->count++;
	else {
		*last =
		    (struct state_run) { (uint16_t)page, 1, (uint16_t)kind };
		m->runs++;
	}
	state_run_encode(*last, runs + (size_t)(m->runs - 1) * STATE_RUN);
	if (kind == STATE_RUN_DATA)
		m->data_pages++;
	else
		m->zero_pages++;
}

void
state_scan(
    struct state_scan *s, uint64_t first, struct state_memory *m, uint8_t *runs)
{
	const struct state_range *range = s->range;
	uint64_t left = range->pages - first;
	uint32_t most =
	    left < STATE_PAGES_MAX ? (uint32_t)left : STATE_PAGES_MAX;
	bool fresh = (range->flags & STATE_RANGE_FRESH) != 0;
	struct state_run last = { 0 };
	uint64_t page;

	*m = (struct state_memory) {
		.gpa = range->gpa + first * STATE_PAGE,
		.packing = STATE_RAW,
		.run = runs,
	};
	s->left_out = 0;
	for (uint32_t i = 0; i < most; i++, m->pages++) {
		page = first + i;
		if (!scan_is_wanted(range, page))
			continue;
		if (!scan_is_hole(s, page) &&
		    !state_page_is_zero(range->host + page * STATE_PAGE)) {
			if (m->data_pages == STATE_SECTION_PAGES)
				return;
			scan_add(m, runs, &last, i, STATE_RUN_DATA);
		} else if (fresh)
			s->left_out++;
		else
			scan_add(m, runs, &last, i, STATE_RUN_ZERO);
	}
}
