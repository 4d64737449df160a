/* SPDX-License-Identifier: ISC */
/* The table of virtio devices: see virtio_class.h. */
#include "pci/virtio_class.h"

static const struct virtio_class classes[DEVICE__COUNT] = {
	[DEVICE_BLK] = {
		.name = "blk",
		.kind = DEVICE_BLK,
		.virtio_id = 2,
		.pci_class = 0x018000, /* mass storage, other */
		.queues = 1,
		.queue_size = 128,
	},
	[DEVICE_NET] = {
		.name = "net",
		.kind = DEVICE_NET,
		.virtio_id = 1,
		.pci_class = 0x020000, /* network, Ethernet */
		.queues = 2,
		.queue_size = 256,
	},
	[DEVICE_RNG] = {
		.name = "rng",
		.kind = DEVICE_RNG,
		.virtio_id = 4,
		.pci_class = 0x00ff00, /* none of the classes */
		.queues = 1,
		.queue_size = 64,
	},
};

const struct virtio_class *
virtio_class_get(unsigned int kind)
{
	return kind < DEVICE__COUNT ? &classes[kind] : 0;
}
