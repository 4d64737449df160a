/* SPDX-License-Identifier: ISC */
/*
 * See bus.h.  Runs in the VM process with the machine lock held.  Each space
 * is a table sorted by base whose ranges never overlap, so a lookup is one
 * binary search; a guest reaches it with any address and any length.
 */
#include "pci/bus.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUS_RANGES_MAX 256

struct bus_range {
	uint64_t base, last; /* inclusive: a range may end at the very top */
	const char *name;
	const struct bus_ops *ops;
	void *arg;
};

struct bus_table {
	unsigned int count;
	struct bus_range range[BUS_RANGES_MAX];
};

struct bus {
	struct bus_table space[BUS_MMIO + 1];
};

struct bus *
bus_new(void)
{
	return calloc(1, sizeof(struct bus));
}

void
bus_free(struct bus *bus)
{
	free(bus);
}

/* The index of the first range that does not end before addr. */
static unsigned int
bus_search(const struct bus_table *table, uint64_t addr)
{
	unsigned int low = 0, high = table->count;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (table->range[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int
bus_add(struct bus *bus, enum bus_space space, uint64_t base, uint64_t size,
    const char *name, const struct bus_ops *ops, void *arg)
{
	struct bus_table *table = &bus->space[space];
	uint64_t last = base + size - 1;
	unsigned int at;

	if (size == 0 || last < base ||
	    (space == BUS_PIO && last > UINT16_MAX)) {
		errno = EINVAL;
		return -1;
	}
	at = bus_search(table, base);
	if (at < table->count && table->range[at].base <= last) {
		errno = EEXIST;
		return -1;
	}
	if (table->count == BUS_RANGES_MAX) {
		errno = ENOSPC;
		return -1;
	}
	memmove(&table->range[at + 1], &table->range[at],
	    (table->count - at) * sizeof(table->range[0]));
	table->range[at] = (struct bus_range) {
		.base = base, .last = last, .name = name, .ops = ops, .arg = arg
	};
	table->count++;
	return 0;
}

int
bus_remove(struct bus *bus, enum bus_space space, uint64_t base)
{
	struct bus_table *table = &bus->space[space];
	unsigned int at = bus_search(table, base);

	if (at == table->count || table->range[at].base != base) {
		errno = ENOENT;
		return -1;
	}
	table->count--;
	memmove(&table->range[at], &table->range[at + 1],
	    (table->count - at) * sizeof(table->range[0]));
	return 0;
}

/* The range that holds all of [addr, addr + len), or NULL. */
static const struct bus_range *
bus_find(const struct bus *bus, enum bus_space space, uint64_t addr,
    unsigned int len)
{
	const struct bus_table *table = &bus->space[space];
	const struct bus_range *range;
	unsigned int at = bus_search(table, addr);

	if (at == table->count || len == 0 || len > 8)
		return NULL;
	range = &table->range[at];
	if (range->base > addr || range->last - addr < len - 1)
		return NULL;
	return range;
}

static uint64_t
bus_mask(unsigned int len)
{
	return len >= 8 ? UINT64_MAX : (1ULL << (len * 8)) - 1;
}

uint64_t
bus_read(struct bus *bus, enum bus_space space, uint64_t addr, unsigned int len)
{
	const struct bus_range *range = bus_find(bus, space, addr, len);

	if (range == NULL)
		return bus_mask(len);
	return range->ops->read(range->arg, addr - range->base, len) &
	    bus_mask(len);
}

void
bus_write(struct bus *bus, enum bus_space space, uint64_t addr,
    unsigned int len, uint64_t value)
{
	const struct bus_range *range = bus_find(bus, space, addr, len);

	if (range != NULL)
		range->ops->write(
		    range->arg, addr - range->base, len, value & bus_mask(len));
}
