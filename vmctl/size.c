/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing sizes; see size.h.  Pure functions on their arguments.
 * Integers only: a size is never rounded through a floating point number.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char units[] = "BKMGTPE";
#define UNIT_LAST (sizeof(units) - 2)

/* How far a unit's letter shifts, -1 when it is none. */
static int
unit_shift(char c)
{
	const char *at;

	if (c == '\0' ||
	    (at = strchr(units, toupper((unsigned char)c))) == NULL)
		return -1;
	return (int)(at - units) * 10;
}

int
size_parse(const char *text, uint64_t *bytes)
{
	/* A billionth is enough: more digits of a fraction are skipped. */
	uint64_t whole = 0, part = 0, scale = 1;
	unsigned __int128 total;
	const char *p = text;
	int shift = 0;

	if (!isdigit((unsigned char)*p))
		goto invalid;
	for (; isdigit((unsigned char)*p); p++) {
		if (whole > INT64_MAX / 10) {
			errno = ERANGE;
			return -1;
		}
		whole = whole * 10 + (uint64_t)(*p - '0');
	}
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			goto invalid;
		for (; isdigit((unsigned char)*p); p++) {
			if (scale >= 1000000000)
				continue;
			part = part * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	}
	if (*p != '\0' && ((shift = unit_shift(*p)) == -1 || p[1] != '\0'))
		goto invalid;
	total = ((unsigned __int128)whole << shift) +
	    ((unsigned __int128)part << shift) / scale;
	if (total > INT64_MAX) {
		errno = ERANGE;
		return -1;
	}
	*bytes = (uint64_t)total;
	return 0;
invalid:
	errno = EINVAL;
	return -1;
}

char *
size_format(uint64_t bytes, char text[static SIZE_TEXT])
{
	unsigned int unit = 0;
	uint64_t whole, tenths;

	while (unit < UNIT_LAST && bytes >> (unit * 10) >= 1024)
		unit++;
	whole = bytes >> (unit * 10);
	if (unit == 0) {
		snprintf(text, SIZE_TEXT, "%uB", (unsigned int)whole);
		return text;
	}
	/* The fraction, of 1024, to the nearest tenth. */
	tenths = (bytes >> ((unit - 1) * 10) & 1023) * 10;
	tenths = (tenths + 512) / 1024;
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (whole >= 100)
		snprintf(text, SIZE_TEXT, "%u%c",
		    (unsigned int)(whole + (tenths >= 5)), units[unit]);
	else
		snprintf(text, SIZE_TEXT, "%u.%u%c", (unsigned int)whole,
		    (unsigned int)tenths, units[unit]);
	return text;
}
