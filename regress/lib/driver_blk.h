/* SPDX-License-Identifier: ISC */
/* A blk device on a memfd that a driver drives. */
#ifndef DRIVER_BLK_H
#define DRIVER_BLK_H

#include <sys/mman.h>

#include <stdio.h>
#include <unistd.h>

#include "dev/blk.h"
#include "driver.h"
#include "driver_loop.h"

typedef struct blk_io *blk_engine_fn(int, unsigned int, struct loop *,
    void (*)(void *, struct blk_io_request *), void *);

static struct blk *blk;
static struct image image;
static bool blk_is_gone; /* device_init()'s gone was called */

static inline void
blk_on_gone(void *arg)
{
	(void)arg;
	blk_is_gone = true;
}

/* Of so many bytes, up to DRIVER_OK; engine NULL: the best. */
static inline bool
blk_begin(off_t size, bool readonly, blk_engine_fn *engine, unsigned int queue)
{
	struct msg_device_start start = {
		.kind = DEVICE_BLK, .index = 1, .name = "test"
	};
	int fd = memfd_create("disk", MFD_CLOEXEC), link;

	blk_is_gone = false;
	if (fd == -1 || ftruncate(fd, size) == -1 ||
	    image_open_raw(&image, fd, readonly) == -1 ||
	    (loop = loop_new(NULL)) == NULL ||
	    (blk = blk_new(&image, loop, engine)) == NULL ||
	    (link = driver_open()) == -1 ||
	    blk_start(blk, link, &start, blk_on_gone, NULL) == -1)
		return false;
	driver_start(loop, 0, queue);
	return drv.hello;
}

static inline void
blk_end(void)
{
	blk_free(blk);
	loop_free(loop);
	close(image.fd);
	driver_close();
}

#endif /* DRIVER_BLK_H */
