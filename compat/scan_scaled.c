/* SPDX-License-Identifier: ISC */
/*
 * Sizes with a unit.  Pure; runs in the parser of vm.conf and in vmctl.
 */
#include "scan_scaled.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int
scan_scaled(const char *text, long long *result)
{
	static const char units[] = "BKMGTPE";
	long long whole = 0, part = 0, scale = 1, unit = 1;
	const char *found;
	int negative, digits = 0;

	while (isspace((unsigned char)*text))
		text++;
	negative = *text == '-';
	text += *text == '-' || *text == '+';
	for (; isdigit((unsigned char)*text); text++, digits++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *text - '0', &whole))
			goto range;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++, digits++)
			if (scale < 1000000000) {
				part = part * 10 + (*text - '0');
				scale *= 10;
			}
	if (digits == 0)
		goto invalid;
	if (*text != '\0') {
		found = strchr(units, toupper((unsigned char)*text));
		if (found == NULL || text[1] != '\0')
			goto invalid;
		unit <<= 10 * (found - units);
	}
	/* The fraction of a unit: both factors are cut to fit 63 bits. */
	part = unit >= (1LL << 30) ? (unit >> 30) * ((part << 30) / scale)
				   : unit * part / scale;
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, part, &whole))
		goto range;
	*result = negative ? -whole : whole;
	return 0;
range:
	errno = ERANGE;
	return -1;
invalid:
	errno = EINVAL;
	return -1;
}
