/* SPDX-License-Identifier: ISC */
/*
 * The payload of a DISKDATA section: a part of a disk's content.
 *
 *	0	4	index of the disk
 *	4	4	enum state_disk_packing
 *	8	8	where on the disk, whole sectors
 *	16	4	bytes of the disk, whole sectors, 1 to STATE_DISK_CHUNK
 *	20	4	CRC-32C of bytes 0 to 19
 *	24	8	0
 *	32	...	the content, raw or a zstd frame; zeroes have none
 *
 * A disk begins as zeroes; what comes later holds.
 */
#ifndef STATE_DISK_H
#define STATE_DISK_H

#include <stddef.h>
#include <stdint.h>

#include "image/state.h"

#define STATE_SECTOR 512U

enum state_disk_packing {
	STATE_DISK_RAW,
	STATE_DISK_ZSTD,
	STATE_DISK_ZERO,
	STATE_DISK_PACKINGS
};

/* A payload that has been checked. */
struct state_disk {
	uint32_t index; /* below VMD_DISKS_MAX */
	uint32_t packing; /* enum state_disk_packing */
	uint64_t offset;
	uint32_t length; /* of the content */
	const uint8_t *data; /* borrowed */
	size_t data_len;
};

/*
 * Fills in *d from a payload (borrowed).  offset + length does not overflow an
 * off_t; whether the disk has so much is for the caller to see.  0, or -1 with
 * *why (borrowed, constant) and errno EBADMSG.
 */
int state_disk_decode(
    struct state_disk *d, const uint8_t *payload, size_t len, const char **why);
/* Fills in the head; the data follows it. */
void state_disk_encode(
    const struct state_disk *d, uint8_t payload[static STATE_DISK_HEAD]);

#endif /* STATE_DISK_H */
