/* SPDX-License-Identifier: ISC */
/*
 * Where the pages of a state that is received go; see receivemem.h.
 *
 * A page of a memfd that nobody has touched costs more to make than to fill.
 * Where the stream is full, the VM gets large pages, which are made at once and
 * read into straight from the descriptor; elsewhere pages are written to the
 * file, which makes them without clearing them first.
 */
#include "role/receivemem.h"

#include <errno.h>

#include "image/state_read.h"
#include "role/board.h"
#include "vmm.h"

#define LARGE (2ULL << 20)
/* A section with less is no hint. */
#define FULL_PAGES 128U

uint64_t
receivemem_end(const struct board *board)
{
	const struct msg_dev_memory *map = &board->memory.map;
	uint64_t end = 0;

	for (uint32_t i = 0; i < map->count; i++)
		end = map->region[i].gpa + map->region[i].len;
	return end;
}

static uint8_t *
receivemem_place(void *arg, uint64_t gpa, uint32_t pages)
{
	const struct receivemem *m = arg;

	return vm_map_gpa(m->board->vm, gpa, (uint64_t)pages * STATE_PAGE);
}

/* Makes large pages for [gpa, end), which is above what has them. */
static bool
receivemem_enlarge(struct receivemem *m, uint64_t gpa, uint64_t end)
{
	uint64_t from = gpa & ~(LARGE - 1);
	uint64_t to = (end + LARGE - 1) & ~(LARGE - 1);

	if (from < m->large_to)
		from = m->large_to;
	if (vm_memory_large(m->board->vm, from, to - from) == -1) {
		/* Else it is the edge of the RAM, or for this once. */
		m->small = errno != EFAULT && errno != EAGAIN;
		return false;
	}
	if (from != m->large_to)
		m->large_from = from;
	m->large_to = to;
	return true;
}

/*
 * Whether the pages of the section have large ones, which are made as the
 * stream goes up.  Its edges are within large pages that sections beside it
 * share: they are likely to be as full.
 */
static bool
receivemem_is_large(struct receivemem *m, const struct state_memory *s)
{
	uint64_t end = s->gpa + (uint64_t)s->pages * STATE_PAGE;

	if (s->gpa >= m->large_from && end <= m->large_to)
		return true;
	if (m->small || end <= m->large_to || s->gpa < m->large_from ||
	    s->data_pages < FULL_PAGES || s->data_pages < s->pages / 8 * 7)
		return false;
	return receivemem_enlarge(m, s->gpa, end);
}

static int
receivemem_backing(void *arg, const struct state_memory *s, uint64_t *offset)
{
	struct receivemem *m = arg;
	const struct msg_dev_memory *map = &m->board->memory.map;

	if (receivemem_is_large(m, s))
		return -1;
	for (uint32_t i = 0; i < map->count; i++)
		if (s->gpa - map->region[i].gpa < map->region[i].len) {
			*offset = map->region[i].offset +
			    (s->gpa - map->region[i].gpa);
			return vm_memory_fd(m->board->vm);
		}
	return -1;
}

int
receivemem_init(
    struct receivemem *m, struct board *board, struct state_reader *reader)
{
	*m = (struct receivemem) { .board = board };
	if (state_reader_place(
		reader, receivemem_place, m, receivemem_end(board)) == -1)
		return -1;
	state_reader_backing(reader, receivemem_backing);
	return 0;
}
