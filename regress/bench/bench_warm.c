/* SPDX-License-Identifier: ISC */
/*
 * Touches so many MiB of memory, in large pages, and lets go of them: what runs
 * next finds memory that is at hand.  The machine below this one, if there is
 * one, takes back what is free and gives it again ten times slower.  It is told
 * of that about two seconds after something became free: those have passed when
 * this begins, and what it frees itself is left alone for as long.
 *
 * Usage: bench_warm MiB
 */
#include <sys/mman.h>

#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#define REPORTED_S 3

int
main(int argc, char **argv)
{
	size_t len = (size_t)(argc > 1 ? atoi(argv[1]) : 0) << 20;
	volatile char *p;
	void *at;

	if (len == 0)
		errx(1, "usage: bench_warm MiB");
	sleep(REPORTED_S);
	at = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		err(1, "%zu MiB", len >> 20);
	(void)madvise(at, len, MADV_HUGEPAGE);
	p = at;
	for (size_t i = 0; i < len; i += 4096)
		p[i] = 1;
	return 0;
}
