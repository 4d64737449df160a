/* SPDX-License-Identifier: ISC */
/*
 * Tap interfaces.  Runs in the parent (which may open /dev/net/tun); the
 * descriptor travels to the net device process.
 */
#ifndef TAP_H
#define TAP_H

#include <net/if.h>

#define TAP_MAX 256 /* tap0 .. tap255 are tried */
#define TAP_VNET_HDR 12 /* size of the virtio-net header on the descriptor */
#define TAP_OFFLOAD 0x1 /* checksum and segmentation offloads to the guest */

/*
 * Opens the tap `name`, or with NULL the first free of tap0..tap255, creating
 * it where it does not exist.  Frames carry a virtio-net header of
 * TAP_VNET_HDR bytes.  The interface goes away with the last descriptor,
 * unless somebody made it persistent before.
 * Returns an owned, non-blocking, close-on-exec descriptor and the name in
 * ifname; -1 with errno: EBUSY somebody else uses it (or all are in use),
 * EINVAL the name is not one link_name_allowed() accepts or is no tap.
 */
int tap_open(const char *name, char ifname[IFNAMSIZ], int flags);

#endif /* TAP_H */
