/* SPDX-License-Identifier: ISC */
/*
 * Listing VMs.  The daemon sends all of them; what is asked for is picked out
 * here.  Nothing to list is a failure, and an id or name that no VM has is
 * said to be wrong, so that scripts can ask.
 */
#include "commands.h"

#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "output.h"
#include "vm_error.h"
#include "vmlist.h"

int
status_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "+jr")) != -1) {
		switch (ch) {
		case 'j':
			request->json = true;
			break;
		case 'r':
			request->running = true;
			break;
		default:
			command_usage(request->command);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc > 1)
		command_usage(request->command);
	return argc == 1 ? request_target(request, argv[0]) : 0;
}

static bool
status_wants(const struct request *request, const struct msg_status_vm *vm)
{
	if (request->running && vm->state == VM_STOPPED)
		return false;
	return !request->has_target || vmlist_match(vm, &request->target);
}

int
status_run(struct request *request, struct client *client)
{
	const struct msg_status_vm **wanted;
	struct vmlist list;
	size_t count = 0, i;

	if (vmlist_fetch(&list, client) == -1)
		return 1;
	wanted = calloc(list.count + 1, sizeof(*wanted));
	if (wanted == NULL)
		err(1, NULL);
	for (i = 0; i < list.count; i++)
		if (status_wants(request, &list.vms[i]))
			wanted[count++] = &list.vms[i];
	if (count != 0 || request->json || !request->has_target)
		output_status(wanted, count, request->json);
	if (count == 0 && request->has_target)
		warnx("%s",
		    vm_error_text(vmlist_find(&list, &request->target) != NULL
			    ? VM_ERROR_NOT_RUNNING
			    : VM_ERROR_NOT_FOUND));
	free(wanted);
	vmlist_fini(&list);
	return count == 0;
}
