/* SPDX-License-Identifier: ISC */
/*
 * Pausing a VM and letting it run again.
 */
#include "commands.h"

#include <err.h>

#include "client.h"
#include "result.h"

static int
pause_request(struct request *request, struct client *client, uint32_t type,
    const char *verb)
{
	struct reply reply;
	char what[32];

	if (client_send(client, type, -1, &request->target,
		sizeof(request->target)) == -1 ||
	    client_result(client, &reply) == -1)
		return 1;
	snprintf(what, sizeof(what), "%s vm command", verb);
	if (result_status(&reply, what) != 0)
		return 1;
	warnx("%sd vm %u successfully", verb, reply.body.result.vm_id);
	return 0;
}

int
pause_run(struct request *request, struct client *client)
{
	return pause_request(request, client, MSG_VM_PAUSE, "pause");
}

int
unpause_run(struct request *request, struct client *client)
{
	return pause_request(request, client, MSG_VM_UNPAUSE, "unpause");
}
