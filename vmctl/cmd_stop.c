/* SPDX-License-Identifier: ISC */
/*
 * Ending VMs and waiting for their end.  What happens to each VM is one line
 * on stderr: "stopping vm NAME: " first, then how it went.
 */
#include "commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "result.h"
#include "vm_error.h"
#include "vmlist.h"

int
stop_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "+afw")) != -1) {
		switch (ch) {
		case 'a':
			request->all = true;
			break;
		case 'f':
			request->flags |= STOP_FORCE;
			break;
		case 'w':
			request->flags |= STOP_WAIT;
			break;
		default:
			command_usage(request->command);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc != (request->all ? 0 : 1))
		command_usage(request->command);
	return request->all ? 0 : request_target(request, argv[0]);
}

/* The beginning of a line; a VM named by its id has no name yet. */
static void
say_begin(const char *verb, const struct msg_vm_target *target)
{
	fprintf(stderr, "%s vm%s%s: ", verb, *target->name ? " " : "",
	    target->name);
	fflush(stderr);
}

/* The rest of the line, and the exit status. */
static int
say_end(const struct reply *reply, const char *done)
{
	const struct msg_result *result = &reply->body.result;
	char *sentence;

	if (result->error == VM_ERROR_OK) {
		fprintf(stderr, "%s vm %u", done, result->vm_id);
		if (*reply->detail != '\0')
			fprintf(stderr, " (%s)", reply->detail);
		fputc('\n', stderr);
		return 0;
	}
	if (result->error == VM_ERROR_NOT_FOUND ||
	    result->error == VM_ERROR_NOT_RUNNING) {
		fprintf(stderr, "%s\n", vm_error_text(result->error));
		return 1;
	}
	sentence = result_sentence(reply, NULL);
	fprintf(stderr, "failed: %s\n", sentence);
	free(sentence);
	return 1;
}

/* Sends one request and waits for its answer. */
static int
ask(struct client *client, uint32_t type, const void *data, size_t len,
    struct reply *reply)
{
	if (client_send(client, type, -1, data, len) == -1)
		return -1;
	return client_result(client, reply);
}

static int
stop_end(const struct reply *reply, uint32_t flags)
{
	if (reply->body.result.error == VM_ERROR_NOT_RUNNING) {
		fputs("cannot stop vm that is not running\n", stderr);
		return 1;
	}
	if ((flags & STOP_WAIT) != 0)
		return say_end(reply, "terminated");
	return say_end(reply,
	    (flags & STOP_FORCE) != 0 ? "forced to terminate"
				      : "requested to shutdown");
}

static int
stop_one(struct request *request, struct client *client)
{
	struct msg_vm_stop stop = { .target = request->target,
		.flags = request->flags };
	struct reply reply;

	say_begin("stopping", &stop.target);
	if (ask(client, MSG_VM_STOP, &stop, sizeof(stop), &reply) == -1)
		return 1;
	return stop_end(&reply, stop.flags);
}

/*
 * One VM of `stop -a`, which is after the end of all VMs: one that has ended
 * since the list was made is well, one that is ending already is waited for.
 */
static int
stop_listed(struct client *client, const char *name, uint32_t flags)
{
	struct msg_vm_stop stop = { .flags = flags };
	struct reply reply;
	uint32_t error;

	/* By name, which both sides keep NUL terminated. */
	memcpy(stop.target.name, name, sizeof(stop.target.name));
	say_begin("stopping", &stop.target);
	if (ask(client, MSG_VM_STOP, &stop, sizeof(stop), &reply) == -1)
		return 1;
	error = reply.body.result.error;
	if (error == VM_ERROR_STOPPING && (flags & STOP_WAIT) != 0) {
		if (ask(client, MSG_VM_WAIT, &stop.target, sizeof(stop.target),
			&reply) == -1)
			return 1;
		error = reply.body.result.error;
	}
	if (error == VM_ERROR_NOT_RUNNING || error == VM_ERROR_NOT_FOUND) {
		fputs("has ended already\n", stderr);
		return 0;
	}
	return stop_end(&reply, flags);
}

static int
stop_all(struct client *client, uint32_t flags)
{
	struct vmlist list;
	int status = 0;
	size_t i;

	if (vmlist_fetch(&list, client) == -1)
		return 1;
	for (i = 0; i < list.count; i++)
		if (list.vms[i].state != VM_STOPPED)
			status |= stop_listed(client, list.vms[i].name, flags);
	vmlist_fini(&list);
	return status;
}

int
stop_run(struct request *request, struct client *client)
{
	if (request->all)
		return stop_all(client, request->flags);
	return stop_one(request, client);
}

int
wait_run(struct request *request, struct client *client)
{
	struct reply reply;

	say_begin("waiting for", &request->target);
	if (ask(client, MSG_VM_WAIT, &request->target, sizeof(request->target),
		&reply) == -1)
		return 1;
	return say_end(&reply, "terminated");
}
