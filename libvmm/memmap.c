/* SPDX-License-Identifier: ISC */
/*
 * The books of guest memory; see memmap.h.  Runs wherever libvmm does, with
 * the VM's lock held by the caller.
 */
#include "memmap.h"

#include <errno.h>
#include <string.h>

/* The index of the first region that ends above gpa. */
static int
memmap_lower(const struct memmap *map, uint64_t gpa)
{
	int lo = 0, hi = map->count;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (map->region[mid].gpa + map->region[mid].len <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
memmap_check(const struct memmap *map, uint64_t gpa, uint64_t len)
{
	int i;

	if (len == 0 || gpa % MEMMAP_PAGE != 0 || len % MEMMAP_PAGE != 0)
		return EINVAL;
	if (gpa >= MEMMAP_TOP || len > MEMMAP_TOP - gpa)
		return EINVAL;
	i = memmap_lower(map, gpa);
	if (i < map->count && map->region[i].gpa < gpa + len)
		return EEXIST;
	if (map->count == MEMMAP_MAX)
		return ENOSPC;
	return 0;
}

uint32_t
memmap_free_slot(const struct memmap *map)
{
	uint32_t word = 0;

	while (word < MEMMAP_MAX / 64 - 1 && map->slots[word] == UINT64_MAX)
		word++;
	return word * 64 + (uint32_t)__builtin_ctzll(~map->slots[word]);
}

void
memmap_add(struct memmap *map, const struct memmap_region *region)
{
	int i = memmap_lower(map, region->gpa);

	memmove(&map->region[i + 1], &map->region[i],
	    (size_t)(map->count - i) * sizeof(map->region[0]));
	map->region[i] = *region;
	map->count++;
	map->slots[region->slot / 64] |= 1ULL << (region->slot % 64);
}

const struct memmap_region *
memmap_find(const struct memmap *map, uint64_t gpa)
{
	int i = memmap_lower(map, gpa);

	if (i == map->count || map->region[i].gpa > gpa)
		return NULL;
	return &map->region[i];
}

void
memmap_remove(struct memmap *map, const struct memmap_region *region)
{
	int i = (int)(region - map->region);

	map->slots[region->slot / 64] &= ~(1ULL << (region->slot % 64));
	map->count--;
	memmove(&map->region[i], &map->region[i + 1],
	    (size_t)(map->count - i) * sizeof(map->region[0]));
}

int
memmap_covers(const struct memmap *map, uint64_t gpa, uint64_t len, bool write)
{
	const struct memmap_region *r;
	uint64_t room;

	while (len > 0) {
		r = memmap_find(map, gpa);
		if (r == NULL || r->device)
			return EFAULT;
		if (write && !r->host_write)
			return EACCES;
		room = r->gpa + r->len - gpa;
		if (room >= len)
			return 0;
		gpa += room;
		len -= room;
	}
	return 0;
}
