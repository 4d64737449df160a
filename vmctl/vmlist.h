/* SPDX-License-Identifier: ISC */
/*
 * The VMs the daemon knows, as status, console, stats and stop -a see them.
 */
#ifndef VMLIST_H
#define VMLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "vmd_msg.h"

struct client;

struct vmlist {
	struct msg_status_vm *vms; /* owned; in the order of their ids */
	size_t count;
};

/* Asks the daemon.  0, or -1 having said why; then there is nothing to free. */
int vmlist_fetch(struct vmlist *list, struct client *client);
void vmlist_fini(struct vmlist *list);

/* Whether vm is the one with this id or this name. */
bool vmlist_match(
    const struct msg_status_vm *vm, const struct msg_vm_target *target);
/* The first that matches, borrowed, or NULL. */
const struct msg_status_vm *vmlist_find(
    const struct vmlist *list, const struct msg_vm_target *target);

#endif /* VMLIST_H */
