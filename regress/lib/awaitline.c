/* SPDX-License-Identifier: ISC */
/*
 * Waits until a file that another process writes has a number of lines that
 * match an extended regular expression.  Carriage returns do not count.  A
 * shell that polled would cost an emulated host most of its only CPU.
 *
 * Usage: awaitline SECONDS FILE REGEX [COUNT]      status 0: it has
 */
#include <err.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_LONGEST 65536 /* more is cut */
#define POLL_MS 100

struct reader {
	int fd;
	size_t len;
	char line[LINE_LONGEST];
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Takes one byte; true when the line it ends matches. */
static bool
reader_byte(struct reader *r, char c, const regex_t *re)
{
	if (c == '\r' || c == '\0')
		return false;
	if (c != '\n') {
		if (r->len < sizeof(r->line) - 1)
			r->line[r->len++] = c;
		return false;
	}
	r->line[r->len] = '\0';
	r->len = 0;
	return regexec(re, r->line, 0, NULL, 0) == 0;
}

/* A prompt has no newline: what there is of the last line may match, too. */
static bool
reader_rest(struct reader *r, const regex_t *re)
{
	r->line[r->len] = '\0';
	return r->len > 0 && regexec(re, r->line, 0, NULL, 0) == 0;
}

/* Matching lines in what has been added since the last call. */
static long
reader_more(struct reader *r, const regex_t *re)
{
	char buf[4096];
	long found = 0;
	ssize_t n, i;

	while ((n = read(r->fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			found += reader_byte(r, buf[i], re);
	return found;
}

int
main(int argc, char **argv)
{
	static struct reader r = { .fd = -1 };
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	long want, found = 0;
	regex_t re;
	double end;

	if (argc < 4 || argc > 5)
		errx(2, "usage: awaitline seconds file regex [count]");
	if (regcomp(&re, argv[3], REG_EXTENDED | REG_NOSUB) != 0)
		errx(2, "bad expression: %s", argv[3]);
	want = argc == 5 ? atol(argv[4]) : 1;
	for (end = now() + atof(argv[1]);; nanosleep(&pause, NULL)) {
		if (r.fd == -1)
			r.fd = open(argv[2], O_RDONLY | O_CLOEXEC);
		if (r.fd != -1)
			found += reader_more(&r, &re);
		if (found + reader_rest(&r, &re) >= want)
			return 0;
		if (now() >= end)
			return 1;
	}
}
