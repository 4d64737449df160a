/* SPDX-License-Identifier: ISC */
/*
 * Statistics: libvmm's own counters, followed by the hypervisor's; see
 * vmm_stats.h.  A table of descriptions is made by the first who asks and never
 * changes after that.
 */
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handle.h"

/* libvmm's own, of a vCPU, in the order of their values. */
enum { OWN_RUNS, OWN_CANCELS, OWN_KICKS, OWN_GUEST, OWN_HOST, OWN_EXITS };
#define OWN_VALUES (OWN_EXITS + VM_EXIT_MAX)

static const struct {
	const char *name;
	enum vm_stat_unit unit;
	int exponent;
} own[OWN_EXITS] = {
	[OWN_RUNS] = { "vmm_runs", VM_STAT_COUNT, 0 },
	[OWN_CANCELS] = { "vmm_cancels", VM_STAT_COUNT, 0 },
	[OWN_KICKS] = { "vmm_kicks", VM_STAT_COUNT, 0 },
	[OWN_GUEST] = { "vmm_guest_time", VM_STAT_SECONDS, -9 },
	[OWN_HOST] = { "vmm_host_time", VM_STAT_SECONDS, -9 },
};

static const char *const own_exits[VM_EXIT_MAX] = {
	[VM_EXIT_CANCELLED] = "cancelled",
	[VM_EXIT_PIO] = "pio",
	[VM_EXIT_MMIO] = "mmio",
	[VM_EXIT_HLT] = "halt",
	[VM_EXIT_SHUTDOWN] = "shutdown",
	[VM_EXIT_SYSTEM_EVENT] = "system_event",
	[VM_EXIT_DEBUG] = "debug",
	[VM_EXIT_IRQ_WINDOW] = "irq_window",
	[VM_EXIT_INTERNAL_ERROR] = "internal_error",
	[VM_EXIT_FAIL_ENTRY] = "fail_entry",
	[VM_EXIT_DEADLINE] = "deadline",
	[VM_EXIT_ACCESS] = "access",
	[VM_EXIT_SUSPENDED] = "suspended",
	[VM_EXIT_UNKNOWN] = "unknown",
};

/* --- tables --------------------------------------------------------------- */

int
stats_table_reserve(struct stats_table *table, unsigned int more)
{
	struct vm_stat_desc *grown;

	if (more > STATS_DESCS_MAX - table->count) {
		errno = EPROTO;
		return -1;
	}
	grown =
	    realloc(table->desc, (table->count + more) * sizeof(*table->desc));
	if (grown == NULL)
		return -1;
	table->desc = grown;
	table->room = table->count + more;
	return 0;
}

int
stats_table_add(struct stats_table *table, const struct vm_stat_desc *desc)
{
	if (table->count == table->room || desc->values > STATS_VALUES_MAX ||
	    desc->first > STATS_VALUES_MAX - desc->values) {
		errno = EPROTO;
		return -1;
	}
	table->desc[table->count++] = *desc;
	if (desc->first + desc->values > table->values)
		table->values = desc->first + desc->values;
	return 0;
}

void
stats_table_free(struct stats_table *table)
{
	if (table == NULL)
		return;
	free(table->desc);
	free(table);
}

static int
stats_add_own(struct stats_table *table)
{
	struct vm_stat_desc d = { .size = sizeof(d), .base = 10, .values = 1 };

	if (stats_table_reserve(table, OWN_VALUES) == -1)
		return -1;
	for (d.first = 0; d.first < OWN_VALUES; d.first++) {
		if (d.first < OWN_EXITS) {
			(void)snprintf(
			    d.name, sizeof(d.name), "%s", own[d.first].name);
			d.unit = own[d.first].unit;
			d.exponent = own[d.first].exponent;
		} else {
			(void)snprintf(d.name, sizeof(d.name), "vmm_exit_%s",
			    own_exits[d.first - OWN_EXITS]);
			d.unit = VM_STAT_COUNT;
			d.exponent = 0;
		}
		if (stats_table_add(table, &d) == -1)
			return -1;
	}
	return 0;
}

/* The table of the VM or of its vCPUs (returns borrowed); NULL with errno. */
static const struct stats_table *
stats_get_table(struct vm *vm, struct vcpu *vcpu)
{
	_Atomic(struct stats_table *) *slot = &vm->stats[vcpu != NULL];
	struct stats_table *table = atomic_load(slot);

	if (table != NULL)
		return table;
	pthread_mutex_lock(&vm->lock);
	table = atomic_load(slot);
	if (table != NULL)
		goto out;
	table = calloc(1, sizeof(*table));
	if (table == NULL)
		goto out;
	if ((vcpu != NULL && stats_add_own(table) == -1) ||
	    vm->be->stats_describe(vm, vcpu, table) == -1) {
		int err = errno;

		stats_table_free(table);
		table = NULL;
		errno = err;
		goto out;
	}
	atomic_store(slot, table);
out:
	pthread_mutex_unlock(&vm->lock);
	return table;
}

int
vm_get_stat_desc(struct vm *vm, struct vcpu *vcpu, unsigned int index,
    struct vm_stat_desc *desc)
{
	const struct stats_table *table;

	if (desc->size != sizeof(*desc)) {
		errno = EINVAL;
		return -1;
	}
	table = stats_get_table(vm, vcpu);
	if (table == NULL)
		return -1;
	if (index >= table->count) {
		errno = ENOENT;
		return -1;
	}
	*desc = table->desc[index];
	return 0;
}

/* --- time ----------------------------------------------------------------- */

static uint64_t
stats_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t
stats_load(const stats_counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/*
 * What a reader loads in stats_time_read() is stored after the odd edition and
 * before the even one, hence the releases.  The clock is read after the odd
 * edition can be seen: a reader that saw the even one has then taken an earlier
 * time, and never says more than what is said after it.
 */
static void
stats_time_set(struct stats_time *t, bool inside, bool goes_on)
{
	uint64_t edition = stats_load(&t->edition);
	uint64_t last = stats_load(&t->since), now;
	stats_counter *side =
	    atomic_load_explicit(&t->inside, memory_order_relaxed) ? &t->guest
								   : &t->host;

	atomic_exchange(&t->edition, edition + 1);
	now = stats_now();
	if (last != 0)
		atomic_store_explicit(side, stats_load(side) + (now - last),
		    memory_order_release);
	atomic_store_explicit(
	    &t->since, goes_on ? now : 0, memory_order_release);
	atomic_store_explicit(&t->inside, inside, memory_order_release);
	atomic_store_explicit(&t->edition, edition + 2, memory_order_release);
}

void
stats_time_switch(struct stats_time *t, bool inside)
{
	stats_time_set(t, inside, true);
}

void
stats_time_stop(struct stats_time *t)
{
	if (stats_load(&t->since) != 0)
		stats_time_set(t, false, false);
}

/* Both times up to now.  The writer's part is a few instructions long. */
static void
stats_time_read(const struct stats_time *t, uint64_t *guest, uint64_t *host)
{
	uint64_t edition, since, now;
	bool inside;

	do {
		edition =
		    atomic_load_explicit(&t->edition, memory_order_acquire);
		*guest = atomic_load_explicit(&t->guest, memory_order_acquire);
		*host = atomic_load_explicit(&t->host, memory_order_acquire);
		since = atomic_load_explicit(&t->since, memory_order_acquire);
		inside = atomic_load_explicit(&t->inside, memory_order_acquire);
		now = stats_now();
	} while ((edition & 1) != 0 || edition != stats_load(&t->edition));
	if (since != 0)
		*(inside ? guest : host) += now - since;
}

void
vm_stats_time(struct vm *vm, bool on)
{
	atomic_store_explicit(&vm->stats_time, on, memory_order_relaxed);
}

/* --- values --------------------------------------------------------------- */

static void
stats_read_own(const struct stats_vcpu *s, uint64_t values[OWN_VALUES])
{
	unsigned int i;

	values[OWN_RUNS] = stats_load(&s->runs);
	values[OWN_CANCELS] = stats_load(&s->cancels);
	values[OWN_KICKS] = stats_load(&s->kicks);
	stats_time_read(&s->time, &values[OWN_GUEST], &values[OWN_HOST]);
	for (i = 0; i < VM_EXIT_MAX; i++)
		values[OWN_EXITS + i] = stats_load(&s->exits[i]);
}

int
vm_get_stats(struct vm *vm, struct vcpu *vcpu, struct timespec *when,
    uint64_t *values, size_t max)
{
	const struct stats_table *table = stats_get_table(vm, vcpu);
	uint64_t mine[OWN_VALUES];
	size_t n = 0;

	if (table == NULL)
		return -1;
	if (max > table->values)
		max = table->values;
	if (vcpu != NULL) {
		n = max < OWN_VALUES ? max : OWN_VALUES;
		stats_read_own(&vcpu->stats, mine);
		if (n != 0)
			memcpy(values, mine, n * sizeof(*values));
	}
	if (vm->be->stats_read(
		vm, vcpu, n < max ? values + n : NULL, max - n) == -1)
		return -1;
	if (when != NULL)
		(void)clock_gettime(CLOCK_MONOTONIC, when);
	return (int)table->values;
}
