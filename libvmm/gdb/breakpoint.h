/* SPDX-License-Identifier: ISC */
/*
 * Breakpoints in the guest's memory and in the debug registers.  They change
 * only while all vCPUs stand; what runs may look at them at any time.
 */
#ifndef BREAKPOINT_H
#define BREAKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

/* Enough for any person, and a bound for any client. */
#define BREAKPOINT_MAX 8192
#define BREAKPOINT_INT3 0xcc

/* The types of Z packets. */
enum breakpoint_type {
	BREAKPOINT_SOFTWARE,
	BREAKPOINT_HARDWARE,
	BREAKPOINT_WRITE,
	BREAKPOINT_READ,
	BREAKPOINT_ACCESS,
	BREAKPOINT_TYPES
};

/* One INT3.  Two linear addresses of one place have a row each. */
struct breakpoint {
	uint64_t gla, gpa;
	uint8_t original;
};

/* A debug register; a long or crooked range takes several. */
struct breakpoint_slot {
	enum breakpoint_type type;
	uint64_t gla, len; /* as the client said */
	struct vcpu_point point; /* kind VCPU_POINT_NONE: free */
};

struct breakpoints {
	struct vm *vm;
	struct breakpoint *row; /* sorted by gpa */
	size_t count, room;
	struct breakpoint_slot slot[VCPU_POINTS];
};

/*
 * Puts an INT3 at gpa for gla; where one is already the guest's
 * byte may have come back, and an INT3 replaces it.  ENOSPC:
 * BREAKPOINT_MAX; EFAULT: no memory there; EACCES: a file that must not be
 * written; ENOMEM.
 */
int breakpoint_insert(struct breakpoints *b, uint64_t gla, uint64_t gpa);
/* Takes it away; the guest's own changes meanwhile stay.  ENOENT: none. */
int breakpoint_remove(struct breakpoints *b, uint64_t gla);
bool breakpoint_is_at(const struct breakpoints *b, uint64_t gpa);

/* Sets debug registers.  ENOSPC: not enough are free; EINVAL: len. */
int breakpoint_watch(struct breakpoints *b, enum breakpoint_type type,
    uint64_t gla, uint64_t len);
int breakpoint_unwatch(struct breakpoints *b, enum breakpoint_type type,
    uint64_t gla, uint64_t len);

/* Takes all away. */
void breakpoint_clear(struct breakpoints *b);

/* What each vCPU must exit for, without steps. */
void breakpoint_arm(const struct breakpoints *b, struct vcpu_debug *debug);

/* Memory as it would be without breakpoints.  0, or -1 as vm_copyin(). */
int breakpoint_copyout(
    const struct breakpoints *b, uint64_t gpa, uint8_t *dst, size_t len);
/* Writes under the breakpoints. */
int breakpoint_copyin(
    struct breakpoints *b, const uint8_t *src, uint64_t gpa, size_t len);

#endif /* BREAKPOINT_H */
