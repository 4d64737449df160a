/* SPDX-License-Identifier: ISC */
/*
 * Reads the disk of a guest that has been moved (record.h): every step is there
 * once, in order, whole, and follows from the one before.
 *
 * Usage: recordcheck [-l] DISK [STEPS]
 *   STEPS   how many there must be at least (default 1)
 *   -l      only the number of steps, without a check, of a disk in use
 *
 * Prints "steps N", or what is wrong first, and where.  Status 0: all is right.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"

_Static_assert(sizeof(struct record) == RECORD_SIZE, "a record is a sector");

static uint64_t
record_time(const struct record *r)
{
	return (uint64_t)r->time[1] << 32 | r->time[0];
}

static bool
record_at(int fd, unsigned int step, struct record *r)
{
	ssize_t n = pread(fd, r, sizeof(*r), ((off_t)step + 1) * RECORD_SIZE);

	if (n == -1)
		err(2, "read");
	return n == (ssize_t)sizeof(*r);
}

/* NULL when r is step `step` and follows from `before`. */
static const char *
record_fault(
    const struct record *r, unsigned int step, const struct record *before)
{
	if (r->magic != RECORD_MAGIC)
		return "is no record";
	if (r->sum != record_sum(r))
		return "has a wrong checksum";
	for (unsigned int i = 0; i < RECORD_FILL; i++)
		if (r->fill[i] != record_word(step, i))
			return "has the contents of another";
	if (r->step != step)
		return "has another number";
	if (r->flaws != 0)
		return "says that the guest found a flaw";
	if (step == 0)
		return r->last == 0 ? NULL : "has one before it";
	if (r->last != before->sum)
		return "does not follow from the one before";
	if (record_time(r) < record_time(before))
		return "is earlier than the one before";
	return NULL;
}

static unsigned int
record_count(int fd)
{
	struct record r;
	unsigned int n = 0;

	while (record_at(fd, n, &r) && r.magic == RECORD_MAGIC)
		n++;
	return n;
}

/* Of what is at step or behind it: the first, or 0. */
static unsigned int
record_behind(int fd, unsigned int step)
{
	struct record r;

	for (; record_at(fd, step, &r); step++)
		if (r.magic == RECORD_MAGIC)
			return step;
	return 0;
}

/* From *step, which follows from before, to the end; a guest may be writing. */
static bool
record_walk(int fd, unsigned int *step, struct record *before)
{
	struct record r;
	const char *fault;

	for (; record_at(fd, *step, &r) && r.magic == RECORD_MAGIC;
	     (*step)++, *before = r)
		if ((fault = record_fault(&r, *step, before)) != NULL) {
			printf(
			    "step %u %s (flaws %#x)\n", *step, fault, r.flaws);
			return false;
		}
	return true;
}

static int
record_check(int fd, unsigned int least)
{
	struct record r, before = { .magic = 0 };
	unsigned int n = 0, behind;

	if (pread(fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r))
		errx(2, "too small");
	if (r.magic == RECORD_CLASH) {
		printf("a guest found its step %u written\n", r.step);
		return 1;
	}
	do {
		if (!record_walk(fd, &n, &before))
			return 1;
		/* What a step left out would hide; or it was written since. */
		behind = record_behind(fd, n);
		if (behind != 0 &&
		    !(record_at(fd, n, &r) && r.magic == RECORD_MAGIC)) {
			printf("step %u stands behind the end\n", behind);
			return 1;
		}
	} while (behind != 0);
	printf("steps %u\n", n);
	if (n < least)
		printf("there should be %u\n", least);
	return n < least;
}

int
main(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	int fd;

	argc -= list;
	argv += list;
	if (argc < 2 || argc > 3)
		errx(2, "usage: recordcheck [-l] disk [steps]");
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		err(2, "%s", argv[1]);
	if (!list)
		return record_check(
		    fd, argc == 3 ? (unsigned int)atol(argv[2]) : 1);
	printf("%u\n", record_count(fd));
	return 0;
}
