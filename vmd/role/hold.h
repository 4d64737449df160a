/* SPDX-License-Identifier: ISC */
/*
 * Who keeps the guest from running, and its clocks meanwhile.
 *
 * Runs in the VM process with the machine lock and, but for hold_take(), in
 * its main thread.  A guest may be held by several at a time, each for its own
 * reason; it stands still, its clocks too, from the moment that all vCPUs
 * stopped until the last of them lets go.
 */
#ifndef HOLD_H
#define HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm_move.h"

struct board;
struct vcpus;

enum holder {
	HOLD_START, /* it has not begun; vcpus_start() leaves it so */
	HOLD_PAUSE, /* vmctl pause */
	HOLD_DUMP, /* a dump is written */
	HOLD_DEBUG, /* a debugger, or waiting for one */
	HOLD__COUNT
};

/* What a standstill may last (ns) for the guest's clocks to make up for it; a
 * longer one is no move but a copy from a file, or a VM that was kept: the
 * guest goes on where it was. */
#define HOLD_MOVE_NS 5000000000ULL

struct hold {
	struct board *board;
	struct vcpus *vcpus;
	unsigned int holders; /* bits 1 << enum holder */
	unsigned int asked; /* of these: who has not heard that it stands */
	bool still; /* all vCPUs and the clocks stand */
	struct vm_time time; /* of the guest, while still */
	/* It moved meanwhile, and its clocks are to go on as if it had not
	 * stood, from time.realtime_ns; unless that is HOLD_MOVE_NS ago. */
	bool catch_up;
	struct {
		void (*still)(void *arg);
		void *arg;
	} who[HOLD__COUNT];
};

/* Borrows both; held by HOLD_START. */
void hold_init(struct hold *, struct board *, struct vcpus *);
/*
 * Stops the guest for who; the main thread calls still(arg) once it stands,
 * later and unless who has let go before.  Taken twice is taken once.
 */
void hold_take(
    struct hold *, enum holder who, void (*still)(void *arg), void *arg);
/* Lets go; the guest runs if nobody else holds it. */
void hold_drop(struct hold *, enum holder who);
bool hold_is_taken(const struct hold *, enum holder who);
/* vCPUs may have stopped: tells those who wait for it. */
void hold_check(struct hold *);

#endif /* HOLD_H */
