/* SPDX-License-Identifier: ISC */
/*
 * Sending a VM: to standard output, or to a command that takes it and answers.
 * The VM's process writes there itself; this one tells how far it is, and its
 * end is what ends a send that is not over.
 *
 * The command runs with all the rights of its user, so it is begun before vmctl
 * gives up its own.
 */
#include "commands.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "result.h"
#include "size.h"
#include "vm_error.h"

#define PIPE_SIZE (1 << 20)

/* What is known of a send when it is over. */
struct sent {
	struct timespec since;
	struct msg_send_progress last;
	uint32_t throttle; /* percent, at most */
	bool shown; /* there is a line to remove */
};

/* 0 with *value, a whole number from least to most; -1 having said what. */
static int
number(const char *text, const char *what, uint32_t least, uint32_t most,
    uint32_t *value)
{
	uint64_t n = 0;
	size_t len = strlen(text);

	for (size_t i = 0; i < len && n <= most; i++)
		n = n * 10 + (uint64_t)(text[i] - '0');
	if (len == 0 || text[strspn(text, "0123456789")] != '\0' || n < least ||
	    n > most) {
		warnx("invalid %s: %s (%u to %u)", what, text, least, most);
		return -1;
	}
	*value = (uint32_t)n;
	return 0;
}

static int
send_option(struct request *request, int letter)
{
	struct msg_vm_send *send = &request->send;

	switch (letter) {
	case 'D':
		send->ask.flags |= SEND_DISKS;
		return 0;
	case 's':
		send->ask.flags |= SEND_COPY;
		return 0;
	case 't':
		return number(optarg, "downtime", 1, SEND_DOWNTIME_MAX_MS,
		    &send->downtime_ms);
	case 'z':
		return number(optarg, "level", 1, SEND_LEVEL_MAX, &send->level);
	default:
		command_usage(request->command);
	}
}

/* Where it goes to when there is no command. */
static int
send_check_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	struct stat st;

	if (isatty(STDOUT_FILENO)) {
		warnx("standard output is a terminal: redirect it into a file "
		      "or a pipe, or let -- and a command follow");
		return -1;
	}
	if (flags == -1 || fstat(STDOUT_FILENO, &st) == -1) {
		warn("standard output");
		return -1;
	}
	if ((flags & O_ACCMODE) == O_RDONLY ||
	    (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) &&
		!S_ISSOCK(st.st_mode))) {
		warnx("standard output is neither a file, nor a pipe, nor a "
		      "socket");
		return -1;
	}
	return 0;
}

int
send_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	request->send.downtime_ms = SEND_DOWNTIME_MS;
	while ((ch = getopt(argc, argv, "+Dst:z:")) != -1)
		if (send_option(request, ch) == -1)
			return -1;
	argc -= optind;
	argv += optind;
	if (argc == 0 || argc == 2 || (argc > 2 && strcmp(argv[1], "--") != 0))
		command_usage(request->command);
	if (request_target(request, argv[0]) == -1)
		return -1;
	request->send.ask.target = request->target;
	if (argc == 1)
		return send_check_output();
	request->send.ask.flags |= SEND_TWO_WAY;
	request->words = argv + 2;
	return 0;
}

/* --- how far it is ---------------------------------------------------------
 */

static double
send_seconds(const struct sent *sent)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - sent->since.tv_sec) +
	    (double)(now.tv_nsec - sent->since.tv_nsec) / 1e9;
}

/* The line that is written again and again, for people only. */
static void
send_progress(struct sent *sent, const struct msg_send_progress *p)
{
	char done[SIZE_TEXT], left[SIZE_TEXT], rate[SIZE_TEXT],
	    dirty[SIZE_TEXT];

	sent->last = *p;
	if (p->throttle > sent->throttle)
		sent->throttle = p->throttle;
	if (!isatty(STDERR_FILENO))
		return;
	sent->shown = true;
	if (p->round == 0)
		fputs("\rdisks", stderr);
	else
		fprintf(stderr, "\rround %u", p->round);
	fprintf(stderr, ": %s sent, %s left, %s/s", size_format(p->sent, done),
	    size_format(p->left, left), size_format(p->rate, rate));
	if (p->dirty != 0)
		fprintf(stderr, ", guest writes %s/s",
		    size_format(p->dirty, dirty));
	if (p->downtime_ms != 0)
		fprintf(stderr, ", downtime %u ms", p->downtime_ms);
	if (p->throttle != 0)
		fprintf(stderr, ", guest slowed down by %u%%", p->throttle);
	fputs("\033[K", stderr);
	fflush(stderr);
}

/* Waits for the end, which is in *reply.  0 or -1. */
static int
send_wait(struct client *client, struct sent *sent, struct reply *reply)
{
	int r;

	while ((r = client_recv(client, reply)) == 0 &&
	    reply->type == MSG_SEND_PROGRESS)
		send_progress(sent, &reply->body.sending);
	if (sent->shown)
		fputs("\r\033[K", stderr);
	if (r == 0 && reply->type != MSG_RESULT) {
		warnx("bad answer from vmd: %s where a RESULT was due",
		    reply_type_name(reply->type));
		r = -1;
	}
	return r;
}

static void
send_summary(const struct request *request, const struct sent *sent,
    const struct reply *reply)
{
	bool copy = (request->send.ask.flags & SEND_COPY) != 0;
	char bytes[SIZE_TEXT];

	warnx("%s vm %u%s%s in %.1f s%s", copy ? "copied" : "sent",
	    reply->body.result.vm_id, sent->last.sent != 0 ? ", " : "",
	    sent->last.sent != 0 ? size_format(sent->last.sent, bytes) : "",
	    send_seconds(sent), copy ? "; it goes on" : "");
	if (sent->throttle != 0)
		warnx("it wrote faster than its memory could be sent, and was "
		      "slowed down by up to %u%%",
		    sent->throttle);
}

/* --- the command -----------------------------------------------------------
 */

/* Begins it; *fd is the other end of its standard input and output.  Its pid,
 * or -1 having said why. */
static pid_t
send_command(char *const *words, int *fd)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    (pid = fork()) == -1) {
		warn("%s", words[0]);
		return -1;
	}
	if (pid == 0) {
		if (dup2(sv[1], STDIN_FILENO) == -1 ||
		    dup2(sv[1], STDOUT_FILENO) == -1)
			err(127, "dup2");
		/* It is to end by a broken pipe as it does elsewhere. */
		signal(SIGPIPE, SIG_DFL);
		execvp(words[0], words);
		err(127, "%s", words[0]);
	}
	close(sv[1]);
	*fd = sv[0];
	return pid;
}

static void
send_command_end(const char *name, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return;
	if (WIFSIGNALED(status))
		warnx("%s: %s", name, strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		warnx("%s: exit status %d", name, WEXITSTATUS(status));
}

/* Takes fd.  The exit status. */
static int
send_to(struct request *request, struct client *client, int fd)
{
	struct sent sent = { .shown = false };
	struct reply reply;

	if (confine_enter(CONFINE_NOTHING, -1) == -1)
		warn("cannot confine itself");
	clock_gettime(CLOCK_MONOTONIC, &sent.since);
	if (client_send(client, MSG_VM_SEND, fd, &request->send,
		sizeof(request->send)) == -1 ||
	    send_wait(client, &sent, &reply) == -1)
		return 1;
	if (result_status(&reply, "send vm command") != 0)
		return 1;
	send_summary(request, &sent, &reply);
	return 0;
}

int
send_run(struct request *request, struct client *client)
{
	pid_t pid;
	int fd, status;

	if (request->words == NULL) {
		if ((fd = dup(STDOUT_FILENO)) == -1)
			err(1, NULL);
		/* A larger pipe has the reader woken less often; any will do.
		 */
		fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
		return send_to(request, client, fd);
	}
	if ((pid = send_command(request->words, &fd)) == -1)
		return 1;
	status = send_to(request, client, fd);
	client_close(client);
	send_command_end(request->words[0], pid);
	return status;
}
