/* SPDX-License-Identifier: ISC */
/*
 * Row "downtime", of which regress/bench/rows gives it both sides: how long a
 * guest that moves is silent.  Each of two commands shows a console; where the
 * guest of busy.S runs it says '.' a thousand times a second.  Once it has
 * beaten for SETTLE the third command moves it.  Prints the longest time
 * between two beats, on whichever console, from then until the second console
 * has beaten for AFTER, and how many a second there were before the move.
 *
 * The commands find in $CYCLES what busy.S wants to write 50 MB a second. Where
 * it has not come near that before the move there is no figure.
 *
 * Usage: bench_gap SOURCE DESTINATION MOVE      each for sh -c
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "measure.h"

#define LIMIT 120e6
#define SETTLE 3e6
#define AFTER 1e6
#define PAGES (50e6 / 4096) /* a second */
#define BEAT 12 /* pages */
#define NEAR 0.8

struct side {
	pid_t pid;
	int fd; /* what it says */
	double first, last; /* beat; 0: none yet */
	unsigned long beats;
};

/* Measures the TSC, and tells the commands. */
static void
cycles_set(void)
{
	double start = measure_now(), took;
	unsigned long long from = __rdtsc();
	char text[32];

	usleep(100000);
	took = measure_now() - start;
	snprintf(text, sizeof(text), "%.0f",
	    (double)(__rdtsc() - from) * 1e6 / took / PAGES);
	if (setenv("CYCLES", text, 1) == -1)
		err(2, "setenv");
}

/* A shell does the command; what it says goes to a pipe. */
static void
side_start(struct side *side, const char *command)
{
	int fds[2];

	memset(side, 0, sizeof(*side));
	if (pipe2(fds, O_CLOEXEC) == -1)
		err(2, "pipe");
	side->fd = fds[0];
	side->pid = fork();
	if (side->pid == -1)
		err(2, "fork");
	if (side->pid == 0) {
		if (dup2(fds[1], STDOUT_FILENO) == -1 ||
		    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO) == -1)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
}

static void
side_end(const struct side *side)
{
	if (side->pid <= 0)
		return;
	kill(side->pid, SIGTERM);
	waitpid(side->pid, NULL, 0);
}

/* Counts what has come, and says whether there was a beat. */
static bool
side_read(struct side *side)
{
	unsigned long before = side->beats;
	char text[4096];
	ssize_t n, i;

	n = read(side->fd, text, sizeof(text));
	if (n <= 0) {
		close(side->fd);
		side->fd = -1;
		return false;
	}
	for (i = 0; i < n; i++)
		side->beats += text[i] == '.';
	if (side->beats == before)
		return false;
	side->last = measure_now();
	if (before == 0)
		side->first = side->last;
	return true;
}

/* Waits for beats, of either side, until the time; 0 or the last's time. */
static double
beats(struct side sides[2], double until)
{
	struct pollfd p[] = { { .fd = sides[0].fd, .events = POLLIN },
		{ .fd = sides[1].fd, .events = POLLIN } };
	double at = 0;
	int i;

	if (poll(p, 2, (int)((until - measure_now()) / 1e3) + 1) == -1 &&
	    errno != EINTR)
		err(2, "poll");
	for (i = 0; i < 2; i++)
		if (p[i].revents != 0 && side_read(&sides[i]))
			at = sides[i].last;
	return at;
}

/* The longest gap in microseconds; -1: it did not move. */
static double
gap(struct side sides[2], const char *move, double until)
{
	double last = sides[0].last, longest = 0, at;
	pid_t mover = fork();
	int status = -1;

	if (mover == -1)
		err(2, "fork");
	if (mover == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", move, (char *)NULL);
		_exit(127);
	}
	while ((at = measure_now()) < until &&
	    (sides[1].beats == 0 || at < sides[1].first + AFTER)) {
		if (mover != 0 && waitpid(mover, &status, WNOHANG) == mover) {
			mover = 0;
			if (status != 0)
				return -1;
		}
		at = beats(sides, at + 1e5);
		if (at == 0)
			continue;
		if (at - last > longest)
			longest = at - last;
		last = at;
	}
	if (mover != 0) {
		if (measure_now() >= until)
			kill(mover, SIGTERM);
		waitpid(mover, &status, 0);
	}
	return status == 0 && sides[1].beats > 0 ? longest : -1;
}

int
main(int argc, char **argv)
{
	double until = measure_now() + LIMIT, longest = -1, rate = 0;
	struct side sides[2];

	if (argc != 4)
		errx(2, "usage: bench_gap source destination move");
	cycles_set();
	side_start(&sides[0], argv[1]);
	side_start(&sides[1], argv[2]);
	while (measure_now() < until && sides[0].fd != -1 &&
	    (sides[0].beats == 0 || sides[0].last < sides[0].first + SETTLE))
		beats(sides, until);
	if (sides[0].beats > 0 && sides[0].last > sides[0].first) {
		rate = (double)sides[0].beats * 1e6 /
		    (sides[0].last - sides[0].first);
		if (rate < PAGES / BEAT * NEAR)
			warnx("the guest does %.0f beats a second, not %.0f",
			    rate, PAGES / BEAT);
		else
			longest = gap(sides, argv[3], until);
	}
	side_end(&sides[0]);
	side_end(&sides[1]);
	if (longest < 0)
		errx(1, "the guest did not move");
	printf("%.0f %.0f\n", longest, rate);
	return 0;
}
