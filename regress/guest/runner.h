/* SPDX-License-Identifier: ISC */
/*
 * One run of a vCPU, in the thread of one's choice, and how it ended.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdatomic.h>
#include <stddef.h>

#include "vmm.h"

static struct vm_exit last; /* VM_EXIT_MAX: vm_run() failed */
static atomic_bool ended;

/* For pthread_create(); arg is the vCPU. */
static void *
run_once(void *arg)
{
	if (vm_run(arg, &last) == -1)
		last.reason = VM_EXIT_MAX;
	atomic_store(&ended, true);
	return NULL;
}

#endif /* RUNNER_H */
