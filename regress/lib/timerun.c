/* SPDX-License-Identifier: ISC */
/*
 * Times a command from just before it is started to its end.  Prints
 * microseconds; what the command prints goes to stderr.
 *
 * Usage: timerun COMMAND ...     status 0: the command's was
 */
#include <err.h>
#include <stdio.h>
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

int
main(int argc, char **argv)
{
	double start, end;
	int status;
	pid_t pid;

	if (argc < 2)
		errx(2, "usage: timerun command ...");
	start = now();
	pid = fork();
	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[1], argv + 1);
		err(127, "%s", argv[1]);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	end = now();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 1;
	printf("%.0f\n", end - start);
	return 0;
}
