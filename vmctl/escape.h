/* SPDX-License-Identifier: ISC */
/*
 * The escape sequences of a console: a tilde after a newline, then a letter.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_OUT 2 /* most bytes that one byte of input can become */

enum escape_action {
	ESCAPE_NONE, /* nothing but the bytes to send */
	ESCAPE_LEAVE, /* ~. */
	ESCAPE_BREAK, /* ~# */
	ESCAPE_SUSPEND, /* ~^Z */
	ESCAPE_HELP /* ~? */
};

struct escape {
	bool mid_line; /* the last byte was no newline */
	bool tilde; /* a tilde is held back until the next byte */
};

/*
 * Takes one byte of input; puts 0 to ESCAPE_OUT bytes for the VM into out and
 * their number into *len.  A zeroed structure is at the start of a line.
 */
enum escape_action escape_byte(
    struct escape *escape, char byte, char out[ESCAPE_OUT], size_t *len);

#endif /* ESCAPE_H */
