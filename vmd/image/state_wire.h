/* SPDX-License-Identifier: ISC */
/*
 * Numbers in a state stream: little endian at any address, and a cursor over
 * the bytes of a payload that stops at its end.
 */
#ifndef STATE_WIRE_H
#define STATE_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STATE_WIRE(bits)                                              \
	static inline uint##bits##_t state_get##bits(const void *p)   \
	{                                                             \
		uint##bits##_t v;                                     \
                                                                      \
		memcpy(&v, p, sizeof(v));                             \
		return le##bits##toh(v);                              \
	}                                                             \
	static inline void state_put##bits(void *p, uint##bits##_t v) \
	{                                                             \
		v = htole##bits(v);                                   \
		memcpy(p, &v, sizeof(v));                             \
	}
STATE_WIRE(16)
STATE_WIRE(32)
STATE_WIRE(64)

/* The bytes of a payload from front to back. */
struct state_cursor {
	const uint8_t *at;
	size_t left;
};

/* Borrows the next len bytes; NULL: there are not so many. */
static inline const uint8_t *
state_take(struct state_cursor *c, size_t len)
{
	const uint8_t *p = c->at;

	if (len > c->left)
		return NULL;
	c->at += len;
	c->left -= len;
	return p;
}

static inline bool
state_is_zero(const uint8_t *p, size_t len)
{
	/* Each byte is what the one before it is: the C library is fast at
	 * that. */
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

#endif /* STATE_WIRE_H */
