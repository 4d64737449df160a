/* SPDX-License-Identifier: ISC */
/*
 * Writes the sample stream of regress/lib/state_sample.h to standard output.
 * What it wrote when a format was released is kept in this folder, and every
 * later build reads that; a new format gets files of its own.
 *
 * Usage: golden [-z]
 */
#include <err.h>
#include <stdio.h>

#include "state_sample.h"

int
main(int argc, char *argv[])
{
	struct state_bytes b = { 0 };

	(void)argv;
	if (sample_write(&b, argc > 1) == -1)
		err(1, "sample");
	if (fwrite(b.bytes, 1, b.len, stdout) != b.len || fflush(stdout) != 0)
		err(1, "standard output");
	sample_free(&b);
	return 0;
}
