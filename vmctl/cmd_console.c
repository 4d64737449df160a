/* SPDX-License-Identifier: ISC */
/*
 * Opening the console of a VM: the daemon says which terminal it is, the
 * terminal's own permissions say who may.
 */
#include "commands.h"

#include <err.h>
#include <string.h>

#include "client.h"
#include "console.h"
#include "vm_error.h"
#include "vmlist.h"

int
console_run(struct request *request, struct client *client)
{
	const struct msg_status_vm *vm;
	char tty[VMD_TTY_MAX + 1] = "";
	struct vmlist list;
	bool found;

	if (vmlist_fetch(&list, client) == -1)
		return 1;
	vm = vmlist_find(&list, &request->target);
	found = vm != NULL;
	if (found && vm->state != VM_STOPPED)
		memcpy(tty, vm->tty, sizeof(tty));
	vmlist_fini(&list);
	if (!found) {
		warnx("%s", vm_error_text(VM_ERROR_NOT_FOUND));
		return 1;
	}
	/* The daemon need not keep a connection for as long as this lasts. */
	client_close(client);
	return console_attach(tty);
}
