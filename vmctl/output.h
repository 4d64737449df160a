/* SPDX-License-Identifier: ISC */
/*
 * Listings on stdout, as a table for people or as JSON for programs.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "vmd_msg.h"

/* Prints count VMs under a header, or as an array of objects. */
void output_status(
    const struct msg_status_vm *const *vms, size_t count, bool json);

/* The word of the STATE column.  Returns a constant string. */
const char *output_state(const struct msg_status_vm *vm);

/* "user", "user:group" or ":group", numbers where there is no name, cut to
 * what fits.  Returns text. */
char *output_owner(const struct msg_status_vm *vm, char *text, size_t len);

#endif /* OUTPUT_H */
