/* SPDX-License-Identifier: ISC */
/*
 * The content of a VM's disks into a state stream, while the guest writes to
 * them: all that is not zero, then what was written meanwhile, again.
 *
 * Runs in the VM process, in the thread that sends, which may only read the
 * disks.  What was written is known from the blk processes' logs (disklog.h),
 * which are taken before the disk is read.
 */
#ifndef SENDDISK_H
#define SENDDISK_H

#include <stdbool.h>
#include <stdint.h>

#include "image/state.h"
#include "vmd_limits.h"

struct board;
struct state_packer;
struct state_writer;

struct senddisk {
	struct board *board; /* borrowed */
	struct state_writer *writer; /* borrowed */
	struct state_packer *packer; /* borrowed; NULL: raw */
	/* Called now and then with how many pages are to go; -1
	 * with errno ends it. */
	int (*tick)(void *arg, uint64_t left);
	void *arg;
	const char *why; /* of an error of a disk; borrowed, NULL: none */
	bool later; /* what is zero may not be zero at the receiver's */
	uint64_t left; /* chunks that are to go */
	uint8_t *buffer; /* owned */
	uint8_t *packed; /* owned: a payload; NULL without packer */
	uint32_t disks;
	struct senddisk_part {
		int fd; /* borrowed */
		uint64_t size; /* bytes */
		uint64_t chunks;
		uint64_t *bitmap; /* owned: what is to go */
	} disk[VMD_DISKS_MAX];
};

/* In the caller's zeroed memory; borrows all, fd[] are the disks.  tick and arg
 * are set by the caller before.  -1 with errno. */
int senddisk_init(struct senddisk *, struct board *, struct state_writer *,
    struct state_packer *, const int fd[VMD_DISKS_MAX]);
void senddisk_fini(struct senddisk *);
/* Has all that the disks hold go. */
void senddisk_scan(struct senddisk *);
/* Puts that, and what a guest that runs writes meanwhile until it is little;
 * with the logs on.  -1 with errno. */
int senddisk_first(struct senddisk *);
/* Puts what is to go; then nothing is.  -1 with errno. */
int senddisk_round(struct senddisk *);
/* Takes the logs: what was written since is to go. */
void senddisk_collect(struct senddisk *);

static inline uint64_t
senddisk_left(const struct senddisk *d)
{
	return d->left * STATE_DISK_CHUNK;
}

#endif /* SENDDISK_H */
