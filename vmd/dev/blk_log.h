/* SPDX-License-Identifier: ISC */
/*
 * The log of what a blk device writes to its disk: a bitmap that it shares with
 * the VM process (struct msg_dev_disk_log), while that sends the disk.
 *
 * Runs in a blk process.  A chunk is noted after the write to it has ended and
 * before the driver hears of that, by a locked instruction, and even if it is
 * noted already.  Who copies the disk takes the bit by an exchange first and
 * reads then: so either it reads what was written, or the bit is there for the
 * next round.
 */
#ifndef BLK_LOG_H
#define BLK_LOG_H

#include <stddef.h>
#include <stdint.h>

struct blk_log {
	uint64_t *bits; /* owned: a mapping; NULL: off */
	size_t len;
	uint64_t chunks;
};

/* Maps the log (borrows fd) of so many chunks; what is behind them, who copies
 * the disk does not read.  -1 with errno, EINVAL: no such log. */
int blk_log_start(struct blk_log *, int fd, uint64_t chunks);
/* Nothing, if it is off. */
void blk_log_stop(struct blk_log *);
/* So much was written there, which is on the disk. */
void blk_log_mark(struct blk_log *, uint64_t off, uint64_t len);

#endif /* BLK_LOG_H */
