/* SPDX-License-Identifier: ISC */
/*
 * Has the process of a disk write back what it has written, so that it is on
 * the medium, where another host sees it.
 *
 * Runs in the VM process, machine lock held.
 */
#ifndef VIRTIO_FLUSH_H
#define VIRTIO_FLUSH_H

#include <stdbool.h>

struct virtio_device;

/* Covers what has been written before the call; nothing on devices that are no
 * disks.  events.flushed follows, unless virtio_is_flushing() is false at once.
 */
void virtio_flush(struct virtio_device *);
/* It was asked and has not answered. */
bool virtio_is_flushing(const struct virtio_device *);
/* How the last one went: 0, or the errno. */
int virtio_flush_error(const struct virtio_device *);

#endif /* VIRTIO_FLUSH_H */
