/* SPDX-License-Identifier: ISC */
/*
 * Feeds every file of a fuzz target's corpus to it, and the empty input, so
 * that what a fuzzer once found is tried in every test run with any compiler.
 * Each input lies in an allocation of its very size: with ASan a read past
 * the end is found.
 *
 * Usage: replay_NAME [folder]   (default regress/fuzz/corpus/NAME)
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FUZZ_NAME
#define FUZZ_NAME "?"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
replay_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	if (exact == NULL)
		err(1, "malloc");
	if (len > 0)
		memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(len > 0 ? exact : exact + 1, len);
	free(exact);
}

static void
replay_file(int dir, const char *name)
{
	static uint8_t buf[1 << 20];
	size_t len = 0;
	ssize_t n;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		err(1, "%s", name);
	while (len < sizeof(buf) &&
	    (n = read(fd, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)n;
	close(fd);
	replay_bytes(buf, len);
}

int
main(int argc, char **argv)
{
	const char *path =
	    argc > 1 ? argv[1] : "regress/fuzz/corpus/" FUZZ_NAME;
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned int inputs = 0;

	if (dir == NULL)
		err(1, "%s", path);
	replay_bytes(NULL, 0);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		/* Named first: a target that crashes leaves its input's name.
		 */
		printf("# %s\n", e->d_name);
		fflush(stdout);
		replay_file(dirfd(dir), e->d_name);
		inputs++;
	}
	closedir(dir);
	if (inputs == 0)
		errx(1, "%s holds no input", path);
	printf(
	    "ok - fuzz " FUZZ_NAME ": %u inputs and the empty one\n", inputs);
	return 0;
}
