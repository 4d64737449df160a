/* SPDX-License-Identifier: ISC */
/*
 * The time that only goes forward; see clock.h.
 */
#include "ipc/clock.h"

#include <time.h>

#define NS 1000000000LL

int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS + ts.tv_nsec;
}

int64_t
clock_us(void)
{
	return clock_ns() / 1000;
}

int64_t
clock_ms(void)
{
	return clock_ns() / 1000000;
}
