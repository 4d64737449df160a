/* SPDX-License-Identifier: ISC */
/*
 * What a reader of state streams is made of; for state_read.c and
 * state_pages.c, which share it, and for nobody else.
 */
#ifndef STATE_READER_H
#define STATE_READER_H

#include <sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/state_pages.h"
#include "image/state_read.h"

#define STATE_ERROR_TEXT 256

struct state_reader {
	state_get_fn *get;
	void *arg;
	SHA2_CTX sha;
	uint64_t offset; /* bytes read */
	uint64_t number; /* of the next section */
	uint64_t at; /* offset of the section's header */
	struct state_head head; /* of that section */
	uint64_t seen; /* bit per row of state_rows() */
	bool begun, ended;
	int error; /* errno of what failed; 0 */
	char text[STATE_ERROR_TEXT];
	uint8_t *buf; /* owned: a payload */
	size_t size;
	struct state_pages pages;
};

/* The error of the section whose header was read.  Returns -1 with errno. */
int state_reader_fail(struct state_reader *, int error, const char *why);
/* Fills the parts, all of them, within the section's payload.  0, or -1 with
 * the error told. */
int state_reader_get(struct state_reader *, struct iovec *iov, int count);
/* Goes on behind len bytes of it.  0, or -1 with the error told. */
int state_reader_skip(struct state_reader *, state_skip_fn *skip, uint64_t len);
/* Makes buf at least that large.  0, or -1 with the error told. */
int state_reader_room(struct state_reader *, size_t len);

#endif /* STATE_READER_H */
