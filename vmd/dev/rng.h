/* SPDX-License-Identifier: ISC */
/*
 * virtio-rng (virtio 1.2, 5.4): random bytes of the host for the guest.
 *
 * Runs in whichever device process was asked to host it; needs getrandom(2).
 */
#ifndef RNG_H
#define RNG_H

#include "dev/device.h"

#define RNG_REQUEST_MAX 65536 /* bytes given for one request */

struct rng {
	struct device dev;
	struct virtq_chain chain;
};

/* As device_init. */
int rng_init(struct rng *, struct loop *, int link_fd,
    const struct msg_device_start *, void (*gone)(void *), void *gone_arg);
void rng_fini(struct rng *);

#endif /* RNG_H */
