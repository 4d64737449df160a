/* SPDX-License-Identifier: ISC */
/*
 * When a guest that is slowed down may run.
 *
 * Runs in the VM process, in any thread: nothing is kept but the clock.  All
 * vCPUs of a VM run and stand at the same times, because one that stands
 * with a lock of the guest's would have the others spin for it.
 */
#ifndef THROTTLE_H
#define THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_MAX 99 /* percent */

/*
 * Whether a guest that is to stand percent (at most THROTTLE_MAX) of the time
 * may run at now_ns, and until when that is so; both in ns of one clock.
 */
bool throttle_may_run(
    unsigned int percent, uint64_t now_ns, uint64_t *until_ns);

#endif /* THROTTLE_H */
