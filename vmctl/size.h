/* SPDX-License-Identifier: ISC */
/*
 * Sizes as users write and read them: "512M", "1.5g", "4.0G".
 */
#ifndef SIZE_H
#define SIZE_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_TEXT 8 /* bytes a formatted size needs at most, NUL included */

/*
 * Reads digits, an optional fraction and an optional suffix B, K, M, G, T, P
 * or E in either case (powers of 1024) into *bytes; nothing may follow.
 * 0, or -1 with errno EINVAL (not a size) or ERANGE (beyond 2^63 - 1).
 */
int size_parse(const char *text, uint64_t *bytes);

/* Writes bytes in at most five characters: three digits and their unit, or one
 * decimal below 100 units.  Returns text. */
char *size_format(uint64_t bytes, char text[static SIZE_TEXT]);

#endif /* SIZE_H */
