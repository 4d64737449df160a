/* SPDX-License-Identifier: ISC */
/*
 * The log of guest memory that device processes write: they have mappings of
 * their own, of which KVM's log knows nothing.
 *
 * Runs in the VM process, machine lock held.  The log is a bitmap that all
 * processes of a VM share (struct msg_dev_log).  Other than the memory, which
 * they may write anyway, a process that does not play by the rules can spoil
 * nothing with it but the copy of its own VM.
 */
#ifndef VIRTIO_LOG_H
#define VIRTIO_LOG_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_device;

struct virtio_log {
	int fd; /* borrowed; a sealed memfd */
	uint64_t pages;
};

/* Of a disk, which a blk device notes what it has written on (struct
 * msg_dev_disk_log). */
struct virtio_disk_log {
	int fd; /* borrowed; a sealed memfd */
	uint64_t chunks;
	/* A process that might have written without a note has ended: any
	 * chunk may be another. */
	uint32_t lost;
};
/* Goes with the next log of memory, to a blk device (borrowed). */
void virtio_disk_log(struct virtio_device *, struct virtio_disk_log *);

/*
 * Has the device write the log (borrowed until it is off; every time the same)
 * or, NULL, leave it alone.  A process that starts later gets it as well.
 * Nothing that it writes is missed once virtio_log_is_on().
 */
void virtio_log(struct virtio_device *, const struct virtio_log *);
/* What the device writes from now on is noted: it has said so, or it has no
 * process. */
bool virtio_log_is_on(const struct virtio_device *);

#endif /* VIRTIO_LOG_H */
