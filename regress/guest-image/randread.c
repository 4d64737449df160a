/* SPDX-License-Identifier: ISC */
/*
 * Runs in the test guest: reads 4 KiB blocks at random places of a disk past
 * the page cache, one at a time, and prints what one took.
 *
 * Usage: randread DISK READS
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int
main(int argc, char **argv)
{
	uint64_t x = 88172645463325252ULL;
	void *block;
	off_t blocks;
	double start;
	long i, reads;
	int fd;

	if (argc != 3)
		errx(1, "usage: randread disk reads");
	reads = atol(argv[2]);
	fd = open(argv[1], O_RDONLY | O_DIRECT);
	if (fd == -1)
		err(1, "%s", argv[1]);
	blocks = lseek(fd, 0, SEEK_END) / BLOCK;
	if (blocks <= 0 || reads <= 0 ||
	    posix_memalign(&block, BLOCK, BLOCK) != 0)
		errx(1, "%s: too small", argv[1]);
	start = now();
	for (i = 0; i < reads; i++) {
		x ^= x << 13; /* xorshift64: the same places for everybody */
		x ^= x >> 7;
		x ^= x << 17;
		if (pread(fd, block, BLOCK,
			(off_t)(x % (uint64_t)blocks) * BLOCK) != BLOCK)
			err(1, "%s", argv[1]);
	}
	printf("guest: randread %ld reads %.1f us each\n", reads,
	    (now() - start) / (double)reads);
	return 0;
}
