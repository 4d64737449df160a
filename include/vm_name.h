/* SPDX-License-Identifier: ISC */
/*
 * What a VM may be called.
 */
#ifndef VM_NAME_H
#define VM_NAME_H

#include <stdbool.h>

/* Letters, digits, '.', '-', '_', beginning with a letter or digit, at most
 * VMD_NAME_MAX of them, and not a number. */
bool vm_name_ok(const char *name);

#endif /* VM_NAME_H */
