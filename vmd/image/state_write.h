/* SPDX-License-Identifier: ISC */
/*
 * Makes a state stream.  Sections leave as they are put; what is kept is one
 * section's worth of memory, whatever the size of the VM.
 *
 * One thread at a time.  After an error the stream is of no use: every later
 * call fails with the same errno.
 */
#ifndef STATE_WRITE_H
#define STATE_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "image/state.h"
#include "image/state_io.h"

struct state_packer;
struct state_writer;

/* How much has been put. */
struct state_written {
	uint64_t bytes; /* of the stream */
	uint64_t pages; /* carried */
	uint64_t zero; /* pages found zero */
};

/* Guest memory to put. */
struct state_range {
	uint64_t gpa; /* of the first page */
	const uint8_t *host; /* borrowed: where that is mapped, page-aligned */
	uint64_t pages;
	/* borrowed: a bit per page that is to be put, the lowest first; NULL:
	 * all */
	const uint64_t *bitmap;
	uint32_t flags; /* STATE_RANGE_* */
	/* With STATE_RANGE_FILE: of which file (borrowed), page-aligned, host
	 * is a mapping. */
	int fd;
	uint64_t offset;
};
/* The receiver's pages are zero: zero ones need not be said. */
#define STATE_RANGE_FRESH 0x01U
/* Nobody writes to this memory: pages leave without a copy. */
#define STATE_RANGE_STILL 0x02U
/* It is the mapping of a file, and what is a hole there is zero: a mere look at
 * it would take memory for it.  What fills a hole meanwhile is for the next
 * round. */
#define STATE_RANGE_FILE 0x04U

/*
 * Returns owned.  packer (borrowed, it ends after the writer) compresses
 * memory; NULL: it does not, and pages lie page-aligned in the stream.  NULL
 * with errno ENOMEM.
 */
struct state_writer *state_writer_new(
    state_put_fn *put, void *arg, struct state_packer *packer);
/*
 * Pages of memory that are not packed are given away, not put: who gets them
 * may keep them, they are not written to again.  Before all else.  0, or -1
 * with errno ENOMEM.
 */
int state_writer_give(struct state_writer *, state_give_fn *give);
/* NULL is allowed. */
void state_writer_free(struct state_writer *);

/* The header of the stream, before all else.  0 or -1 with errno. */
int state_write_begin(struct state_writer *);
/* A section of a row of STATE_SECTIONS, but MEMORY and END.  0, or -1 with
 * errno, EINVAL for what a reader would not take. */
int state_write_section(
    struct state_writer *, enum state_type, const void *payload, size_t len);
/* One section as it is said, of a type that may be unknown here: for tests of
 * readers.  h->number and h->crc are filled in. */
struct state_head;
int state_write_raw(struct state_writer *, const struct state_head *h,
    const void *payload, size_t len);
/*
 * As many MEMORY sections as it takes; none where all is left out.  Without
 * STATE_RANGE_STILL the guest may run: pages are copied before they are summed,
 * and what it changes during that is for the next round.  With a packer, the
 * last sections may leave only with what is put next; they are copies, too.  0
 * or -1 with errno.
 */
int state_write_memory(struct state_writer *, const struct state_range *);
/* END.  0 or -1 with errno. */
int state_write_end(struct state_writer *);

void state_writer_written(const struct state_writer *, struct state_written *);

#endif /* STATE_WRITE_H */
