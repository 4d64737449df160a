/* SPDX-License-Identifier: ISC */
/*
 * When a vCPU of a guest that is slowed down may run.
 *
 * Runs in the VM process, in any thread.  All vCPUs of a VM run and stand at
 * the same times, because one that stands with a lock of the guest's would have
 * the others spin for it.  But on a host that is busy, or slow, one may come
 * only when that time is over, turn after turn: it runs late, and not never.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_MAX 99 /* percent */

/* Of one vCPU, for its thread alone; zero at first. */
struct throttle {
	unsigned int percent; /* that the rest is for */
	uint64_t begin_ns; /* of the turn that it looked at last */
	uint64_t until_ns; /* and when its run in that ends */
};

/*
 * Whether a vCPU that is to stand percent (at most THROTTLE_MAX) of the time
 * may run at now_ns, and until when that is so; both in ns of one clock.
 */
bool throttle_may_run(struct throttle *, unsigned int percent, uint64_t now_ns,
    uint64_t *until_ns);

#endif /* THROTTLE_H */
