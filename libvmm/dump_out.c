/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a dump on their way into a descriptor: by position into a file,
 * where zeroes are left out, else one after the other.  Runs in the process
 * that holds the VM; needs no more than the descriptor.  Invariant: what lies
 * before at has been written or is a hole.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"

#define OUT_ZEROES 16384U

int
dump_out_init(struct dump_out *out, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	*out = (struct dump_out) { .fd = fd, .file = S_ISREG(st.st_mode) };
	/* A hole must not show what was there before. */
	return out->file ? ftruncate(fd, 0) : 0;
}

int
dump_out_write(struct dump_out *out, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	ssize_t n;

	while (len > 0) {
		n = out->file ? pwrite(out->fd, p, len, (off_t)out->at)
			      : write(out->fd, p, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
		out->at += (uint64_t)n;
	}
	return 0;
}

int
dump_out_zero(struct dump_out *out, uint64_t len)
{
	static const uint8_t zeroes[OUT_ZEROES];
	size_t n;

	if (out->file) {
		out->at += len;
		return 0;
	}
	for (; len > 0; len -= n) {
		n = len < OUT_ZEROES ? (size_t)len : OUT_ZEROES;
		if (dump_out_write(out, zeroes, n) == -1)
			return -1;
	}
	return 0;
}

int
dump_out_finish(struct dump_out *out)
{
	return out->file ? ftruncate(out->fd, (off_t)out->at) : 0;
}
