/* SPDX-License-Identifier: ISC */
/*
 * Frames of gdb's remote protocol (gdb manual, E.1): a parser that takes one
 * byte at a time, a builder of replies, and a reader of the text inside.
 * Pure; every buffer is of fixed size and every length checked.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest content either way; what PacketSize says. */
#define PACKET_MAX 16384
/* With frame, and a terminating NUL that is not part of it. */
#define PACKET_WIRE_MAX (PACKET_MAX + 5)

enum packet_event {
	PACKET_NOTHING, /* more is needed, or a byte outside of any frame */
	PACKET_ACK, /* '+' */
	PACKET_NAK, /* '-' */
	PACKET_INTERRUPT, /* Ctrl-C */
	PACKET_READY, /* buf holds len bytes */
	PACKET_BAD, /* the checksum is wrong */
	PACKET_LONG /* more than PACKET_MAX bytes, which are dropped */
};

struct packet_in {
	int state; /* the parser's */
	uint8_t sum, sent; /* counted; as the client sent it */
	bool overflow;
	size_t len;
	char buf[PACKET_MAX + 1]; /* without frame and escapes; ends in NUL */
};

void packet_in_reset(struct packet_in *in);

/* Takes one byte; a new frame starts over a complete one that buf holds. */
enum packet_event packet_in_byte(struct packet_in *in, uint8_t byte);

/* A reply that is being written.  What does not fit sets overflow. */
struct packet_out {
	size_t len;
	bool overflow;
	char buf[PACKET_MAX];
};

void packet_begin(struct packet_out *out);
void packet_put(struct packet_out *out, const char *text);
void packet_printf(struct packet_out *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void packet_put_hex(struct packet_out *out, const void *bytes, size_t len);
/* Binary, escaped; returns how many of the bytes fit. */
size_t packet_put_binary(struct packet_out *out, const void *data, size_t len);

/*
 * Writes the frame of out, runs shortened, to wire (PACKET_WIRE_MAX bytes);
 * returns its length.
 */
size_t packet_frame(const struct packet_out *out, char *wire);

/* The content of a packet, read from the front. */
struct packet_text {
	const char *at, *end;
};

bool packet_at_end(const struct packet_text *t);
/* Takes c if it is next. */
bool packet_take(struct packet_text *t, char c);
/* Takes prefix if it is next. */
bool packet_take_text(struct packet_text *t, const char *prefix);
/* Takes a number of 1 to 16 hexadecimal digits. */
bool packet_take_u64(struct packet_text *t, uint64_t *value);
/* Takes exactly len bytes, two digits each. */
bool packet_take_hex(struct packet_text *t, void *bytes, size_t len);
/* Takes all up to c, which is taken and left out, or up to the end. */
struct packet_text packet_take_until(struct packet_text *t, char c);

#endif /* PACKET_H */
