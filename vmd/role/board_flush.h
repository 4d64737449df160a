/* SPDX-License-Identifier: ISC */
/*
 * Writing back the disks of a VM, which their processes do: what the guest was
 * told is written is then on the medium, where another host sees it.
 *
 * Runs in the VM process.
 */
#ifndef BOARD_FLUSH_H
#define BOARD_FLUSH_H

#include <pthread.h>

struct board;

struct board_flush {
	pthread_cond_t changed; /* a device has answered, or is gone */
};

void board_flush_init(struct board *);
/*
 * Waits until all disks are written back, in another thread than the main one
 * and without the machine lock; calls tick(arg) several times a second, whose
 * -1 ends that.  -1 with errno: that of tick, of the disk, or ETIMEDOUT after
 * ms milliseconds (-1: never); *name is then the disk's (borrowed).
 */
int board_flush(struct board *, int ms, int (*tick)(void *arg), void *arg,
    const char **name);

/* For board.c.  A device has answered or is gone; machine lock held. */
void board_flush_changed(struct board *);

#endif /* BOARD_FLUSH_H */
