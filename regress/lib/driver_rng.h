/* SPDX-License-Identifier: ISC */
/*
 * An rng device that a driver drives: the smallest there is, for what all kinds
 * have in common.
 */
#ifndef DRIVER_RNG_H
#define DRIVER_RNG_H

#include "dev/rng.h"
#include "driver.h"
#include "driver_loop.h"

static struct rng rng;

static inline void
on_gone(void *arg)
{
	(void)arg;
}

static inline bool
rng_begin(void)
{
	struct msg_device_start start = { .kind = DEVICE_RNG };
	int link = driver_open();

	if (link == -1 || (loop = loop_new(NULL)) == NULL ||
	    rng_init(&rng, loop, link, &start, on_gone, NULL) == -1)
		return false;
	driver_start(loop, 0, 64);
	return drv.hello;
}

static inline void
rng_end(void)
{
	rng_fini(&rng);
	loop_free(loop);
	driver_close();
}

#endif /* DRIVER_RNG_H */
