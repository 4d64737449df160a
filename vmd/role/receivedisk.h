/* SPDX-License-Identifier: ISC */
/*
 * The content of disks out of a state stream: the disks of a VM that is
 * received become what the stream has of them.
 *
 * Runs in the VM process, in the thread that receives, before the guest does.
 * The process has the disks for that time only.  What comes is hostile: nothing
 * is written outside a disk, nor before it is known that the stream is of a VM
 * with such disks.
 */
#ifndef RECEIVEDISK_H
#define RECEIVEDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm_error.h"
#include "vmd_limits.h"

struct state_config;
struct state_unpacker;

struct receivedisk {
	uint32_t disks;
	struct {
		int fd; /* borrowed */
		uint64_t size; /* bytes */
	} disk[VMD_DISKS_MAX];
	bool begun; /* they are zero but for what has come */
	struct state_unpacker *unpacker; /* owned; NULL: not needed yet */
	uint8_t *content; /* owned: a chunk; NULL likewise */
	/* What is wrong, after -1. */
	enum vm_error error;
	int sys_errno; /* 0: none */
	uint32_t index; /* of the disk, with VM_FILE_* of it */
	bool of_disk; /* the error is that disk's */
	const char *why; /* borrowed, may be empty: the state's error */
};

/* In zeroed memory.  Looks at the disks (borrowed; -1: none), which have to be
 * those of config, and changes nothing.  0 or -1. */
int receivedisk_init(struct receivedisk *, const int fd[VMD_DISKS_MAX],
    uint32_t disks, const struct state_config *config);
/* A payload of a DISKDATA section.  0 or -1. */
int receivedisk_take(struct receivedisk *, const uint8_t *payload, size_t len);
/* All has come: it is on the disks when this returns.  0 or -1. */
int receivedisk_end(struct receivedisk *);
void receivedisk_fini(struct receivedisk *);

#endif /* RECEIVEDISK_H */
