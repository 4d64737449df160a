/* SPDX-License-Identifier: ISC */
/*
 * The memory map that every kind of boot hands to the guest.
 */
#ifndef MEMMAP_H
#define MEMMAP_H

#include <stdint.h>

enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2, MEMMAP_ACPI = 3 };

struct memmap_entry {
	uint64_t base;
	uint64_t size;
	uint32_t type; /* enum memmap_type: the numbers are those of E820 */
};

#define MEMMAP_MAX 8

/*
 * Fills map, sorted and without overlap, for a machine of memory bytes of
 * which lowmem lie below LAYOUT_LOWMEM_END; returns the number of entries.
 */
unsigned int memmap_fill(
    struct memmap_entry map[MEMMAP_MAX], uint64_t memory, uint64_t lowmem);

#endif /* MEMMAP_H */
