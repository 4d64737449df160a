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

struct state_reader;

struct state_section {
	struct state_head head;
	uint64_t offset; /* of its header in the stream */
	const uint8_t
	    *payload; /* borrowed until the next call; NULL: skipped */
};

/* Returns owned; NULL with errno ENOMEM. */
struct state_reader *state_reader_new(state_get_fn *get, void *arg);
/* NULL is allowed. */
void state_reader_free(struct state_reader *);

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
