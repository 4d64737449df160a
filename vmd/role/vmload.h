/* SPDX-License-Identifier: ISC */
/*
 * What a VM boots, into its memory, with pages for what comes next.  Runs in
 * the VM process.
 */
#ifndef VMLOAD_H
#define VMLOAD_H

#include "boot/boot.h"

struct board;
struct vmspec;

/* Borrows all; the file descriptors are the spec's.  *result is filled in.  -1:
 * its error says why. */
int vmload(struct board *, const struct vmspec *, struct boot_result *result);

#endif /* VMLOAD_H */
