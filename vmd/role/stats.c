/* SPDX-License-Identifier: ISC */
/*
 * The counters of a VM; see stats.h.  Runs in the main thread of the VM
 * process, beside the vCPUs, which it does not stop.
 */
#include "role/stats.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "role/answer.h"
#include "role/vcpus.h"

/* The processor time of each vCPU's thread: the guest's and our own. */
static int
stats_cpu_time(const struct vcpus *vs, struct msg_stats_row *row)
{
	struct timespec ts;
	clockid_t id;

	strlcpy(row->name, "cpu_time", sizeof(row->name));
	row->unit = STATS_NS;
	row->vcpus = vs->count;
	for (unsigned int i = 0; i < vs->count; i++) {
		if ((errno = pthread_getcpuclockid(vs->thread[i], &id)) != 0 ||
		    clock_gettime(id, &ts) == -1)
			return -1;
		row->vcpu[i] =
		    (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
		row->vm += row->vcpu[i];
	}
	return 0;
}

void
stats_answer(
    struct child *child, const struct vcpus *vs, const struct msg_vm_ask *ask)
{
	struct msg_stats_row row = { .client = ask->client };

	if (stats_cpu_time(vs, &row) == -1) {
		answer_end(child, ask->client, VM_ERROR_FAILED, errno,
		    "cannot read the counters");
		return;
	}
	answer_part(child, MSG_STATS_ROW, &row);
	answer_end(child, ask->client, VM_ERROR_OK, 0, "");
}
