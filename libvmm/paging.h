/* SPDX-License-Identifier: ISC */
/*
 * The page-table walk of a guest, in software.  Pure: tables are read through
 * a callback, so that hostile ones can be tried without a VM.
 */
#ifndef PAGING_H
#define PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

struct paging_walk {
	struct vm_guest_paging paging;
	unsigned int phys_bits; /* reserved above, 32..52 */
	bool gbpages; /* 1 GiB pages exist */
	/* Reads one entry of len (4 or 8) bytes, once; false: no memory. */
	bool (*read)(void *ctx, uint64_t gpa, void *entry, size_t len);
	void *ctx;
};

/*
 * Translates gla for an access of exactly one kind (VMM_PROT_*).  0, or -1
 * with *fault filled; at most five entries are read.
 */
int paging_translate(const struct paging_walk *walk, uint64_t gla, int prot,
    uint64_t *gpa, struct vm_fault *fault);

#endif /* PAGING_H */
