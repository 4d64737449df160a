/* SPDX-License-Identifier: ISC */
/*
 * The table of commands.  Usage, `vmctl help`, the matching of abbreviated
 * names and the test that compares vmctl(8) with this program all read these
 * rows; a new command is a row and its functions.
 */
#include "commands.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

static int help_parse(struct request *request, int argc, char *argv[]);
static int help_run(struct request *request, struct client *client);

static const struct command commands[] = {
	{
	    .name = "console",
	    .args = "id",
	    .help = "Connect to the console of a VM; ~. leaves it.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_TERMINALS,
	    .parse = parse_id,
	    .run = console_run,
	},
	{
	    .name = "dump",
	    .args = "[-f] id file",
	    .help = "Write the memory and registers of a VM into a core file.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_MAKE,
	    .parse = dump_parse,
	    .run = dump_run,
	},
	{
	    .name = "gdb",
	    .args = "[-x] id",
	    .help = "Say how gdb reaches a VM, or run it.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_LATER,
	    .parse = gdb_parse,
	    .run = gdb_run,
	},
	{
	    .name = "help",
	    .args = "[command]",
	    .help = "List the commands, or show the usage of one.",
	    .needs = NEEDS_NONE,
	    .parse = help_parse,
	    .run = help_run,
	},
	{
	    .name = "log",
	    .args = "brief|verbose|trace",
	    .help = "Set how much the daemon logs.",
	    .needs = NEEDS_SOCKET,
	    .parse = log_parse,
	    .run = log_run,
	},
	{
	    .name = "pause",
	    .args = "id",
	    .help = "Pause a VM.",
	    .needs = NEEDS_SOCKET,
	    .parse = parse_id,
	    .run = pause_run,
	},
	{
	    .name = "receive",
	    .args = "[-cf] [-b kernel] [-d disk] [-I initrd] id|name",
	    .help = "Receive a VM from standard input.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_LATER,
	    .parse = receive_parse,
	    .run = receive_run,
	},
	{
	    .name = "reload",
	    .args = "",
	    .help = "Read vm.conf again; running VMs go on.",
	    .needs = NEEDS_SOCKET,
	    .parse = parse_nothing,
	    .run = reload_run,
	},
	{
	    .name = "reset",
	    .args = "[all|switches|vms]",
	    .help = "End all VMs, forget all switches, or both.",
	    .needs = NEEDS_SOCKET,
	    .parse = reset_parse,
	    .run = reset_run,
	},
	{
	    .name = "send",
	    .args = "[-Ds] [-t ms] [-z level] id [-- command ...]",
	    .help = "Send a VM to standard output or a command.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_LATER,
	    .parse = send_parse,
	    .run = send_run,
	},
	{
	    .name = "show-state",
	    .args = "[-j] file|-",
	    .help = "List what a saved VM consists of, and check it.",
	    .needs = NEEDS_NONE,
	    .parse = showstate_parse,
	    .run = showstate_run,
	},
	{
	    .name = "start",
	    .args = "[-c] [-A cmdline] [-b kernel] [-d disk] [-g run|stop] "
		    "[-I initrd] [-i count] [-m size] [-N tap|user] [-p cpus] "
		    "id|name",
	    .help = "Start a VM of vm.conf, or a new one.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_TERMINALS,
	    .parse = start_parse,
	    .run = start_run,
	},
	{
	    .name = "stats",
	    .args = "[-j] [id]",
	    .help = "Show the counters of running VMs, or of one and its CPUs.",
	    .needs = NEEDS_SOCKET,
	    .parse = stats_parse,
	    .run = stats_run,
	},
	{
	    .name = "status",
	    .alias = "show",
	    .args = "[-jr] [id]",
	    .help = "List VMs.",
	    .needs = NEEDS_SOCKET,
	    .files = CONFINE_READ,
	    .parse = status_parse,
	    .run = status_run,
	},
	{
	    .name = "stop",
	    .args = "[-fw] -a|id",
	    .help = "Shut a VM down by its power button, or end it by force.",
	    .needs = NEEDS_SOCKET,
	    .parse = stop_parse,
	    .run = stop_run,
	},
	{
	    .name = "unpause",
	    .args = "id",
	    .help = "Let a paused VM run again.",
	    .needs = NEEDS_SOCKET,
	    .parse = parse_id,
	    .run = unpause_run,
	},
	{
	    .name = "wait",
	    .args = "id",
	    .help = "Wait until a VM has ended.",
	    .needs = NEEDS_SOCKET,
	    .parse = parse_id,
	    .run = wait_run,
	},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
commands_all(size_t *count)
{
	*count = COMMANDS;
	return commands;
}

static bool
begins_with(const char *name, const char *word)
{
	return name != NULL && strncmp(name, word, strlen(word)) == 0;
}

const struct command *
commands_find(const char *word, const char **reason)
{
	const struct command *found = NULL, *c;

	*reason = "unknown";
	if (*word == '\0')
		return NULL;
	for (c = commands; c < commands + COMMANDS; c++) {
		if (strcmp(c->name, word) == 0 ||
		    (c->alias != NULL && strcmp(c->alias, word) == 0))
			return c;
		if (!begins_with(c->name, word) && !begins_with(c->alias, word))
			continue;
		if (found != NULL)
			*reason = "ambiguous";
		found = c;
	}
	return strcmp(*reason, "ambiguous") == 0 ? NULL : found;
}

void
command_synopsis(const struct command *command, FILE *out)
{
	fprintf(out, "vmctl [-v] [-S socket] %s%s%s",
	    command != NULL ? command->name : "command [arg ...]",
	    command != NULL && *command->args != '\0' ? " " : "",
	    command != NULL ? command->args : "");
}

_Noreturn void
command_usage(const struct command *command)
{
	fputs("usage:\t", stderr);
	command_synopsis(command, stderr);
	fputc('\n', stderr);
	if (command == NULL)
		fputs("\t\"vmctl help\" lists the commands\n", stderr);
	exit(1);
}

int
request_target(struct request *request, const char *word)
{
	const char *reason;

	if (target_parse(word, &request->target, &reason) == -1) {
		warnx("%s: \"%s\"", reason, word);
		return -1;
	}
	request->has_target = true;
	return 0;
}

int
parse_nothing(struct request *request, int argc, char *argv[])
{
	(void)argv;
	if (argc != 1)
		command_usage(request->command);
	return 0;
}

int
parse_id(struct request *request, int argc, char *argv[])
{
	if (argc == 1) {
		warnx("missing vmid argument");
		command_usage(request->command);
	}
	/* What begins with a dash is an option, and there are none. */
	if (argc != 2 || *argv[1] == '-')
		command_usage(request->command);
	return request_target(request, argv[1]);
}

static int
help_parse(struct request *request, int argc, char *argv[])
{
	if (argc > 2)
		command_usage(request->command);
	request->word = argv[1];
	return 0;
}

static int
help_run(struct request *request, struct client *client)
{
	const struct command *c;
	const char *reason;

	(void)client;
	if (request->word == NULL) {
		for (c = commands; c < commands + COMMANDS; c++)
			printf("%-10s %s%s%s%s\n", c->name, c->help,
			    c->alias ? "  Also: " : "",
			    c->alias ? c->alias : "", c->alias ? "." : "");
		return 0;
	}
	if ((c = commands_find(request->word, &reason)) == NULL) {
		warnx("%s argument: %s", reason, request->word);
		return 1;
	}
	command_synopsis(c, stdout);
	printf("\n\t%s\n", c->help);
	return 0;
}
