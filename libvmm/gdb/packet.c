/* SPDX-License-Identifier: ISC */
/*
 * Frames of gdb's remote protocol; see packet.h.  Knows no command, no VM and
 * no connection.  The client is hostile: a frame ends where it says so or
 * where the buffer does, whatever comes.
 */
#include "packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ESCAPE 0x7d
#define ESCAPE_XOR 0x20
#define INTERRUPT 0x03

/* A run is "c*n", n being 29 more than the repeats behind c. */
#define RUN_BIAS 29
#define RUN_MIN 3
#define RUN_MAX (126 - RUN_BIAS)

enum packet_state { OUTSIDE, CONTENT, ESCAPED, SUM_HIGH, SUM_LOW };

static const char digits[] = "0123456789abcdef";

static int
packet_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void
packet_in_reset(struct packet_in *in)
{
	in->state = OUTSIDE;
	in->len = 0;
	in->buf[0] = '\0';
}

static enum packet_event
packet_in_outside(struct packet_in *in, uint8_t byte)
{
	switch (byte) {
	case '$':
		in->state = CONTENT;
		in->sum = 0;
		in->len = 0;
		in->overflow = false;
		return PACKET_NOTHING;
	case '+':
		return PACKET_ACK;
	case '-':
		return PACKET_NAK;
	case INTERRUPT:
		return PACKET_INTERRUPT;
	default:
		return PACKET_NOTHING;
	}
}

static void
packet_in_store(struct packet_in *in, uint8_t byte)
{
	if (in->len == PACKET_MAX)
		in->overflow = true;
	else
		in->buf[in->len++] = (char)byte;
}

static void
packet_in_content(struct packet_in *in, uint8_t byte)
{
	if (byte == '#') {
		in->state = SUM_HIGH;
		return;
	}
	if (byte == '$') {
		/* The client lost a byte and began anew. */
		(void)packet_in_outside(in, byte);
		return;
	}
	in->sum = (uint8_t)(in->sum + byte);
	if (in->state == ESCAPED) {
		packet_in_store(in, byte ^ ESCAPE_XOR);
		in->state = CONTENT;
	} else if (byte == ESCAPE)
		in->state = ESCAPED;
	else
		packet_in_store(in, byte);
}

static enum packet_event
packet_in_end(struct packet_in *in, uint8_t byte)
{
	int low = packet_digit((char)byte);

	in->state = OUTSIDE;
	in->buf[in->len] = '\0';
	if (low == -1 || (uint8_t)(in->sent | low) != in->sum)
		return PACKET_BAD;
	return in->overflow ? PACKET_LONG : PACKET_READY;
}

enum packet_event
packet_in_byte(struct packet_in *in, uint8_t byte)
{
	int high;

	switch (in->state) {
	case CONTENT:
	case ESCAPED:
		packet_in_content(in, byte);
		return PACKET_NOTHING;
	case SUM_HIGH:
		high = packet_digit((char)byte);
		if (high == -1) {
			in->state = OUTSIDE;
			return PACKET_BAD;
		}
		in->sent = (uint8_t)(high << 4);
		in->state = SUM_LOW;
		return PACKET_NOTHING;
	case SUM_LOW:
		return packet_in_end(in, byte);
	default:
		return packet_in_outside(in, byte);
	}
}

void
packet_begin(struct packet_out *out)
{
	out->len = 0;
	out->overflow = false;
}

static void
packet_append(struct packet_out *out, const char *text, size_t len)
{
	if (len > sizeof(out->buf) - out->len) {
		out->overflow = true;
		return;
	}
	memcpy(out->buf + out->len, text, len);
	out->len += len;
}

void
packet_put(struct packet_out *out, const char *text)
{
	packet_append(out, text, strlen(text));
}

void
packet_printf(struct packet_out *out, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		out->overflow = true;
	else
		packet_append(out, text, (size_t)n);
}

void
packet_put_hex(struct packet_out *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t i;

	if (len > (sizeof(out->buf) - out->len) / 2) {
		out->overflow = true;
		return;
	}
	for (i = 0; i < len; i++) {
		out->buf[out->len++] = digits[p[i] >> 4];
		out->buf[out->len++] = digits[p[i] & 15];
	}
}

size_t
packet_put_binary(struct packet_out *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len && sizeof(out->buf) - out->len >= 2; i++) {
		if (p[i] == '#' || p[i] == '$' || p[i] == '*' ||
		    p[i] == ESCAPE) {
			out->buf[out->len++] = ESCAPE;
			out->buf[out->len++] = (char)(p[i] ^ ESCAPE_XOR);
		} else
			out->buf[out->len++] = (char)p[i];
	}
	return i;
}

/* How many times out->buf[i] is repeated behind it, as one run may say. */
static size_t
packet_run(const struct packet_out *out, size_t i)
{
	size_t n = 0;

	while (n < RUN_MAX && i + n + 1 < out->len &&
	    out->buf[i + n + 1] == out->buf[i])
		n++;
	/* Counts that would be written as '#' and '$'. */
	if (n + RUN_BIAS == '#' || n + RUN_BIAS == '$')
		n = '"' - RUN_BIAS;
	return n;
}

size_t
packet_frame(const struct packet_out *out, char *wire)
{
	size_t i, n, len = 0;
	uint8_t sum = 0;

	wire[len++] = '$';
	for (i = 0; i < out->len; i++) {
		wire[len++] = out->buf[i];
		n = packet_run(out, i);
		if (n >= RUN_MIN) {
			wire[len++] = '*';
			wire[len++] = (char)(n + RUN_BIAS);
			i += n;
		}
	}
	for (i = 1; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)wire[i]);
	wire[len++] = '#';
	wire[len++] = digits[sum >> 4];
	wire[len++] = digits[sum & 15];
	wire[len] = '\0';
	return len;
}

bool
packet_at_end(const struct packet_text *t)
{
	return t->at == t->end;
}

bool
packet_take(struct packet_text *t, char c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

bool
packet_take_text(struct packet_text *t, const char *prefix)
{
	size_t len = strlen(prefix);

	if ((size_t)(t->end - t->at) < len || memcmp(t->at, prefix, len) != 0)
		return false;
	t->at += len;
	return true;
}

bool
packet_take_u64(struct packet_text *t, uint64_t *value)
{
	uint64_t v = 0;
	int digit, n = 0;

	while (t->at != t->end && (digit = packet_digit(*t->at)) != -1) {
		if (++n > 16)
			return false;
		v = v << 4 | (uint64_t)digit;
		t->at++;
	}
	*value = v;
	return n > 0;
}

bool
packet_take_hex(struct packet_text *t, void *bytes, size_t len)
{
	uint8_t *p = bytes;
	int high, low;

	if ((size_t)(t->end - t->at) / 2 < len)
		return false;
	for (; len > 0; len--, t->at += 2) {
		high = packet_digit(t->at[0]);
		low = packet_digit(t->at[1]);
		if (high == -1 || low == -1)
			return false;
		*p++ = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct packet_text
packet_take_until(struct packet_text *t, char c)
{
	struct packet_text part = { t->at, t->end };
	const char *found;

	if (t->at == t->end)
		return part;
	found = memchr(t->at, c, (size_t)(t->end - t->at));
	if (found != NULL) {
		part.end = found;
		t->at = found + 1;
	} else
		t->at = t->end;
	return part;
}
