/* SPDX-License-Identifier: ISC */
/*
 * Debugging a VM: the daemon says where its debugger's socket is, and gdb is
 * told so, by the user or by vmctl.  gdb runs with all the rights of its user,
 * so the daemon is asked by a process of its own, which confines itself as
 * every command does; what comes from there is one path, checked again.
 */
#include "commands.h"

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "result.h"

#define GDB "gdb"

int
gdb_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "+x")) != -1) {
		if (ch != 'x')
			command_usage(request->command);
		request->execute = true;
	}
	if (argc - optind != 1)
		command_usage(request->command);
	return request_target(request, argv[optind]);
}

/* What gdb takes for the name of a socket, and nothing else: it would run what
 * begins with a bar, and call what has a colon in it. */
static bool
gdb_path_ok(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len > VMD_GDB_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (path[i] < ' ' || path[i] > '~' || path[i] == ':')
			return false;
	return true;
}

/* 0 with path, or -1 having said why. */
static int
gdb_ask(const struct request *request, struct client *client,
    char path[VMD_GDB_MAX + 1])
{
	struct reply reply;

	if (client_send(client, MSG_VM_GDB, -1, &request->target,
		sizeof(request->target)) == -1 ||
	    client_result(client, &reply) == -1 ||
	    result_status(&reply, "gdb command") != 0)
		return -1;
	if (!gdb_path_ok(reply.detail)) {
		warnx("gdb cannot open this path: \"%s\"", reply.detail);
		return -1;
	}
	memcpy(path, reply.detail, strlen(reply.detail) + 1);
	return 0;
}

/* The line for a shell. */
static void
gdb_print(const char *path)
{
	fputs(GDB " -ex 'target remote ", stdout);
	for (; *path != '\0'; path++) {
		if (*path == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*path);
	}
	puts("'");
}

/* The process that asks: its answer goes down the pipe. */
static _Noreturn void
gdb_asker(const struct request *request, struct client *client, int fd)
{
	char path[VMD_GDB_MAX + 1];
	size_t len;

	if (confine_enter(CONFINE_NOTHING, -1) == -1)
		warn("cannot confine itself");
	if (gdb_ask(request, client, path) == -1)
		_exit(1);
	len = strlen(path);
	_exit(write(fd, path, len) == (ssize_t)len ? 0 : 1);
}

/* As gdb_ask(), by way of another process. */
static int
gdb_ask_apart(const struct request *request, struct client *client,
    char path[VMD_GDB_MAX + 1])
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fds) == -1 || (pid = fork()) == -1) {
		warn("fork");
		return -1;
	}
	if (pid == 0) {
		close(fds[0]);
		gdb_asker(request, client, fds[1]);
	}
	close(fds[1]);
	while (len < VMD_GDB_MAX &&
	    (n = read(fds[0], path + len, VMD_GDB_MAX - len)) > 0)
		len += (size_t)n;
	path[len] = '\0';
	close(fds[0]);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return status == 0 && gdb_path_ok(path) ? 0 : -1;
}

static int
gdb_execute(const char *path)
{
	char command[sizeof("target remote ") + VMD_GDB_MAX];

	snprintf(command, sizeof(command), "target remote %s", path);
	/* gdb is to end by a broken pipe as it does elsewhere. */
	signal(SIGPIPE, SIG_DFL);
	execlp(GDB, GDB, "-ex", command, (char *)NULL);
	if (errno == ENOENT)
		warnx("gdb is not installed");
	else
		warn("gdb");
	return 1;
}

int
gdb_run(struct request *request, struct client *client)
{
	char path[VMD_GDB_MAX + 1];

	if (request->execute) {
		if (gdb_ask_apart(request, client, path) == -1)
			return 1;
		client_close(client);
		return gdb_execute(path);
	}
	/* main() left it open in case of -x. */
	if (confine_enter(CONFINE_NOTHING, -1) == -1)
		warn("cannot confine itself");
	if (gdb_ask(request, client, path) == -1)
		return 1;
	gdb_print(path);
	return 0;
}
