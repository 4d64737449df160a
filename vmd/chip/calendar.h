/* SPDX-License-Identifier: ISC */
/*
 * Seconds since 1970 to calendar dates and back, without the C library's time
 * zones; for the clock chip.
 */
#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdint.h>

struct calendar {
	unsigned int second, minute, hour; /* 0-59, 0-59, 0-23 */
	unsigned int day, month; /* 1-31, 1-12 */
	unsigned int year; /* 0-9999 */
	unsigned int weekday; /* 0 is Sunday */
};

/* seconds below 0 count as 0, those beyond the year 9999 as its last one. */
void calendar_from_seconds(struct calendar *, int64_t seconds);

/* Never fails: fields out of range are brought into it; weekday is ignored. */
int64_t calendar_to_seconds(const struct calendar *);

#endif /* CALENDAR_H */
