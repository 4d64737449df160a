/* SPDX-License-Identifier: ISC */
/*
 * What the measuring programs share: clocks in microseconds, medians and
 * percentiles, and the form of a row.  Whatever fails ends the program.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn static inline void
die(const char *what)
{
	perror(what);
	exit(2);
}

static inline double
measure_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double
measure_now(void)
{
	return measure_clock(CLOCK_MONOTONIC);
}

static inline int
measure_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts v; what percent of it are below. */
static inline double
measure_percentile(double *v, size_t n, size_t percent)
{
	qsort(v, n, sizeof(*v), measure_compare);
	return v[n * percent / 100];
}

static inline double
measure_median(double *v, size_t n)
{
	return measure_percentile(v, n, 50);
}

/* Prints a row of microseconds; whether it is over its bar. */
static inline int
measure_row(const char *name, double ours, double peer, double bar)
{
	bool milli = peer >= 1000;
	double scale = milli ? 1e3 : 1;
	const char *unit = milli ? "ms" : "us";

	printf("%s %.2f%s %.2f%s %.3f %.2f %s\n", name, ours / scale, unit,
	    peer / scale, unit, ours / peer, bar,
	    ours / peer <= bar ? "ok" : "OVER");
	return ours / peer <= bar ? 0 : 1;
}

static inline int
measure_skipped(const char *name, double bar)
{
	printf("%s - - - %.2f skipped: no usable /dev/kvm\n", name, bar);
	return 0;
}

#endif
