/* SPDX-License-Identifier: ISC */
/*
 * State streams that go through pipes, with fewer copies.
 *
 * Whoever copies out of a pipe keeps its writer from filling it: what is much
 * is moved, not copied, into a pipe of our own first, and copied out of that
 * one while the writer goes on.
 *
 * Into a pipe, pages are given away (vmsplice(2)).  Nobody can tell when the
 * last one that has them is done with them: the next program may have moved
 * them on.  They are never written to again.
 */
#ifndef STATE_PIPE_H
#define STATE_PIPE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct state_pipe {
	int own[2]; /* owned; -1: what is read is no pipe */
};

/* For reading fd (borrowed, not kept), whatever that is.  0, or -1 with errno
 * of pipe2(2). */
int state_pipe_open(struct state_pipe *, int fd);
void state_pipe_close(struct state_pipe *);
/* As readv(2) of the fd it was opened for: some of what the parts want, never
 * more; 0 at the end. */
ssize_t state_pipe_readv(
    const struct state_pipe *, int fd, struct iovec *iov, int count);

/* Pages to give away; all zero before state_gift_init(). */
struct state_gift {
	uint8_t *map; /* owned */
	uint8_t *room; /* in it, a large page if there is one */
	size_t used; /* bytes of it that were given away */
};

/* 0, or -1 with errno ENOMEM. */
int state_gift_init(struct state_gift *);
void state_gift_fini(struct state_gift *);
/* Pages for len bytes, at most STATE_GIFT_MAX, that were not given to anybody
 * yet; the same until they are.  NULL with errno. */
#define STATE_GIFT_MAX ((size_t)1 << 20)
uint8_t *state_gift_pages(struct state_gift *, size_t len);
/* The first len bytes of them go to somebody else. */
void state_gift_give(struct state_gift *, size_t len);

#endif /* STATE_PIPE_H */
