/* SPDX-License-Identifier: ISC */
/*
 * Headers of state streams; see state_head.h.  The layout is state.h's.
 */
#include "image/state_head.h"

#include <errno.h>
#include <string.h>

#include "image/state_crc.h"
#include "image/state_wire.h"

void
state_begin_encode(uint8_t bytes[static STATE_HEADER])
{
	memset(bytes, 0, STATE_HEADER);
	memcpy(bytes, STATE_MAGIC, STATE_MAGIC_LEN);
	state_put32(bytes + STATE_MAGIC_LEN, STATE_FORMAT);
	state_put32(bytes + STATE_CRC_AT, state_crc(0, bytes, STATE_CRC_AT));
}

void
state_head_encode(
    const struct state_head *h, uint8_t bytes[static STATE_HEADER])
{
	state_put32(bytes, h->type);
	state_put16(bytes + 4, h->version);
	state_put16(bytes + 6, h->flags);
	state_put64(bytes + 8, h->length);
	state_put64(bytes + 16, h->number);
	state_put32(bytes + 24, h->crc);
	state_put32(bytes + STATE_CRC_AT, state_crc(0, bytes, STATE_CRC_AT));
}

int
state_head_decode(
    struct state_head *h, const uint8_t bytes[static STATE_HEADER])
{
	if (state_get32(bytes + STATE_CRC_AT) !=
	    state_crc(0, bytes, STATE_CRC_AT)) {
		errno = EBADMSG;
		return -1;
	}
	h->type = state_get32(bytes);
	h->version = state_get16(bytes + 4);
	h->flags = state_get16(bytes + 6);
	h->length = state_get64(bytes + 8);
	h->number = state_get64(bytes + 16);
	h->crc = state_get32(bytes + 24);
	return 0;
}
