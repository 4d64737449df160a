/* SPDX-License-Identifier: ISC */
/*
 * One process of a VM, as vmm sees it.  Part of guest.h.
 */
#ifndef GUEST_PROC_H
#define GUEST_PROC_H

#include <stddef.h>
#include <stdint.h>

#include "jail/role_id.h"
#include "vmd_msg.h"

struct guest;
struct guest_proc;

/* Adds a record of a process that is not there yet to the guest, which owns
 * it.  Returns borrowed; out of memory is fatal. */
struct guest_proc *guest_proc_new(
    struct guest *, enum role, enum device_kind, unsigned int index);
/* Takes it out of its guest.  It must be reaped. */
void guest_proc_free(struct guest_proc *);

/*
 * Spawns it, with a link to vmm, the descriptors given (borrowed) and its first
 * message, the log level.  -1 with errno.
 */
int guest_proc_spawn(struct guest_proc *, const int *fds, size_t nfds);

#endif /* GUEST_PROC_H */
