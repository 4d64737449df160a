/* SPDX-License-Identifier: ISC */
/*
 * Fetching the list of VMs; see vmlist.h.
 */
#include "vmlist.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "result.h"

/* More VMs than any host runs: a daemon that goes on is not one. */
#define VMLIST_MAX 65536

static void
vmlist_add(struct vmlist *list, const struct msg_status_vm *vm)
{
	/* Room doubles whenever the count has reached a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		list->vms = reallocarray(list->vms,
		    list->count == 0 ? 1 : list->count * 2, sizeof(*vm));
		if (list->vms == NULL)
			err(1, NULL);
	}
	list->vms[list->count++] = *vm;
}

static int
vmlist_compare(const void *a, const void *b)
{
	const struct msg_status_vm *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

/* Takes one answer: 1 the list is complete, 0 there is more, -1 failed. */
static int
vmlist_take(struct vmlist *list, const struct reply *reply)
{
	if (reply->type == MSG_STATUS_END)
		return 1;
	if (reply->type == MSG_RESULT) {
		if (result_status(reply, "command") == 0)
			warnx("bad answer from vmd: no list of VMs");
		return -1;
	}
	if (reply->type != MSG_STATUS_VM) {
		warnx("bad answer from vmd: %s in a list of VMs",
		    reply_type_name(reply->type));
		return -1;
	}
	if (list->count == VMLIST_MAX) {
		warnx("bad answer from vmd: the list of VMs does not end");
		return -1;
	}
	vmlist_add(list, &reply->body.vm);
	return 0;
}

int
vmlist_fetch(struct vmlist *list, struct client *client)
{
	struct reply reply;
	int done = 0;

	list->vms = NULL;
	list->count = 0;
	if (client_send(client, MSG_STATUS, -1, NULL, 0) == -1)
		return -1;
	while (done == 0)
		done = client_recv(client, &reply) == -1
		    ? -1
		    : vmlist_take(list, &reply);
	if (done == -1) {
		vmlist_fini(list);
		return -1;
	}
	if (list->count != 0)
		qsort(
		    list->vms, list->count, sizeof(*list->vms), vmlist_compare);
	return 0;
}

void
vmlist_fini(struct vmlist *list)
{
	free(list->vms);
	list->vms = NULL;
	list->count = 0;
}

bool
vmlist_match(const struct msg_status_vm *vm, const struct msg_vm_target *target)
{
	if (target->id != 0)
		return vm->id == target->id;
	return strcmp(vm->name, target->name) == 0;
}

const struct msg_status_vm *
vmlist_find(const struct vmlist *list, const struct msg_vm_target *target)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (vmlist_match(&list->vms[i], target))
			return &list->vms[i];
	return NULL;
}
