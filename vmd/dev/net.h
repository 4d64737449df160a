/* SPDX-License-Identifier: ISC */
/*
 * virtio-net (virtio 1.2, 5.1), one pair of queues, on a tap or on a socket of
 * frames.
 *
 * Runs in a net process.  A tap (opened with IFF_VNET_HDR) takes and gives the
 * virtio header itself, so checksum and segmentation offloads pass through; a
 * socket (the user-mode network's) carries plain frames and none of them.
 */
#ifndef NET_H
#define NET_H

#include "dev/device.h"

struct net;

/* Borrows fd, which becomes non-blocking.  Returns owned; NULL with errno:
 * EINVAL when fd is neither a tap nor a socket that keeps frames apart. */
struct net *net_new(int fd, struct loop *);
/* As device_init. */
int net_start(struct net *, int link_fd, const struct msg_device_start *,
    void (*gone)(void *), void *gone_arg);
struct device *net_device(struct net *);
void net_free(struct net *);

#endif /* NET_H */
