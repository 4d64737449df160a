/* SPDX-License-Identifier: ISC */
/*
 * Threads beside the main one and the vCPUs'; see thread.h.  Runs in the VM
 * process.
 */
#include "role/thread.h"

#include <errno.h>
#include <pthread.h>

#define THREAD_STACK (256U * 1024)

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
