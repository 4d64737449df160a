/* SPDX-License-Identifier: ISC */
/*
 * Times a command on a terminal of its own: from just before it is started to
 * the first line (or part of one) that matches.  Prints microseconds and ends
 * the command with SIGTERM, or with -k, where the line is the last it says,
 * lets it end by itself.
 *
 * Usage: timeto [-k] SECONDS REGEX COMMAND ...     status 0: it matched
 */
#include <err.h>
#include <poll.h>
#include <pty.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Reads until what came matches: the time of that, or -1. */
static double
match(int fd, const regex_t *re, double deadline)
{
	static char text[1 << 20];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	double t;
	ssize_t n;

	while ((t = now()) < deadline && len < sizeof(text) - 1) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		t = now();
		len += (size_t)n;
		text[len] = '\0';
		if (regexec(re, text, 0, NULL, 0) == 0)
			return t;
	}
	fprintf(stderr, "%s\n", text);
	return -1;
}

int
main(int argc, char **argv)
{
	bool keep = argc > 1 && strcmp(argv[1], "-k") == 0;
	double start, end;
	regex_t re;
	pid_t pid;
	int fd;

	if (keep) {
		argc--;
		argv++;
	}
	if (argc < 4)
		errx(2, "usage: timeto [-k] seconds regex command ...");
	if (regcomp(&re, argv[2], REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
		errx(2, "bad expression: %s", argv[2]);
	start = now();
	pid = forkpty(&fd, NULL, NULL, NULL);
	if (pid == -1)
		err(1, "forkpty");
	if (pid == 0) {
		execvp(argv[3], argv + 3);
		err(127, "%s", argv[3]);
	}
	end = match(fd, &re, start + atof(argv[1]) * 1e6);
	if (!keep)
		kill(pid, SIGTERM);
	close(fd);
	waitpid(pid, NULL, 0);
	if (end < 0)
		return 1;
	printf("%.0f\n", end - start);
	return 0;
}
