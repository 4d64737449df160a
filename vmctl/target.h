/* SPDX-License-Identifier: ISC */
/*
 * The id or name of a VM as it is written on the command line.
 */
#ifndef TARGET_H
#define TARGET_H

#include "vmd_msg.h"

/*
 * A decimal number is an id (1 to 2^32 - 1); everything else is a name: at
 * most VMD_NAME_MAX letters, digits, '.', '-' or '_', the first a letter or
 * digit.  0, or -1 with *reason a constant sentence that says what is wrong.
 */
int target_parse(
    const char *word, struct msg_vm_target *target, const char **reason);

#endif /* TARGET_H */
