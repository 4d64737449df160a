/* SPDX-License-Identifier: ISC */
/*
 * The clocks of a guest, for a VM that moves.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

struct vm;
struct vm_time;

/*
 * vm_set_time(); ahead (by vCPU id): what each TSC is ahead of the first
 * vCPU's by; NULL: what it is now.
 */
int clock_set(struct vm *vm, const struct vm_time *time, uint64_t advance_ns,
    const int64_t *ahead);

/* What the vCPU's TSC is ahead of the first one's by; 0 where KVM does not
 * tell. */
int clock_tsc_ahead(struct vm *vm, uint32_t id, int64_t *ahead);

#endif /* CLOCK_H */
