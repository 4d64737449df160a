/* SPDX-License-Identifier: ISC */
/*
 * The books of guest memory: which guest physical range is which host range,
 * in which slot.  Pure: no system call, no lock of its own.  Regions are kept
 * sorted by address and never overlap.
 */
#ifndef MEMMAP_H
#define MEMMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMMAP_MAX 128
#define MEMMAP_PAGE 4096ULL
#define MEMMAP_TOP (1ULL << 52) /* no guest physical address beyond */

/* What is behind a region. */
enum memmap_backing {
	MEMMAP_OWN, /* memory of our own */
	MEMMAP_FILE, /* a file, which its owner may cut short */
	MEMMAP_DEVICE /* no memory: a read may mean something */
};

struct memmap_region {
	uint64_t gpa;
	uint64_t len;
	uint8_t *host;
	uint64_t offset; /* of RAM: in the memory descriptor */
	uint32_t slot;
	int prot; /* VMM_PROT_*, the guest's */
	enum memmap_backing backing;
	bool host_write; /* the host's view can be written */
	bool ram;
	bool borrowed; /* host belongs to a named segment or a device */
	bool device; /* a BAR: neither for copies nor for DMA */
	bool dirty_log; /* the backend notes the guest's writes */
	uint64_t
	    *noted; /* while it does: pages that copies wrote, a bit each */
};

struct memmap {
	int count;
	struct memmap_region region[MEMMAP_MAX];
	uint64_t slots[MEMMAP_MAX / 64]; /* bit set: slot taken */
};

/* 0, or EINVAL (alignment, range), EEXIST (overlap), ENOSPC: an errno. */
int memmap_check(const struct memmap *map, uint64_t gpa, uint64_t len);

/* The lowest free slot; memmap_check() said that there is one. */
uint32_t memmap_free_slot(const struct memmap *map);

/* Adds a checked region, whose slot is memmap_free_slot()'s. */
void memmap_add(struct memmap *map, const struct memmap_region *region);

/* The region that holds gpa (borrowed until the next change), or NULL. */
const struct memmap_region *memmap_find(const struct memmap *map, uint64_t gpa);

/* Removes a region found by memmap_find(); its slot is free again. */
void memmap_remove(struct memmap *map, const struct memmap_region *region);

/* Whether [gpa, gpa+len) is all memory, writable by the host if write. */
int memmap_covers(
    const struct memmap *map, uint64_t gpa, uint64_t len, bool write);

#endif /* MEMMAP_H */
