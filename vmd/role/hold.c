/* SPDX-License-Identifier: ISC */
/*
 * Who keeps the guest from running; see hold.h.  Runs in the VM process.
 */
#include "role/hold.h"

#include <time.h>

#include "ipc/log.h"
#include "role/board.h"
#include "role/vcpus.h"
#include "vmm.h"

void
hold_init(struct hold *h, struct board *board, struct vcpus *vcpus)
{
	h->board = board;
	h->vcpus = vcpus;
	h->holders = 1U << HOLD_START;
	h->asked = 0;
	h->still = h->catch_up = false;
}

bool
hold_is_taken(const struct hold *h, enum holder who)
{
	return (h->holders & 1U << who) != 0;
}

void
hold_take(struct hold *h, enum holder who, void (*still)(void *arg), void *arg)
{
	h->who[who].still = still;
	h->who[who].arg = arg;
	h->holders |= 1U << who;
	h->asked |= 1U << who;
	vcpus_hold(h->vcpus);
}

/* The guest's clocks stand from here on. */
static void
hold_clocks(struct hold *h)
{
	if (vm_get_time(h->board->vm, &h->time) == -1)
		log_warn("vm", "reading the guest's clocks");
	board_clock_stop(h->board);
	h->still = true;
}

/* How long the guest has stood, if its clocks have to show that. */
static uint64_t
hold_standstill(const struct hold *h)
{
	struct timespec ts;
	uint64_t now;

	if (!h->catch_up)
		return 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	/* Or the two hosts' clocks disagree. */
	if (now < h->time.realtime_ns ||
	    now - h->time.realtime_ns >= HOLD_MOVE_NS)
		return 0;
	return now - h->time.realtime_ns;
}

static void
hold_clocks_go(struct hold *h)
{
	uint64_t ns = hold_standstill(h);

	if (vm_set_time(h->board->vm, &h->time, ns) == -1)
		log_warn("vm", "setting the guest's clocks");
	board_clock_advance(h->board, ns);
	board_clock_start(h->board);
	h->still = h->catch_up = false;
}

void
hold_check(struct hold *h)
{
	if (h->asked == 0 || !vcpus_are_held(h->vcpus))
		return;
	if (!h->still)
		hold_clocks(h);
	for (unsigned int who = 0; who < HOLD__COUNT; who++) {
		if ((h->asked & 1U << who) == 0)
			continue;
		h->asked &= ~(1U << who);
		h->who[who].still(h->who[who].arg);
	}
}

void
hold_drop(struct hold *h, enum holder who)
{
	bool stood = h->still;

	h->holders &= ~(1U << who);
	h->asked &= ~(1U << who);
	if (h->holders != 0)
		return;
	if (stood)
		hold_clocks_go(h);
	vcpus_resume(h->vcpus, stood);
}
