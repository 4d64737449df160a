/* SPDX-License-Identifier: ISC */
/*
 * Passes stdin on to stdout, as cat does, but each few bytes that come alone
 * only after a while: in a move those are the words of the handover, and a
 * test has the time to do something between two of them.
 *
 * Usage: slowrelay MILLISECONDS
 */
#include <err.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FEW 64 /* bytes */

int
main(int argc, char **argv)
{
	static char buf[65536];
	struct timespec wait;
	ssize_t n, done, k;
	long ms;

	if (argc != 2)
		errx(2, "usage: slowrelay milliseconds");
	ms = atol(argv[1]);
	wait = (struct timespec) { ms / 1000, ms % 1000 * 1000000 };
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		if (n <= FEW)
			nanosleep(&wait, NULL);
		for (done = 0; done < n; done += k)
			if ((k = write(STDOUT_FILENO, buf + done,
				 (size_t)(n - done))) == -1)
				err(1, "write");
	}
	if (n == -1)
		err(1, "read");
	return 0;
}
