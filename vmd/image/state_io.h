/* SPDX-License-Identifier: ISC */
/*
 * Where a state stream goes to or comes from: a few functions, and those for a
 * descriptor, whatever it is: a file, a pipe, a socket.
 */
#ifndef STATE_IO_H
#define STATE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* So many pages of data a writer puts into a section, which a CPU's cache
 * holds: they are looked at, copied and summed. */
#define STATE_SECTION_PAGES 256
/* How many parts one call may have: the pages of a section, each for itself,
 * and what is before them. */
#define STATE_IO_PARTS (STATE_SECTION_PAGES + 2)
/* Writes all of the parts and may change iov.  0, or -1 with errno. */
typedef int state_put_fn(void *arg, struct iovec *iov, int count);
/* Takes whole pages for good, after what was put before.  0, or -1 with errno.
 */
typedef int state_give_fn(void *arg, void *pages, size_t len);
/* Takes len bytes, which have been dealt with, off the front of the parts, and
 * with them parts that are empty. */
void state_io_advance(struct iovec **iov, int *count, size_t len);
/* Fills all of the parts, or less at the end of the stream only; may change
 * iov.  How many bytes, or -1 with errno. */
typedef ssize_t state_get_fn(void *arg, struct iovec *iov, int count);
/* Goes on behind the next len bytes, which nobody wants.  0, or -1 with errno,
 * ENODATA: the stream ends before. */
typedef int state_skip_fn(void *arg, uint64_t len);

/* On a blocking descriptor; arg is an int * (borrowed).  A signal and a part
 * that was written or read are no end. */
int state_put_fd(void *arg, struct iovec *iov, int count);
ssize_t state_get_fd(void *arg, struct iovec *iov, int count);
/* Reads len bytes, or less at the end only.  How many, or -1 with errno. */
ssize_t state_read_fd(int fd, void *bytes, size_t len);

/* A stream in a regular file, wherever others have its descriptor's offset. */
struct state_file_source {
	int fd; /* borrowed */
	uint64_t at; /* of the next byte in the file */
	uint64_t size; /* of the file */
	/* What was read last for the sake of few bytes: a section's header, and
	 * in a file of raw memory its runs as well. */
	uint64_t from;
	size_t held;
	uint8_t window[4096];
};

/*
 * The stream that begins at byte `at` of the file.  0, or -1 with errno: EINVAL
 * (no regular file), or that of fstat(2).
 */
int state_source_open(struct state_file_source *, int fd, uint64_t at);
/* On it; arg is a struct state_file_source * (borrowed). */
ssize_t state_get_source(void *arg, struct iovec *iov, int count);
int state_skip_source(void *arg, uint64_t len);

#endif /* STATE_IO_H */
