/* SPDX-License-Identifier: ISC */
/* The times at which a vCPU may run; see throttle.h.  In the VM process. */
#include "role/throttle.h"

/* One turn of running and standing.  Longer where that would leave less than
 * RUN_MIN to run in, of which switching would take too much. */
#define TURN 20000000ULL
#define RUN_MIN 1000000ULL

static uint64_t
throttle_turn(unsigned int share)
{
	return TURN * share < RUN_MIN * 100 ? RUN_MIN * 100 / share : TURN;
}

bool
throttle_may_run(struct throttle *t, unsigned int percent, uint64_t now_ns,
    uint64_t *until_ns)
{
	unsigned int share = 100 - percent;
	uint64_t turn = throttle_turn(share), begin = now_ns - now_ns % turn;

	if (t->begin_ns != begin || t->percent != percent) {
		t->percent = percent;
		t->begin_ns = begin;
		t->until_ns = begin + turn * share / 100;
		if (t->until_ns < now_ns + RUN_MIN)
			t->until_ns = now_ns + RUN_MIN;
	}
	*until_ns = now_ns < t->until_ns ? t->until_ns : begin + turn;
	return now_ns < t->until_ns;
}
