/* SPDX-License-Identifier: ISC */
/*
 * Reads a state stream, section by section, in one pass.
 *
 * The stream is hostile.  What state_next() returns has the right checksum, is
 * of a known type and version, is within that type's limits and stands where it
 * may stand; what it says is for the decoder of its type to check.  Whether the
 * stream as a whole is complete is known when END has been returned, and
 * nothing that cannot be undone may be done before.  Never more than one
 * section is kept, and not a byte behind END is read.
 */
#ifndef STATE_READ_H
#define STATE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/state_head.h"
#include "image/state_io.h"
#include "image/state_memory.h"

struct state_reader;

struct state_section {
	struct state_head head;
	uint64_t offset; /* of its header in the stream */
	const uint8_t
	    *payload; /* borrowed until the next call; NULL: skipped */
	/* borrowed until the next call: of a MEMORY section that was placed or
	 * found; its payload is NULL, and so is memory->data */
	const struct state_memory *memory;
};

/* Returns owned; NULL with errno ENOMEM. */
struct state_reader *state_reader_new(state_get_fn *get, void *arg);
/* NULL is allowed. */
void state_reader_free(struct state_reader *);

/*
 * Returns borrowed where that range of guest memory lies here, or NULL: the VM
 * has no such memory, or not as one piece.
 */
typedef uint8_t *state_place_fn(void *arg, uint64_t gpa, uint32_t pages);
/*
 * From now on MEMORY's pages are read to where they belong, with no copy
 * between.  Head and runs of a section are checked before anything is written;
 * the pages are summed where they lie then, and when their sum is wrong the
 * memory is of no use.  No vCPU runs meanwhile.
 *
 * fresh: guest memory below that address is zero and untouched now.  There,
 * zeroes that the stream has are not written, so that memory behind the pages
 * is not taken, unless the stream has filled them before.  0: nothing is known.
 * 0, or -1 with errno ENOMEM.
 */
int state_reader_place(
    struct state_reader *, state_place_fn *place, void *arg, uint64_t fresh);

/* Of which file the pages of that section (borrowed; its data is not there yet)
 * are a mapping, shared, and from where in it on: the descriptor (borrowed), or
 * -1: they are read into the mapping. */
typedef int state_backing_fn(
    void *arg, const struct state_memory *, uint64_t *offset);
/*
 * Pages are written to that file, which takes half the time that their faults
 * would, had they been read into a mapping that nobody touched before; they go
 * through a buffer that the CPU's cache holds.  After state_reader_place(), of
 * which arg is.
 */
void state_reader_backing(struct state_reader *, state_backing_fn *backing);

/* A MEMORY section whose data lies at that offset of the file.  0, or -1 with
 * errno, which state_next() then fails with. */
typedef int state_found_fn(
    void *arg, const struct state_memory *m, uint64_t offset);
/*
 * From now on MEMORY's pages are not read: found is told where they lie in a
 * file, whose stream begins at byte base of it, and skip goes on behind them.
 * Nobody compares their sum then, only that of their head and runs; that the
 * rest of the file is whole is known by END, as always.  A section with packed
 * pages is refused with ENOTSUP.  0, or -1 with errno EINVAL and the sentence:
 * base is no multiple of STATE_PAGE, so pages are not pages of the file.
 */
int state_reader_find(struct state_reader *, state_skip_fn *skip, uint64_t base,
    state_found_fn *found, void *arg);

/*
 * The next section: 1, and 0 when END has been returned.  An unknown section
 * that is not required is returned without its payload.  -1 with errno EBADMSG
 * (damaged, or no such stream), ENOTSUP (what this version does not know),
 * ENOMEM or that of get; state_reader_error() has the sentence.  Then every
 * later call fails, too.
 */
int state_next(struct state_reader *, struct state_section *);

/* The caller found the section it was given last to be bad: makes the sentence
 * with its name and place.  Returns -1 with errno EBADMSG. */
int state_reader_bad(struct state_reader *, const char *why);
/* What is wrong, for the user; borrowed. */
const char *state_reader_error(const struct state_reader *);
/* Bytes of the stream that have been read. */
uint64_t state_reader_offset(const struct state_reader *);

#endif /* STATE_READ_H */
