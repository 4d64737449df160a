/* SPDX-License-Identifier: ISC */
/*
 * Who reads what a side sends, as fast as it is told to: into memory of its
 * own, which is that of the VM in the end.
 */
#ifndef SIDE_READER_H
#define SIDE_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_memory.h"
#include "image/state_read.h"
#include "side_device.h"

static struct {
	_Alignas(STATE_PAGE) uint8_t memory[SIDE_MEMORY];
	unsigned int count[32]; /* sections, by type */
	int fd;
	int theirs; /* the socket's other end, which vmctl has as well */
	bool slow;
} in = { .fd = -1, .theirs = -1 };

static inline ssize_t
in_get(void *arg, struct iovec *iov, int count)
{
	ssize_t total = 0, n;

	(void)arg;
	for (int i = 0; i < count; i++)
		for (size_t at = 0; at < iov[i].iov_len; at += (size_t)n) {
			size_t len = iov[i].iov_len - at;

			n = read(in.fd, (char *)iov[i].iov_base + at,
			    in.slow && len > 4096 ? 4096 : len);
			if (n <= 0)
				return n == 0 ? total : -1;
			total += n;
			if (in.slow)
				usleep(500);
		}
	return total;
}

static inline uint8_t *
in_place(void *arg, uint64_t gpa, uint32_t pages)
{
	(void)arg;
	(void)pages;
	return in.memory + gpa;
}

/* Reads a whole stream. */
static inline bool
in_read(void)
{
	struct state_reader *r = state_reader_new(in_get, NULL);
	struct state_section section;
	int more;

	memset(in.memory, 0, sizeof(in.memory));
	memset(in.count, 0, sizeof(in.count));
	if (r == NULL ||
	    state_reader_place(r, in_place, NULL, SIDE_MEMORY) == -1)
		return false;
	while ((more = state_next(r, &section)) == 1)
		in.count[section.head.type % 32]++;
	if (more == -1)
		printf("# %s\n", state_reader_error(r));
	state_reader_free(r);
	return more == 0;
}

static inline void
in_some(size_t len)
{
	static uint8_t bytes[65536];
	ssize_t n;

	for (; len > 0; len -= (size_t)n)
		if ((n = read(in.fd, bytes,
			 len < sizeof(bytes) ? len : sizeof(bytes))) <= 0)
			abort();
}

#endif /* SIDE_READER_H */
