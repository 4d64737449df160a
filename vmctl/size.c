/* SPDX-License-Identifier: ISC */
/*
 * Reading and writing sizes; see size.h.  Pure functions on their arguments.
 * Integers only: a size is never rounded through a floating point number.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "scan_scaled.h"

static const char units[] = "BKMGTPE";
#define UNIT_LAST (sizeof(units) - 2)

int
size_parse(const char *text, uint64_t *bytes)
{
	long long value;

	/* No sign, no space: what is not a digit may be an option. */
	if (!isdigit((unsigned char)text[0])) {
		errno = EINVAL;
		return -1;
	}
	if (scan_scaled(text, &value) == -1)
		return -1;
	*bytes = (uint64_t)value;
	return 0;
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
