/* SPDX-License-Identifier: ISC */
/*
 * Passes on the first words of a receiver, as its way back, and loses the next.
 *
 *	close	who says the next finds nobody that reads
 *	cut	it is read, and the connection breaks
 *	keep	it and all behind it are read, and nobody notices
 *
 * stderr says when one was read and lost.
 *
 * Usage: wordloser WORDS close|cut|keep
 */
#include <sys/socket.h>

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "role/handover.h"

/* 0 at the end. */
static int
word_read(char word[HANDOVER_FRAME])
{
	size_t done = 0;
	ssize_t n;

	while (done < HANDOVER_FRAME) {
		n = read(STDIN_FILENO, word + done, HANDOVER_FRAME - done);
		if (n == -1)
			err(1, "read");
		if (n == 0)
			return 0;
		done += (size_t)n;
	}
	return 1;
}

int
main(int argc, char **argv)
{
	char word[HANDOVER_FRAME];
	bool closes, cuts;
	int left;

	closes = argc == 3 && strcmp(argv[2], "close") == 0;
	cuts = argc == 3 && strcmp(argv[2], "cut") == 0;
	if (argc != 3 || (!closes && !cuts && strcmp(argv[2], "keep") != 0))
		errx(2, "usage: wordloser words close|cut|keep");
	left = atoi(argv[1]);
	for (; left > 0; left--) {
		if (word_read(word) == 0)
			return 0;
		/* Nobody says the next before this one was answered. */
		if (closes && left == 1)
			close(STDIN_FILENO);
		if (write(STDOUT_FILENO, word, HANDOVER_FRAME) !=
		    HANDOVER_FRAME)
			err(1, "write");
	}
	if (closes)
		return 0;
	if (word_read(word) == 0)
		return 0;
	warnx("lost");
	if (cuts && shutdown(STDOUT_FILENO, SHUT_RDWR) == -1)
		err(1, "shutdown");
	while (word_read(word) == 1)
		;
	return 0;
}
