/* SPDX-License-Identifier: ISC */
/*
 * The counters of a VM; see stats.h.  Runs in the main thread of the VM
 * process, beside the vCPUs, which it does not stop.
 *
 * What they are comes from libvmm: its own and those of the host's KVM.  A
 * counter of one value becomes a row; histograms do not.
 */
#include "role/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "role/answer.h"
#include "role/board.h"
#include "role/vcpus.h"
#include "vmm.h"

/* Some KVM may count more than fits into an answer. */
#define ROWS_MAX (ANSWER_PARTS - 16)

/* One answer under way. */
struct stats {
	struct child *child;
	const struct vcpus *vcpus;
	uint32_t client;
	unsigned int rows;
};

static void
stats_send(struct stats *s, const struct msg_stats_row *row)
{
	if (s->rows++ < ROWS_MAX)
		answer_part(s->child, MSG_STATS_ROW, row);
}

/* A value in whole bytes, nanoseconds and so on. */
static uint64_t
stats_scale(const struct vm_stat_desc *d, uint64_t value)
{
	int exponent = d->exponent + (d->unit == VM_STAT_SECONDS ? 9 : 0);

	/* Powers of 2 and seconds do not go together in any KVM. */
	for (; exponent > 0; exponent--)
		value *= d->base;
	for (; exponent < 0 && value != 0; exponent++)
		value /= d->base;
	return value;
}

static struct msg_stats_row
stats_row(const struct stats *s, const struct vm_stat_desc *d)
{
	static const enum stats_unit units[] = {
		[VM_STAT_COUNT] = STATS_COUNT,
		[VM_STAT_BYTES] = STATS_BYTES,
		[VM_STAT_SECONDS] = STATS_NS,
		[VM_STAT_CYCLES] = STATS_CYCLES,
		[VM_STAT_BOOLEAN] = STATS_YES,
	};
	struct msg_stats_row row = { .client = s->client,
		.unit = units[d->unit] };

	strlcpy(row.name, d->name, sizeof(row.name));
	return row;
}

/* What the vCPUs have together. */
static void
stats_sum(struct msg_stats_row *row, bool highest)
{
	for (unsigned int i = 0; i < row->vcpus; i++) {
		if (!highest)
			row->vm += row->vcpu[i];
		else if (row->vcpu[i] > row->vm)
			row->vm = row->vcpu[i];
	}
}

/* The processor time of each vCPU's thread: the guest's and our own. */
static int
stats_cpu_time(struct stats *s)
{
	struct msg_stats_row row = { .client = s->client,
		.unit = STATS_NS,
		.vcpus = s->vcpus->count,
		.name = "cpu_time" };
	struct timespec ts;
	clockid_t id;

	for (unsigned int i = 0; i < row.vcpus; i++) {
		errno = pthread_getcpuclockid(s->vcpus->thread[i], &id);
		if (errno != 0 || clock_gettime(id, &ts) == -1)
			return -1;
		row.vcpu[i] =
		    (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	stats_sum(&row, false);
	stats_send(s, &row);
	return 0;
}

/* The row of a counter whose values are those of n vCPUs, one each stride, or
 * that of the VM (n 0). */
static void
stats_counter(struct stats *s, const struct vm_stat_desc *d,
    const uint64_t *values, unsigned int n, size_t stride)
{
	struct msg_stats_row row = stats_row(s, d);

	if (n == 0)
		row.vm = stats_scale(d, values[d->first]);
	row.vcpus = n;
	for (unsigned int i = 0; i < n; i++)
		row.vcpu[i] = stats_scale(d, values[i * stride + d->first]);
	stats_sum(&row, d->kind == VM_STAT_PEAK || d->unit == VM_STAT_BOOLEAN);
	stats_send(s, &row);
}

/* All counters of n vCPUs, or those of the VM (n 0). */
static int
stats_of(struct stats *s, unsigned int n)
{
	struct vm *vm = s->vcpus->board->vm;
	struct vcpu *first = n != 0 ? s->vcpus->vcpu[0] : NULL;
	struct vm_stat_desc d = { .size = sizeof(d) };
	int count = vm_get_stats(vm, first, NULL, NULL, 0), r;
	size_t stride = (size_t)count;
	uint64_t *values;

	if (count == -1)
		return -1;
	values = calloc(stride * (n != 0 ? n : 1) + 1, sizeof(*values));
	if (values == NULL)
		return -1;
	r = vm_get_stats(vm, first, NULL, values, stride);
	for (unsigned int i = 1; i < n && r != -1; i++)
		r = vm_get_stats(
		    vm, s->vcpus->vcpu[i], NULL, values + i * stride, stride);
	for (unsigned int i = 0;
	     r != -1 && vm_get_stat_desc(vm, first, i, &d) == 0; i++)
		if (d.values == 1)
			stats_counter(s, &d, values, n, stride);
	free(values);
	return r == -1 ? -1 : 0;
}

void
stats_answer(
    struct child *child, const struct vcpus *vs, const struct msg_vm_ask *ask)
{
	struct stats s = { .child = child, .vcpus = vs, .client = ask->client };
	int err = 0;

	if (stats_cpu_time(&s) == -1 || stats_of(&s, vs->count) == -1 ||
	    stats_of(&s, 0) == -1)
		err = errno;
	answer_end(child, ask->client, err == 0 ? VM_ERROR_OK : VM_ERROR_FAILED,
	    err, err == 0 ? "" : "cannot read the counters");
}
