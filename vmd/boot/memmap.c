/* SPDX-License-Identifier: ISC */
/*
 * See memmap.h.  Pure.  RAM below 1 MiB that the guest may not take: the EBDA
 * and the BIOS area, where the ACPI tables are.
 */
#include "boot/memmap.h"

#include "boot/layout.h"

struct memmap {
	struct memmap_entry *entry;
	unsigned int count;
};

static void
memmap_add(struct memmap *map, uint64_t base, uint64_t end, uint32_t type)
{
	if (end > base)
		map->entry[map->count++] = (struct memmap_entry) {
			.base = base, .size = end - base, .type = type
		};
}

static uint64_t
at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

unsigned int
memmap_fill(
    struct memmap_entry entry[MEMMAP_MAX], uint64_t memory, uint64_t lowmem)
{
	struct memmap map = { .entry = entry };

	memmap_add(&map, 0, at_most(lowmem, LAYOUT_EBDA), MEMMAP_RAM);
	memmap_add(&map, LAYOUT_EBDA, LAYOUT_VGA_HOLE, MEMMAP_RESERVED);
	memmap_add(&map, LAYOUT_BIOS, LAYOUT_HIGH, MEMMAP_RESERVED);
	memmap_add(&map, LAYOUT_HIGH, lowmem, MEMMAP_RAM);
	/* IOAPIC, LAPIC, and the pages at the top that KVM and firmware use. */
	memmap_add(
	    &map, LAYOUT_MMIO_END, LAYOUT_HIGHMEM_START, MEMMAP_RESERVED);
	if (memory > lowmem)
		memmap_add(&map, LAYOUT_HIGHMEM_START,
		    LAYOUT_HIGHMEM_START + (memory - lowmem), MEMMAP_RAM);
	return map.count;
}
