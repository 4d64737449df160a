/* SPDX-License-Identifier: ISC */
/* The log of a disk; see blk_log.h. */
#include "dev/blk_log.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "vmd_msg.h"

int
blk_log_start(struct blk_log *log, int fd, uint64_t chunks)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *bits;

	/* A file that shrinks would kill this process by SIGBUS. */
	if (seals == -1 || !(seals & F_SEAL_SHRINK) || log->bits != NULL) {
		errno = EINVAL;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	/* Neither side can overflow: a file's size is an off_t. */
	if (chunks == 0 || (chunks - 1) / 64 >= (uint64_t)st.st_size / 8) {
		errno = EINVAL;
		return -1;
	}
	log->len = ((chunks - 1) / 64 + 1) * 8;
	bits = mmap(NULL, log->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bits == MAP_FAILED)
		return -1;
	log->bits = bits;
	log->chunks = chunks;
	return 0;
}

void
blk_log_stop(struct blk_log *log)
{
	if (log->bits != NULL)
		munmap(log->bits, log->len);
	log->bits = NULL;
}

void
blk_log_mark(struct blk_log *log, uint64_t off, uint64_t len)
{
	uint64_t last;

	if (log->bits == NULL || len == 0)
		return;
	last = (off + len - 1) / DEV_DISK_CHUNK;
	for (uint64_t i = off / DEV_DISK_CHUNK; i <= last && i < log->chunks;
	     i++)
		__atomic_fetch_or(
		    &log->bits[i / 64], 1ULL << i % 64, __ATOMIC_SEQ_CST);
}
