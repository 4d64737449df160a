/* SPDX-License-Identifier: ISC */
/*
 * See calendar.h.  Pure arithmetic in the Gregorian calendar; a year is taken
 * to begin in March, so that the leap day is its last.
 */
#include "chip/calendar.h"

#define DAY 86400
#define DAYS_400_YEARS 146097
#define SECONDS_MAX 253402300799LL /* 9999-12-31 23:59:59 */

/* Days from 0000-03-01 to 1970-01-01. */
#define DAYS_EPOCH 719468

void
calendar_from_seconds(struct calendar *date, int64_t seconds)
{
	unsigned int era, doe, yoe, doy, month;
	int64_t days;

	if (seconds < 0)
		seconds = 0;
	if (seconds > SECONDS_MAX)
		seconds = SECONDS_MAX;
	days = seconds / DAY;
	date->second = (unsigned int)(seconds % 60);
	date->minute = (unsigned int)(seconds / 60 % 60);
	date->hour = (unsigned int)(seconds / 3600 % 24);
	date->weekday = (unsigned int)((days + 4) % 7);
	days += DAYS_EPOCH;
	era = (unsigned int)(days / DAYS_400_YEARS);
	doe = (unsigned int)(days % DAYS_400_YEARS);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	month = (5 * doy + 2) / 153; /* 0 is March */
	date->day = doy - (153 * month + 2) / 5 + 1;
	date->month = month < 10 ? month + 3 : month - 9;
	date->year = yoe + era * 400 + (date->month <= 2);
}

static unsigned int
clamp(unsigned int value, unsigned int low, unsigned int high)
{
	return value < low ? low : value > high ? high : value;
}

int64_t
calendar_to_seconds(const struct calendar *date)
{
	unsigned int month = clamp(date->month, 1, 12);
	unsigned int year = clamp(date->year, 1, 9999) - (month <= 2);
	unsigned int yoe = year % 400;
	unsigned int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
	    clamp(date->day, 1, 31) - 1;
	int64_t days = (int64_t)(year / 400) * DAYS_400_YEARS + yoe * 365 +
	    yoe / 4 - yoe / 100 + doy - DAYS_EPOCH;

	return days * DAY + clamp(date->hour, 0, 23) * 3600 +
	    clamp(date->minute, 0, 59) * 60 + clamp(date->second, 0, 59);
}
