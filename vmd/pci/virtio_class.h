/* SPDX-License-Identifier: ISC */
/*
 * The virtio devices there are: one row per kind, from which the PCI transport
 * (VM process) and the device process take ids, queues and limits.
 */
#ifndef VIRTIO_CLASS_H
#define VIRTIO_CLASS_H

#include <stddef.h>
#include <stdint.h>

#include "vmd_msg.h"

#define VIRTIO_QUEUES_MAX DEV_QUEUES_MAX
#define VIRTIO_CONFIG_MAX 256 /* bytes of device configuration space */

struct virtio_class {
	const char *name; /* "blk": in logs and process titles */
	enum device_kind kind;
	uint16_t virtio_id; /* virtio 1.2, 5 */
	uint32_t pci_class;
	unsigned int queues;
	unsigned int queue_size; /* maximum */
};

/* Returns borrowed; NULL when there is no such kind. */
const struct virtio_class *virtio_class_get(unsigned int kind);

#endif /* VIRTIO_CLASS_H */
