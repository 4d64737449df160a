/* SPDX-License-Identifier: ISC */
/*
 * The log of written pages, for the one who has it: vm_dirty_enable() or a
 * snapshot.
 */
#ifndef DIRTY_H
#define DIRTY_H

#include <stdbool.h>
#include <stdint.h>

struct memmap_region;
struct vm;

/* As vm_dirty_enable(), whoever has the log. */
int dirty_enable(struct vm *vm, bool on);

bool dirty_is_on(struct vm *vm);

/* A copy has written len bytes at byte at of the region; the VM's lock. */
void dirty_written(
    const struct memmap_region *region, uint64_t at, uint64_t len);

#endif /* DIRTY_H */
