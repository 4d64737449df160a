/* SPDX-License-Identifier: ISC */
/*
 * vmctl: controls the daemon vmd.  Runs with the rights of its user and needs
 * no others: files are opened here, and their descriptors sent.  Finds the row
 * of the command, lets it read its arguments, connects, gives up what it needs
 * no more, runs it.
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"

/* Output that nobody got is a failure, even if all else went well. */
static int
flush_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	warn("standard output");
	return 1;
}

static void
confine(const struct request *request, bool verbose)
{
	int version;

	if (request->command->files == CONFINE_LATER)
		return;
	version = confine_enter(request->command->files, request->dir_fd);
	if (version == -1)
		warn("cannot confine itself");
	else if (verbose)
		warnx("confined by Landlock %d", version);
}

static int
run(struct request *request, const char *socket_path, bool verbose)
{
	struct client client;
	char path[PATH_MAX];
	int status;

	if (request->command->needs == NEEDS_NONE) {
		confine(request, verbose);
		return request->command->run(request, NULL);
	}
	if (client_path(socket_path, path, sizeof(path)) == -1) {
		warn("socket");
		return 1;
	}
	if (client_open(&client, path, verbose) == -1)
		return 1;
	confine(request, verbose);
	status = request->command->run(request, &client);
	client_close(&client);
	return status;
}

int
main(int argc, char *argv[])
{
	struct request request = { .command = NULL, .dir_fd = -1 };
	const char *socket_path = NULL, *reason;
	bool verbose = false;
	int ch, status;

	setlocale(LC_CTYPE, "");
	/* A line is one write: a command of ours may have one to say, too. */
	setlinebuf(stderr);
	signal(SIGPIPE, SIG_IGN);
	while ((ch = getopt(argc, argv, "+S:v")) != -1) {
		switch (ch) {
		case 'S':
			socket_path = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			command_usage(NULL);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		command_usage(NULL);
	if ((request.command = commands_find(argv[0], &reason)) == NULL) {
		fprintf(stderr, "%s argument: %s\n", reason, argv[0]);
		command_usage(NULL);
	}
	optind = 0; /* glibc: begin anew */
	status = 1;
	if (request.command->parse(&request, argc, argv) == 0)
		status = run(&request, socket_path, verbose);
	start_free(request.start);
	dump_free(request.dump);
	receive_free(request.receive);
	return flush_output(status);
}
