/* SPDX-License-Identifier: ISC */
/*
 * The headers of a state stream and of its sections as bytes and as numbers.
 */
#ifndef STATE_HEAD_H
#define STATE_HEAD_H

#include <stdint.h>

#include "image/state.h"

/* A section's header as numbers. */
struct state_head {
	uint64_t length;
	uint64_t number;
	uint32_t type;
	uint32_t crc; /* of the payload */
	uint16_t version;
	uint16_t flags;
};

void state_head_encode(
    const struct state_head *, uint8_t bytes[static STATE_HEADER]);
/* 0, or -1 with errno EBADMSG: its own CRC is wrong. */
int state_head_decode(
    struct state_head *, const uint8_t bytes[static STATE_HEADER]);

/* Fills in the header of the stream. */
void state_begin_encode(uint8_t bytes[static STATE_HEADER]);

#endif /* STATE_HEAD_H */
