/* SPDX-License-Identifier: ISC */
/*
 * virtio-blk (virtio 1.2, 5.2) on an image.
 *
 * Runs in a blk process.  Reads that the page cache holds are answered at once,
 * in the order they came; everything else goes to blk_io and comes back in any
 * order.  A request outside the image or an error of the host costs the guest
 * that request; only a request that is no request breaks the device.
 */
#ifndef BLK_H
#define BLK_H

#include "dev/blk_io.h"
#include "dev/device.h"
#include "image/image.h"

struct blk;

/* Reads and writes image (copied; its descriptor is borrowed).  engine NULL:
 * the best there is.  Returns owned; NULL with errno. */
struct blk *blk_new(const struct image *, struct loop *,
    struct blk_io *(*engine)(int, unsigned int, struct loop *,
	void (*)(void *, struct blk_io_request *), void *));
/* As device_init. */
int blk_start(struct blk *, int link_fd, const struct msg_device_start *,
    void (*gone)(void *), void *gone_arg);
struct device *blk_device(struct blk *);
/* Nothing may be in flight. */
void blk_free(struct blk *);

#endif /* BLK_H */
