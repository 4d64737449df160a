/* SPDX-License-Identifier: ISC */
/*
 * Commands to the daemon as a whole: log, reload, reset.  Words may be
 * abbreviated as commands may.
 */
#include "commands.h"

#include <string.h>

#include "client.h"
#include "result.h"

struct word {
	const char *name;
	uint32_t value;
};

static const struct word levels[] = {
	{ "brief", 0 },
	{ "verbose", 1 },
	{ "trace", 2 },
	{ NULL, 0 },
};

static const struct word resets[] = {
	{ "all", RESET_VMS | RESET_SWITCHES },
	{ "switches", RESET_SWITCHES },
	{ "vms", RESET_VMS },
	{ NULL, 0 },
};

/* No two words of a table begin alike. */
static const struct word *
word_find(const struct word *words, const char *text)
{
	for (; words->name != NULL; words++)
		if (*text != '\0' &&
		    strncasecmp(words->name, text, strlen(text)) == 0)
			return words;
	return NULL;
}

int
log_parse(struct request *request, int argc, char *argv[])
{
	const struct word *word = NULL;

	if (argc == 2)
		word = word_find(levels, argv[1]);
	if (word != NULL)
		request->flags = word->value;
	else
		command_usage(request->command);
	return 0;
}

int
reset_parse(struct request *request, int argc, char *argv[])
{
	const struct word *word = resets;

	if (argc == 2)
		word = word_find(resets, argv[1]);
	if (argc <= 2 && word != NULL)
		request->flags = word->value;
	else
		command_usage(request->command);
	return 0;
}

static int
daemon_request(
    struct client *client, uint32_t type, const void *data, size_t len)
{
	struct reply reply;

	if (client_send(client, type, -1, data, len) == -1 ||
	    client_result(client, &reply) == -1)
		return 1;
	return result_status(&reply, "command");
}

int
log_run(struct request *request, struct client *client)
{
	struct msg_log_level level = { .level = request->flags };

	return daemon_request(client, MSG_LOG_LEVEL, &level, sizeof(level));
}

int
reload_run(struct request *request, struct client *client)
{
	(void)request;
	return daemon_request(client, MSG_RELOAD, NULL, 0);
}

int
reset_run(struct request *request, struct client *client)
{
	struct msg_reset reset = { .what = request->flags };

	return daemon_request(client, MSG_RESET, &reset, sizeof(reset));
}
