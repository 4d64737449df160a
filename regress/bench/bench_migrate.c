/* SPDX-License-Identifier: ISC */
/*
 * The peer of the rows "send" and "downtime", which regress/bench/rows makes:
 * lets one QEMU migrate to another that waits for it, without a limit of the
 * bandwidth, and ends the first.  Prints the microseconds from the word to
 * migrate until both say that it is complete.
 *
 * Usage: bench_migrate SOURCE-QMP DESTINATION-QMP URI DOWNTIME-MS
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "measure.h"

#define LIMIT 120e6

/* A connection to QEMU's monitor: lines of JSON. */
struct qmp {
	int fd;
	size_t len;
	char text[65536];
	bool completed; /* it has said so of a migration */
};

static void
qmp_connect(struct qmp *qmp, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	double until = measure_now() + 10e6;

	memset(qmp, 0, sizeof(*qmp));
	if (strlen(path) >= sizeof(sun.sun_path))
		errx(2, "%s: too long", path);
	strcpy(sun.sun_path, path);
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (qmp->fd == -1)
		err(2, "socket");
	while (connect(qmp->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		if (measure_now() > until)
			err(2, "%s", path);
		usleep(10000);
	}
}

/* What a line says; an error or a migration that failed ends the program. */
static bool
qmp_line(struct qmp *qmp, const char *line, const char *want)
{
	if (strstr(line, "\"error\"") != NULL ||
	    strstr(line, "\"failed\"") != NULL)
		errx(1, "QEMU says: %s", line);
	if (strstr(line, "\"MIGRATION\"") != NULL &&
	    strstr(line, "\"completed\"") != NULL)
		qmp->completed = true;
	return want != NULL && strstr(line, want) != NULL;
}

/* Takes what has come; whether a line with want, if any, was among it. */
static bool
qmp_read(struct qmp *qmp, const char *want)
{
	bool found = false;
	char *end;
	ssize_t n;

	n = read(
	    qmp->fd, qmp->text + qmp->len, sizeof(qmp->text) - 1 - qmp->len);
	if (n <= 0)
		errx(1, "QEMU has ended");
	qmp->len += (size_t)n;
	qmp->text[qmp->len] = '\0';
	while ((end = strchr(qmp->text, '\n')) != NULL) {
		*end++ = '\0';
		if (qmp_line(qmp, qmp->text, want))
			found = true;
		qmp->len -= (size_t)(end - qmp->text);
		memmove(qmp->text, end, qmp->len + 1);
	}
	return found;
}

static void
qmp_send(struct qmp *qmp, const char *command)
{
	if (write(qmp->fd, command, strlen(command)) !=
	    (ssize_t)strlen(command))
		err(1, "QEMU");
}

static void
qmp_ask(struct qmp *qmp, const char *command)
{
	qmp_send(qmp, command);
	while (!qmp_read(qmp, "\"return\""))
		;
}

static void
qmp_open(struct qmp *qmp, const char *path)
{
	qmp_connect(qmp, path);
	while (!qmp_read(qmp, "\"QMP\""))
		;
	qmp_ask(qmp, "{\"execute\":\"qmp_capabilities\"}\n");
	qmp_ask(qmp,
	    "{\"execute\":\"migrate-set-capabilities\",\"arguments\":"
	    "{\"capabilities\":[{\"capability\":\"events\",\"state\":true}]}}"
	    "\n");
}

static void
wait_both(struct qmp *from, struct qmp *to, double until)
{
	struct pollfd p[] = { { .fd = from->fd, .events = POLLIN },
		{ .fd = to->fd, .events = POLLIN } };

	while (!from->completed || !to->completed) {
		if (measure_now() > until)
			errx(1, "QEMU's migration does not end");
		if (poll(p, 2, 1000) == -1 && errno != EINTR)
			err(2, "poll");
		if (p[0].revents != 0)
			qmp_read(from, NULL);
		if (p[1].revents != 0)
			qmp_read(to, NULL);
	}
}

int
main(int argc, char **argv)
{
	static struct qmp from, to;
	char command[512];
	double start, end;

	if (argc != 5)
		errx(2,
		    "usage: bench_migrate source-qmp destination-qmp uri "
		    "downtime-ms");
	qmp_open(&from, argv[1]);
	qmp_open(&to, argv[2]);
	snprintf(command, sizeof(command),
	    "{\"execute\":\"migrate-set-parameters\",\"arguments\":"
	    "{\"max-bandwidth\":1000000000000,\"downtime-limit\":%s}}\n",
	    argv[4]);
	qmp_ask(&from, command);
	snprintf(command, sizeof(command),
	    "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"%s\"}}\n",
	    argv[3]);
	start = measure_now();
	qmp_send(&from, command);
	wait_both(&from, &to, start + LIMIT);
	end = measure_now();
	printf("%.0f\n", end - start);
	/* A monitor that is closed too early would not read it. */
	qmp_send(&from, "{\"execute\":\"quit\"}\n");
	while (read(from.fd, from.text, sizeof(from.text)) > 0)
		;
	return 0;
}
