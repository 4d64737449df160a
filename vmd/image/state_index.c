/* SPDX-License-Identifier: ISC */
/*
 * Where pages lie in a state file; see state_index.h.
 *
 * A page of the file is named by its number.  Number 0 has the stream's header
 * and never guest memory, so that it can mean zeroes; memory from calloc(3)
 * that nobody wrote to costs nothing.
 */
#include "image/state_index.h"

#include <errno.h>
#include <stdlib.h>

struct state_index {
	uint64_t pages; /* of guest memory */
	uint64_t used; /* that are not zero */
	uint32_t *at; /* owned: for each its page in the file, or 0 */
};

struct state_index *
state_index_new(uint64_t end)
{
	struct state_index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL)
		return NULL;
	ix->pages = end / STATE_PAGE;
	ix->at = calloc(ix->pages > 0 ? ix->pages : 1, sizeof(*ix->at));
	if (ix->at == NULL) {
		free(ix);
		errno = ENOMEM;
		return NULL;
	}
	return ix;
}

void
state_index_free(struct state_index *ix)
{
	if (ix == NULL)
		return;
	free(ix->at);
	free(ix);
}

static void
index_set(struct state_index *ix, uint64_t page, uint32_t at)
{
	/* What is zero stays unwritten. */
	if (ix->at[page] == at)
		return;
	if (ix->at[page] == 0)
		ix->used++;
	else if (at == 0)
		ix->used--;
	ix->at[page] = at;
}

int
state_index_add(
    struct state_index *ix, const struct state_memory *m, uint64_t offset)
{
	uint64_t first = m->gpa / STATE_PAGE, at = offset / STATE_PAGE;

	if (m->packing != STATE_RAW ||
	    (m->data_pages > 0 && (offset % STATE_PAGE != 0 || at == 0))) {
		errno = EINVAL;
		return -1;
	}
	if (first > ix->pages || m->pages > ix->pages - first) {
		errno = EFAULT;
		return -1;
	}
	if (at > UINT32_MAX - STATE_PAGES_MAX) {
		errno = EFBIG;
		return -1;
	}
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);

		for (uint32_t n = 0; n < r.count; n++)
			index_set(ix, first + r.first + n,
			    r.kind == STATE_RUN_DATA ? (uint32_t)at++ : 0);
	}
	return 0;
}

uint64_t
state_index_find(const struct state_index *ix, uint64_t gpa)
{
	uint64_t page = gpa / STATE_PAGE;

	return page < ix->pages ? (uint64_t)ix->at[page] * STATE_PAGE : 0;
}

uint32_t
state_index_run(
    const struct state_index *ix, uint64_t gpa, uint32_t max, uint64_t *offset)
{
	uint64_t page = gpa / STATE_PAGE;
	uint32_t n = 0, step;

	*offset = state_index_find(ix, gpa);
	step = *offset != 0;
	while (n < max && page + n < ix->pages &&
	    ix->at[page + n] == ix->at[page] + n * step)
		n++;
	return n;
}

uint64_t
state_index_pages(const struct state_index *ix)
{
	return ix->used;
}
