/* SPDX-License-Identifier: ISC */
/*
 * The log of written pages, for the one who has it: vm_dirty_enable() or a
 * snapshot.
 */
#ifndef DIRTY_H
#define DIRTY_H

#include <stdbool.h>

struct vm;

/* As vm_dirty_enable(), whoever has the log. */
int dirty_enable(struct vm *vm, bool on);

bool dirty_is_on(struct vm *vm);

#endif /* DIRTY_H */
