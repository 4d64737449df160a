/* SPDX-License-Identifier: ISC */
/*
 * Passes on the first words of a receiver, as its way back, and loses the next.
 *
 *	close	who says the next finds nobody that reads
 *	cut	it is read, and the connection breaks
 *	keep	it and all behind it are read, which stderr says, and nobody
 *else
 *
 * Usage: wordloser WORDS close|cut|keep
 */
#include <sys/socket.h>

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD 16 /* bytes: HANDOVER_FRAME */

/* 0 at the end. */
static int
word_read(char word[WORD])
{
	size_t done = 0;
	ssize_t n;

	while (done < WORD) {
		n = read(STDIN_FILENO, word + done, WORD - done);
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
	char word[WORD];
	bool last, closes;
	int left;

	if (argc != 3)
		errx(2, "usage: wordloser words close|cut|keep");
	left = atoi(argv[1]);
	closes = strcmp(argv[2], "close") == 0;
	for (; left > 0; left--) {
		if (word_read(word) == 0)
			return 0;
		last = left == 1;
		/* Nobody says the next before this one was answered. */
		if (last && closes)
			close(STDIN_FILENO);
		if (write(STDOUT_FILENO, word, WORD) != WORD)
			err(1, "write");
	}
	if (closes)
		return 0;
	if (word_read(word) == 0)
		return 0;
	warnx("lost");
	if (strcmp(argv[2], "cut") == 0 &&
	    shutdown(STDOUT_FILENO, SHUT_RDWR) == -1)
		err(1, "shutdown");
	while (word_read(word) == 1)
		;
	return 0;
}
