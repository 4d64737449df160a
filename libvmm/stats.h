/* SPDX-License-Identifier: ISC */
/*
 * libvmm's own counters of a vCPU, and the tables that describe counters.
 *
 * A counter belongs to the thread that runs the vCPU, but for those of
 * cancels; everybody else only reads.  All are relaxed atomics, which cost
 * that thread an addition each.
 */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm.h"

/* Far more than any KVM has. */
#define STATS_DESCS_MAX 1024
#define STATS_VALUES_MAX 8192

typedef _Atomic(uint64_t) stats_counter;

/*
 * Where the time goes.  edition is odd while the vCPU's thread changes the
 * rest, so that a reader sees whether what it read belongs together.
 */
struct stats_time {
	stats_counter edition;
	stats_counter guest; /* ns */
	stats_counter host; /* ns */
	stats_counter since; /* ns: the last change; 0: not measured */
	atomic_bool inside; /* since then in the guest */
};

struct stats_vcpu {
	stats_counter runs;
	stats_counter exits[VM_EXIT_MAX];
	stats_counter cancels; /* of any thread, as the next */
	stats_counter kicks;
	struct stats_time time;
};

/* Descriptions, made once and then only read. */
struct stats_table {
	struct vm_stat_desc *desc; /* owned */
	unsigned int count;
	unsigned int room;
	unsigned int values;
};

/* Makes room for so many more, at least one.  -1: ENOMEM, or EPROTO when there
 * are too many. */
int stats_table_reserve(struct stats_table *table, unsigned int more);
/* Appends a copy of desc.  -1 with EPROTO: no room, or no such values. */
int stats_table_add(struct stats_table *table, const struct vm_stat_desc *desc);
/* NULL is allowed. */
void stats_table_free(struct stats_table *table);

/* One more, by the only thread that writes it. */
static inline void
stats_count(stats_counter *c)
{
	atomic_store_explicit(c,
	    atomic_load_explicit(c, memory_order_relaxed) + 1,
	    memory_order_relaxed);
}

/* One more, by any thread. */
static inline void
stats_count_shared(stats_counter *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* The clock of vmm_guest_time goes from one side to the other. */
void stats_time_switch(struct stats_time *time, bool inside);
/* Time is no longer measured. */
void stats_time_stop(struct stats_time *time);

#endif /* STATS_H */
