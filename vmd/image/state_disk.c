/* SPDX-License-Identifier: ISC */
/*
 * DISKDATA sections as bytes and as numbers; see state_disk.h.  What is decoded
 * is hostile.
 */
#include "image/state_disk.h"

#include <errno.h>
#include <string.h>

#include "image/state_crc.h"
#include "image/state_wire.h"
#include "vmd_limits.h"

#define CRC_AT 20U
#define ZERO_AT 24U

static int
bad(const char **why, const char *text)
{
	*why = text;
	errno = EBADMSG;
	return -1;
}

/* How long the data of that packing may be. */
static bool
disk_data_ok(const struct state_disk *d)
{
	if (d->packing == STATE_DISK_ZERO)
		return d->data_len == 0;
	if (d->packing == STATE_DISK_RAW)
		return d->data_len == d->length;
	return d->data_len > 0 && d->data_len < d->length;
}

int
state_disk_decode(
    struct state_disk *d, const uint8_t *payload, size_t len, const char **why)
{
	if (len < STATE_DISK_HEAD)
		return bad(why, "shorter than its head");
	if (state_get32(payload + CRC_AT) != state_crc(0, payload, CRC_AT))
		return bad(why, "its head has a wrong checksum");
	*d = (struct state_disk) {
		.index = state_get32(payload),
		.packing = state_get32(payload + 4),
		.offset = state_get64(payload + 8),
		.length = state_get32(payload + 16),
		.data = payload + STATE_DISK_HEAD,
		.data_len = len - STATE_DISK_HEAD,
	};
	if (!state_is_zero(payload + ZERO_AT, STATE_DISK_HEAD - ZERO_AT) ||
	    d->packing >= STATE_DISK_PACKINGS)
		return bad(why, "a form this version does not know");
	if (d->index >= VMD_DISKS_MAX)
		return bad(why, "a disk no VM has");
	if (d->length == 0 || d->length > STATE_DISK_CHUNK ||
	    d->length % STATE_SECTOR != 0 || d->offset % STATE_SECTOR != 0 ||
	    d->offset > (uint64_t)INT64_MAX - d->length)
		return bad(why, "a part no disk has");
	if (!disk_data_ok(d))
		return bad(why, "not as long as it says");
	return 0;
}

void
state_disk_encode(
    const struct state_disk *d, uint8_t payload[static STATE_DISK_HEAD])
{
	memset(payload, 0, STATE_DISK_HEAD);
	state_put32(payload, d->index);
	state_put32(payload + 4, d->packing);
	state_put64(payload + 8, d->offset);
	state_put32(payload + 16, d->length);
	state_put32(payload + CRC_AT, state_crc(0, payload, CRC_AT));
}
