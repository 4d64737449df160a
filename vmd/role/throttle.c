/* SPDX-License-Identifier: ISC */
/* The times at which a guest may run; see throttle.h.  In the VM process. */
#include "role/throttle.h"

/* One turn of running and standing.  Longer where that would leave less than
 * RUN_MIN to run in, of which switching would take too much. */
#define TURN 20000000ULL
#define RUN_MIN 1000000ULL

bool
throttle_may_run(unsigned int percent, uint64_t now_ns, uint64_t *until_ns)
{
	unsigned int share = 100 - percent;
	uint64_t turn =
	    TURN * share < RUN_MIN * 100 ? RUN_MIN * 100 / share : TURN;
	uint64_t begin = now_ns - now_ns % turn, stop;

	stop = begin + turn * share / 100;
	*until_ns = now_ns < stop ? stop : begin + turn;
	return now_ns < stop;
}
