/* SPDX-License-Identifier: ISC */
/*
 * What vCPUs that are slowed down are measured beside: a thread that has the
 * same turns (role/throttle.h).
 */
#ifndef TURNS_H
#define TURNS_H

#include <sys/timerfd.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "role/throttle.h"

static uint64_t
turns_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Works until a timer says that it is time, as a vCPU does. */
static void
turns_work(int fd, uint64_t ns)
{
	const struct itimerspec at = { .it_value = { (time_t)(ns / 1000000000),
					   (long)(ns % 1000000000) } };
	uint64_t count;

	timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL);
	while (read(fd, &count, sizeof(count)) == -1 && errno == EAGAIN)
		continue;
}

/* Percent of the time that a thread runs which has the same turns, and nothing
 * to do with vCPUs: more than they allow on a host that is itself not let run,
 * whose timers are late. */
static unsigned int
turns_percent(unsigned int percent, unsigned int ms)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	uint64_t host = turns_ns(CLOCK_MONOTONIC),
		 thread = turns_ns(CLOCK_THREAD_CPUTIME_ID), now, until;
	struct throttle turns = { 0 };

	while ((now = turns_ns(CLOCK_MONOTONIC)) - host < ms * 1000000ULL)
		if (throttle_may_run(&turns, percent, now, &until))
			turns_work(fd, until);
		else
			usleep((useconds_t)((until - now) / 1000));
	close(fd);
	return (unsigned int)((turns_ns(CLOCK_THREAD_CPUTIME_ID) - thread) *
	    100 / (turns_ns(CLOCK_MONOTONIC) - host));
}

#endif /* TURNS_H */
