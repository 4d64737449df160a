/* SPDX-License-Identifier: ISC */
/*
 * The words that the two sides of a move exchange: only the one that is
 * expected counts, and nobody waits for longer than was said.
 */
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "image/state_crc.h"
#include "image/state_wire.h"
#include "role/handover.h"

static int sv[2];

static void
begin(void)
{
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
}

static void
end(void)
{
	close(sv[0]);
	if (sv[1] != -1)
		close(sv[1]);
}

static int
hear(enum handover_word word, uint32_t *flags)
{
	return handover_hear(sv[0], -1, 1000, word, flags);
}

/* A frame as the header file says it is. */
static void
frame(uint8_t f[HANDOVER_FRAME], uint32_t magic, uint32_t word, uint32_t flags)
{
	state_put32(f, magic);
	state_put32(f + 4, word);
	state_put32(f + 8, flags);
	state_put32(f + 12, state_crc(0, f, 12));
}

static void
words(void)
{
	static const enum handover_word all[] = { HANDOVER_READY,
		HANDOVER_RELEASED, HANDOVER_HOLDS, HANDOVER_GO, HANDOVER_RUNS };
	uint32_t flags;

	begin();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CHECK_EQ(handover_say(sv[1], all[i], HANDOVER_SHARED), 0);
		flags = 0;
		CHECK_EQ(hear(all[i], &flags), 0);
		CHECK_EQ(flags, HANDOVER_SHARED);
	}
	end();
}

static void
on_the_wire(void)
{
	uint8_t want[HANDOVER_FRAME], got[HANDOVER_FRAME];

	begin();
	frame(want, HANDOVER_MAGIC, 3, 1);
	CHECK_EQ(memcmp(want, "VMDh\3\0\0\0\1\0\0\0", 12), 0);
	CHECK_EQ(handover_say(sv[1], HANDOVER_HOLDS, HANDOVER_SHARED), 0);
	CHECK_EQ(read(sv[0], got, sizeof(got)), HANDOVER_FRAME);
	CHECK_EQ(memcmp(want, got, sizeof(got)), 0);
	end();
}

/* Byte by byte it is the same word. */
static void
in_pieces(void)
{
	uint8_t f[HANDOVER_FRAME];
	uint32_t flags = 7;

	begin();
	frame(f, HANDOVER_MAGIC, HANDOVER_GO, 0);
	for (size_t i = 0; i < sizeof(f) - 1; i++)
		CHECK_EQ(write(sv[1], f + i, 1), 1);
	CHECK_EQ(handover_hear(sv[0], -1, 20, HANDOVER_GO, NULL), -1);
	CHECK_EQ(errno, ETIMEDOUT);
	CHECK_EQ(write(sv[1], f, sizeof(f)), HANDOVER_FRAME);
	CHECK_EQ(hear(HANDOVER_GO, &flags), 0);
	CHECK_EQ(flags, 0);
	end();
}

static void
anything_else(void)
{
	uint8_t f[HANDOVER_FRAME];

	begin();
	CHECK_EQ(handover_say(sv[1], HANDOVER_READY, 0), 0);
	CHECK_EQ(hear(HANDOVER_HOLDS, NULL), -1);
	CHECK_EQ(errno, EBADMSG);
	frame(f, HANDOVER_MAGIC + 1, HANDOVER_HOLDS, 0);
	CHECK_EQ(write(sv[1], f, sizeof(f)), HANDOVER_FRAME);
	CHECK_EQ(hear(HANDOVER_HOLDS, NULL), -1);
	CHECK_EQ(errno, EBADMSG);
	for (size_t bit = 0; bit < sizeof(f) * 8; bit++) {
		frame(f, HANDOVER_MAGIC, HANDOVER_HOLDS, 0);
		f[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		CHECK_EQ(write(sv[1], f, sizeof(f)), HANDOVER_FRAME);
		CHECK_EQ(hear(HANDOVER_HOLDS, NULL), -1);
		CHECK_EQ(errno, EBADMSG);
	}
	end();
}

static void
the_other_is_gone(void)
{
	uint8_t f[HANDOVER_FRAME];

	begin();
	frame(f, HANDOVER_MAGIC, HANDOVER_HOLDS, 0);
	CHECK_EQ(write(sv[1], f, 8), 8);
	close(sv[1]);
	sv[1] = -1;
	CHECK_EQ(hear(HANDOVER_HOLDS, NULL), -1);
	CHECK_EQ(errno, EPIPE);
	end();
}

/* Nobody waits for ever to be listened to. */
static void
the_other_does_not_read(void)
{
	static const char bytes[4096];
	int flags;

	begin();
	flags = fcntl(sv[0], F_GETFL);
	fcntl(sv[0], F_SETFL, flags | O_NONBLOCK);
	while (write(sv[0], bytes, sizeof(bytes)) > 0)
		continue;
	CHECK_EQ(errno, EAGAIN);
	fcntl(sv[0], F_SETFL, flags);
	alarm(60);
	CHECK_EQ(handover_say(sv[0], HANDOVER_RELEASED, 0), -1);
	CHECK_EQ(errno, ETIMEDOUT);
	alarm(0);
	end();
}

static void
stopped(void)
{
	int stop = eventfd(1, EFD_CLOEXEC);

	begin();
	CHECK_EQ(handover_hear(sv[0], stop, -1, HANDOVER_READY, NULL), -1);
	CHECK_EQ(errno, ECANCELED);
	/* Nor when there is something to hear. */
	CHECK_EQ(handover_say(sv[1], HANDOVER_READY, 0), 0);
	CHECK_EQ(handover_hear(sv[0], stop, -1, HANDOVER_READY, NULL), -1);
	CHECK_EQ(errno, ECANCELED);
	close(stop);
	end();
}

int
main(void)
{
	TEST(words);
	TEST(on_the_wire);
	TEST(in_pieces);
	TEST(anything_else);
	TEST(the_other_is_gone);
	TEST(the_other_does_not_read);
	TEST(stopped);
	return CHECK_EXIT();
}
