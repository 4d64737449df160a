/* SPDX-License-Identifier: ISC */
/*
 * Where a VM that is sent goes: a file, a pipe or a socket of a client's.  The
 * other end may be slow, and go away.
 *
 * A part of the sender's thread, which waits for nothing but this descriptor
 * and stop_fd.
 */
#ifndef SENDOUT_H
#define SENDOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sendout {
	int fd; /* borrowed */
	int stop_fd; /* borrowed: readable when an end is wanted */
	int wait_ms; /* so long for the other end to take more; -1: for ever */
	mode_t kind; /* S_IFREG, S_IFIFO, ...; 0: not open */
	bool waits; /* the descriptor did, before it was opened */
	uint64_t bytes; /* that have left */
	const char *why; /* constant: what failed; NULL: nothing to say */
};

/* Nothing waits on the descriptor from now on but sendout does.  0, or -1 with
 * errno. */
int sendout_open(struct sendout *, int fd, int stop_fd);
/* The descriptor is one that waits again, if it was.  What was not opened is
 * left alone. */
void sendout_close(const struct sendout *);
/*
 * state_put_fn and, of a pipe, state_give_fn; arg is the struct sendout.  errno
 * ECANCELED: an end is wanted; ETIMEDOUT: wait_ms is over.
 */
int sendout_put(void *arg, struct iovec *iov, int count);
int sendout_give(void *arg, void *pages, size_t len);
/* Until a file is on the disk, or the reader has all; whether that does
 * anything with it is seen by what is in between.  0, or -1 with errno. */
int sendout_end(struct sendout *);

#endif /* SENDOUT_H */
