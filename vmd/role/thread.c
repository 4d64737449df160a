/* SPDX-License-Identifier: ISC */
/*
 * Threads beside the main one and the vCPUs'; see thread.h.  Runs in the VM
 * process.
 */
#include "role/thread.h"

#include <errno.h>
#include <time.h>

#define THREAD_STACK (256U * 1024)
#define NS_PER_S 1000000000U

int
thread_begin(const char *name, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	if (error == 0)
		pthread_setname_np(thread, name);
	errno = error;
	return error == 0 ? 0 : -1;
}

void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

int
thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
	const struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S) };

	return pthread_cond_timedwait(cond, lock, &until);
}
