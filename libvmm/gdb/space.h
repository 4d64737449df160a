/* SPDX-License-Identifier: ISC */
/*
 * A guest's linear addresses as a debugger sees them: with the tables of one
 * vCPU, which stands, and with more rights than the guest's kernel has.
 */
#ifndef SPACE_H
#define SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "breakpoint.h"

/*
 * The guest physical address behind gla, if there is memory.  EFAULT: there
 * is none, fault->vector says whether the tables are the reason.
 */
int space_translate(
    struct vcpu *vcpu, uint64_t gla, uint64_t *gpa, struct vm_fault *fault);

/*
 * Reads up to len bytes from gla on, without breakpoints; returns how many,
 * 0 with EFAULT.
 */
size_t space_read(struct vcpu *vcpu, const struct breakpoints *b, uint64_t gla,
    uint8_t *dst, size_t len);

/*
 * Writes len bytes, to read-only pages too.  EFAULT, EACCES: not all of it can
 * be written, and nothing was.
 */
int space_write(struct vcpu *vcpu, struct breakpoints *b, const uint8_t *src,
    uint64_t gla, size_t len);

#endif /* SPACE_H */
