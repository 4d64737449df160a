/* SPDX-License-Identifier: ISC */
/* gdb's frames both ways: checksums, escapes, runs, and what is no frame. */
#include "../../libvmm/gdb/packet.h"
#include "check.h"

static struct packet_in in;
static struct packet_out out;

/* The last event of these bytes. */
static enum packet_event
feed(const char *bytes, size_t len)
{
	enum packet_event e = PACKET_NOTHING;
	size_t i;

	for (i = 0; i < len; i++)
		e = packet_in_byte(&in, (uint8_t)bytes[i]);
	return e;
}

#define FEED(text) feed(text, sizeof(text) - 1)

static void
takes_frames(void)
{
	packet_in_reset(&in);
	CHECK_EQ(FEED("+"), PACKET_ACK);
	CHECK_EQ(FEED("-"), PACKET_NAK);
	CHECK_EQ(FEED("\3"), PACKET_INTERRUPT);
	CHECK_EQ(FEED("noise"), PACKET_NOTHING);
	CHECK_EQ(FEED("$g#67"), PACKET_READY);
	CHECK_STR(in.buf, "g");
	CHECK_EQ(FEED("$#00"), PACKET_READY);
	CHECK_EQ(in.len, 0);
	CHECK_EQ(FEED("$g#66"), PACKET_BAD);
	CHECK_EQ(FEED("$g#6x"), PACKET_BAD);
	CHECK_EQ(FEED("$g#x7"), PACKET_NOTHING);
	CHECK_EQ(FEED("$g#6"), PACKET_NOTHING);
	CHECK_EQ(FEED("7"), PACKET_READY);
	/* A frame that begins within another one, and content like events. */
	CHECK_EQ(FEED("$abc$g#67"), PACKET_READY);
	CHECK_STR(in.buf, "g");
	CHECK_EQ(FEED("$+\3-#5b"), PACKET_READY);
	CHECK_EQ(in.len, 3);
}

static void
takes_escapes(void)
{
	packet_in_reset(&in);
	CHECK_EQ(FEED("$X}\3}\4}]}\n#2e"), PACKET_BAD);
	CHECK_EQ(FEED("$X}\3}\4}]}\n#ba"), PACKET_READY);
	CHECK_EQ(in.len, 5);
	CHECK(memcmp(in.buf, "X#$}*", 5) == 0);
	CHECK_EQ(FEED("$a\0b#c3"), PACKET_READY);
	CHECK_EQ(in.len, 3);
}

static void
refuses_long_ones(void)
{
	size_t i;

	packet_in_reset(&in);
	FEED("$");
	for (i = 0; i < PACKET_MAX; i++)
		FEED("a");
	CHECK_EQ(in.len, PACKET_MAX);
	CHECK_EQ(FEED("#01"), PACKET_BAD);
	FEED("$");
	for (i = 0; i < 3 * PACKET_MAX; i++)
		FEED("@"); /* 0x40: the sum is 0 */
	CHECK_EQ(in.len, PACKET_MAX);
	CHECK_EQ(FEED("#00"), PACKET_LONG);
	CHECK_EQ(FEED("$g#67"), PACKET_READY);
}

/* What gdb does with a frame: sum, runs.  Returns the length, 0 if bad. */
static size_t
decode(const char *wire, size_t len, char *text)
{
	uint8_t sum = 0;
	size_t i, n = 0;
	unsigned int said;
	int repeat;

	if (len < 4 || wire[0] != '$' || wire[len - 3] != '#' ||
	    sscanf(wire + len - 2, "%2x", &said) != 1)
		return 0;
	for (i = 1; i < len - 3; i++) {
		sum = (uint8_t)(sum + (uint8_t)wire[i]);
		if (wire[i] == '#' || wire[i] == '$')
			return 0;
		if (wire[i] != '*') {
			text[n++] = wire[i];
			continue;
		}
		i++;
		sum = (uint8_t)(sum + (uint8_t)wire[i]);
		if (wire[i] < ' ' || wire[i] > '~' || wire[i] == '#' ||
		    wire[i] == '$')
			return 0;
		for (repeat = wire[i] - 29; repeat > 0; repeat--, n++)
			text[n] = text[n - 1];
	}
	return sum == said ? n : 0;
}

static void
writes_runs(void)
{
	static char wire[PACKET_WIRE_MAX], back[PACKET_MAX];
	unsigned int length, i;

	packet_begin(&out);
	packet_put(&out, "0000");
	CHECK_EQ(packet_frame(&out, wire), 7);
	CHECK_STR(wire, "$0* #7a");
	for (length = 1; length < 300; length++) {
		packet_begin(&out);
		packet_put(&out, "ab");
		for (i = 0; i < length; i++)
			packet_put(&out, "0");
		packet_put(&out, "b");
		CHECK_EQ(
		    decode(wire, packet_frame(&out, wire), back), length + 3);
		CHECK(memcmp(back, out.buf, length + 3) == 0);
	}
	/* Nothing that repeats: not longer than the buffer. */
	packet_begin(&out);
	for (i = 0; i < PACKET_MAX / 2; i++)
		packet_put(&out, "ab");
	CHECK(!out.overflow);
	CHECK_EQ(packet_frame(&out, wire), PACKET_MAX + 4);
}

static void
bounds_replies(void)
{
	static const char bytes[PACKET_MAX];
	size_t n;

	packet_begin(&out);
	packet_put_hex(&out, bytes, PACKET_MAX / 2);
	CHECK(!out.overflow);
	packet_put(&out, "x");
	CHECK(out.overflow);
	CHECK_EQ(out.len, PACKET_MAX);
	packet_begin(&out);
	packet_put_hex(&out, bytes, PACKET_MAX / 2 + 1);
	CHECK(out.overflow);
	packet_begin(&out);
	packet_printf(&out, "%*d", 600, 1);
	CHECK(out.overflow);
	packet_begin(&out);
	CHECK_EQ(packet_put_binary(&out, "#$}*a", 5), 5);
	CHECK_EQ(out.len, 9);
	CHECK(memcmp(out.buf, "}\3}\4}]}\na", 9) == 0);
	n = packet_put_binary(&out, bytes, sizeof(bytes));
	CHECK(n > 0 && n < sizeof(bytes) && out.len <= sizeof(out.buf));
}

static struct packet_text
text_of(const char *s)
{
	return (struct packet_text) { s, s + strlen(s) };
}

static void
reads_numbers(void)
{
	struct packet_text t = text_of("ffffffffffffffff,0,");
	struct packet_text part;
	uint8_t bytes[4];
	uint64_t v = 0;

	CHECK(packet_take_u64(&t, &v));
	CHECK(v == UINT64_MAX);
	CHECK(packet_take(&t, ',') && packet_take_u64(&t, &v) && v == 0);
	CHECK(packet_take(&t, ',') && packet_at_end(&t));
	CHECK(!packet_take(&t, ',') && !packet_take_u64(&t, &v));
	t = text_of("10000000000000000");
	CHECK(!packet_take_u64(&t, &v));
	t = text_of("-1");
	CHECK(!packet_take_u64(&t, &v));
	t = text_of("0aFfzz");
	CHECK(packet_take_hex(&t, bytes, 2));
	CHECK_EQ(bytes[0], 0x0a);
	CHECK_EQ(bytes[1], 0xff);
	CHECK(!packet_take_hex(&t, bytes, 1));
	t = text_of("012");
	CHECK(!packet_take_hex(&t, bytes, 2));
	t = text_of("vCont;s:1;c");
	CHECK(!packet_take_text(&t, "vConts"));
	CHECK(packet_take_text(&t, "vCont;"));
	part = packet_take_until(&t, ';');
	CHECK_EQ(part.end - part.at, 3);
	part = packet_take_until(&t, ';');
	CHECK_EQ(part.end - part.at, 1);
	CHECK(packet_at_end(&t));
	part = packet_take_until(&t, ';');
	CHECK(packet_at_end(&part));
}

int
main(void)
{
	TEST(takes_frames);
	TEST(takes_escapes);
	TEST(refuses_long_ones);
	TEST(writes_runs);
	TEST(bounds_replies);
	TEST(reads_numbers);
	return CHECK_EXIT();
}
