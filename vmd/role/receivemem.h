/* SPDX-License-Identifier: ISC */
/*
 * Where the pages of a state that is received go: the RAM of a VM that has not
 * run.  A part of the receiver's thread.
 */
#ifndef RECEIVEMEM_H
#define RECEIVEMEM_H

#include <stdbool.h>
#include <stdint.h>

struct board;
struct state_reader;

struct receivemem {
	struct board *board;
	/* Guest physical addresses with large pages now; none before the first
	 * section that is full. */
	uint64_t large_from;
	uint64_t large_to;
	bool small; /* the host has no large pages */
};

/* Where the RAM ends. */
uint64_t receivemem_end(const struct board *);
/* Tells the reader where pages go; *m is borrowed until the reader is freed.
 * 0, or -1 with errno ENOMEM. */
int receivemem_init(
    struct receivemem *m, struct board *, struct state_reader *);

#endif /* RECEIVEMEM_H */
