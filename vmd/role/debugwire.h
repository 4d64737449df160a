/* SPDX-License-Identifier: ISC */
/*
 * The connection with a debugger: bytes, in both directions.
 *
 * Runs in the VM process's main thread, with the machine lock.  Nothing here
 * waits: what the other end does not read is kept, up to a limit, and one that
 * is over it is dropped.
 */
#ifndef DEBUGWIRE_H
#define DEBUGWIRE_H

#include <stdbool.h>
#include <stddef.h>

struct watch;
struct watches;

/* What is kept for a debugger that does not read.  One that waits for each
 * answer, as gdb does, never has more than a packet to come. */
#define DEBUGWIRE_MAX (256U * 1024)

struct debugwire {
	struct watches *watches;
	struct watch *watch;
	int fd; /* owned; -1: not connected */
	bool broken; /* it cannot be sent to: gone() is due */
	bool full; /* the socket takes no more now */
	size_t len; /* of out */
	char out[DEBUGWIRE_MAX];

	/* Bytes that came, borrowed. */
	void (*input)(void *arg, const void *buf, size_t len);
	/* The other end is gone or was dropped; call debugwire_close(). */
	void (*gone)(void *arg);
	void *arg;
};

/* Borrows watches; input, gone and arg are the caller's to set. */
void debugwire_init(struct debugwire *, struct watches *);
/* Takes fd, a socket that does not block.  -1 with errno. */
int debugwire_open(struct debugwire *, int fd);
void debugwire_close(struct debugwire *);
bool debugwire_is_open(const struct debugwire *);
/* Whether the other end is there still, as far as one can see from here. */
bool debugwire_is_alive(const struct debugwire *);
/* Sends, now or later.  What cannot be is noticed by debugwire_check(). */
void debugwire_send(struct debugwire *, const void *buf, size_t len);
/* Calls gone() where sending has failed; after anything that may send. */
void debugwire_check(struct debugwire *);

#endif /* DEBUGWIRE_H */
