/* SPDX-License-Identifier: ISC */
/*
 * A time at which a run ends.  The timer belongs to the vCPU and signals the
 * thread that runs it, and no other.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct vcpu;

/* Of a vCPU; used by the thread that runs it. */
struct deadline {
	bool have_timer;
	timer_t timer;
	uint64_t made; /* when, in ns: a timer's name within its vCPU */
};

/* The signal's handler, in the thread that the timer was made for. */
void deadline_signal(const siginfo_t *info);

/* Frees the timer. */
void deadline_close(struct deadline *deadline);

#endif /* DEADLINE_H */
