/* SPDX-License-Identifier: ISC */
/*
 * Where in a state file each page of guest memory lies: what a VM whose memory
 * is filled on demand looks up.  Four bytes for each page, whatever the file
 * says, and a look is one load.
 *
 * Filled by one thread, from what state_reader_find() reports; from then on
 * nothing writes to it, and any number of threads may look.
 */
#ifndef STATE_INDEX_H
#define STATE_INDEX_H

#include <stdint.h>

#include "image/state_memory.h"

struct state_index;

/*
 * For guest memory below end (page-aligned), all of which is zero so far.
 * Returns owned; NULL with errno ENOMEM.
 */
struct state_index *state_index_new(uint64_t end);
/* NULL is allowed. */
void state_index_free(struct state_index *);

/*
 * What a MEMORY section says, whose raw data lies at that offset of the file, a
 * multiple of STATE_PAGE; what was known of those pages is forgotten.  0, or -1
 * with errno: EFAULT (pages at end or above), EFBIG (too far behind in the file
 * to be noted: at 16 TiB or more), EINVAL (packed, or not aligned).
 */
int state_index_add(
    struct state_index *, const struct state_memory *m, uint64_t offset);

/* Where in the file the page is that holds gpa; 0: it is zero, or not below
 * end. */
uint64_t state_index_find(const struct state_index *, uint64_t gpa);
/*
 * How many pages from that one on, at most max, lie one behind the other in the
 * file, or are all zero; 0 where gpa is not below end.  *offset as above.
 */
uint32_t state_index_run(
    const struct state_index *, uint64_t gpa, uint32_t max, uint64_t *offset);
/* Pages that are not zero. */
uint64_t state_index_pages(const struct state_index *);

#endif /* STATE_INDEX_H */
