/* SPDX-License-Identifier: ISC */
/*
 * The log of guest memory that is written past KVM's own log: by device
 * processes and by the VM process itself.
 *
 * Runs in the VM process.  Together with vm_dirty_get() it has every page that
 * was written; who copies guest memory takes both logs first and copies then.
 */
#ifndef BOARD_LOG_H
#define BOARD_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pci/virtio_log.h"

struct board;

struct board_log {
	struct virtio_log shared; /* fd owned */
	uint64_t *bits; /* its mapping, owned; one bit per page */
	bool on; /* guarded by the machine lock */
	pthread_cond_t changed; /* a device has answered, or is gone */
};

/* Makes the bitmap, which takes no memory until it is written.  Once, before
 * the process is sealed, with board.memory filled in.  -1 with errno. */
int board_log_init(struct board *);

/* Empties the log and has it written.  Machine lock held. */
void board_log_start(struct board *);
/*
 * Waits until every device writes the log; before that, nothing may be copied.
 * With the machine lock held, which is let go meanwhile, in another thread than
 * the main one.  -1 with errno ETIMEDOUT, when a device has not answered after
 * ms milliseconds; ECANCELED: stopped meanwhile.
 */
int board_log_wait(struct board *, unsigned int ms);
/* The first device (its name, borrowed) that has not answered; NULL: none.
 * Machine lock held. */
const char *board_log_missing(const struct board *);
/* Nobody writes or takes it any more.  Machine lock held. */
void board_log_stop(struct board *);

/*
 * Adds the pages written since the last call to bitmap and forgets them: of the
 * part of the RAM that begins at exactly gpa, bit n of word w is its page
 * w * 64 + n, words at most.  Any one thread at a time, no lock needed.
 */
void board_log_take(
    struct board *, uint64_t gpa, uint64_t *bitmap, size_t words);

/* For board.c.  This process has written guest memory; machine lock held. */
void board_log_wrote(struct board *, uint64_t gpa, uint64_t len);
/* For board.c.  A device has answered or is gone; machine lock held. */
void board_log_changed(struct board *);

#endif /* BOARD_LOG_H */
