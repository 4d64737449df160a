/* SPDX-License-Identifier: ISC */
/*
 * The logs of what blk processes write to their disks, one for each disk of a
 * board; on and off together with the log of memory (board_log.h).
 *
 * Runs in the VM process.  Who copies a disk takes its log first and reads
 * then, as with memory.
 */
#ifndef DISKLOG_H
#define DISKLOG_H

#include <stddef.h>
#include <stdint.h>

#include "pci/virtio_log.h"

struct board;

struct disklog {
	struct virtio_disk_log shared; /* fd owned */
	uint64_t *bits; /* its mapping, owned; one bit per chunk */
};

/* Makes a log of so many chunks, which takes no memory until it is written, for
 * each of the board's disks.  Once, before the process is sealed.  -1 with
 * errno. */
int disklog_init(struct board *, uint32_t disks, uint64_t chunks);
/* For board_log.c: empties the logs and gives them to the devices.  Machine
 * lock held. */
void disklog_start(struct board *);
/*
 * Adds the chunks written since the last call to bitmap and forgets them: bit n
 * of word w is chunk w * 64 + n, words at most.  Any one thread at a time, no
 * lock needed.
 */
void disklog_take(
    struct board *, uint32_t disk, uint64_t *bitmap, size_t words);

#endif /* DISKLOG_H */
