/* SPDX-License-Identifier: ISC */
/*
 * Where a state stream goes to or comes from: two functions, and those for a
 * descriptor, whatever it is: a file, a pipe, a socket.
 */
#ifndef STATE_IO_H
#define STATE_IO_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * Writes all of the parts, of which there are at most STATE_IO_PARTS, and may
 * change iov.  0, or -1 with errno.
 */
typedef int state_put_fn(void *arg, struct iovec *iov, int count);
/* Reads len bytes, or less at the end only.  How many, or -1 with errno. */
typedef ssize_t state_get_fn(void *arg, void *bytes, size_t len);
#define STATE_IO_PARTS 64

/* On a blocking descriptor; arg is an int * (borrowed).  A signal and a part
 * that was written or read are no end. */
int state_put_fd(void *arg, struct iovec *iov, int count);
ssize_t state_get_fd(void *arg, void *bytes, size_t len);

#endif /* STATE_IO_H */
