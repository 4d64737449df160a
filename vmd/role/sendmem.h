/* SPDX-License-Identifier: ISC */
/*
 * The memory of a VM into a state stream, while the guest writes to it: round
 * after round, each of what was written during the last.
 *
 * Runs in the VM process, in the thread that sends.  What was written is known
 * from KVM's log and the board's (board_log.h); both are taken before the pages
 * are copied, so that a page which is written meanwhile is in the next round.
 */
#ifndef SENDMEM_H
#define SENDMEM_H

#include <stdbool.h>
#include <stdint.h>

struct board;
struct state_writer;

#define SENDMEM_PARTS 2 /* of the RAM: below and above the hole */

struct sendmem {
	struct board *board; /* borrowed */
	struct state_writer *writer; /* borrowed */
	/* Called now and then with how many pages of the round are to go; -1
	 * with errno ends it. */
	int (*tick)(void *arg, uint64_t left);
	void *arg;
	bool logs; /* are on */
	bool first; /* nothing has left yet */
	uint64_t left; /* pages that are to go */
	unsigned int nparts;
	struct sendmem_part {
		uint64_t gpa;
		uint64_t offset; /* in the memfd */
		const uint8_t *host;
		uint64_t pages;
		uint64_t *bitmap; /* owned: what is to go */
		uint64_t *log; /* owned: room for the backend's */
	} part[SENDMEM_PARTS];
};

/* In the caller's memory; borrows all.  -1 with errno. */
int sendmem_init(struct sendmem *, struct board *, struct state_writer *,
    int (*tick)(void *arg, uint64_t left), void *arg);
/* Switches the logs off, if they are on. */
void sendmem_fini(struct sendmem *);
/* Switches the logs on; before the first round of a guest that runs.  -1 with
 * errno. */
int sendmem_log(struct sendmem *);
/* Forgets what the logs have had so far: for what is to go as a whole. */
int sendmem_forget(struct sendmem *);
/* Has all pages that there are go; with the logs on, if the guest runs.  -1
 * with errno. */
int sendmem_scan(struct sendmem *);
/* Puts what is to go; then nothing is.  still: nobody writes.  -1 with errno.
 */
int sendmem_round(struct sendmem *, bool still);
/* Takes the logs: what was written since is to go.  -1 with errno. */
int sendmem_collect(struct sendmem *);

#endif /* SENDMEM_H */
