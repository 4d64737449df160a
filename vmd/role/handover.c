/* SPDX-License-Identifier: ISC */
/*
 * Words between the two sides of a move; see handover.h.  What comes in is
 * hostile: one frame of fixed length, and only the word that is expected.
 */
#include "role/handover.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "image/state_crc.h"
#include "image/state_wire.h"
#include "ipc/clock.h"

#define WORD_AT 4U
#define FLAGS_AT 8U
#define CRC_AT 12U
/* Who listens has read all that was said before: there is room at once. */
#define SAY_MS 3000

static void
handover_encode(
    uint8_t frame[HANDOVER_FRAME], enum handover_word word, uint32_t flags)
{
	state_put32(frame, HANDOVER_MAGIC);
	state_put32(frame + WORD_AT, word);
	state_put32(frame + FLAGS_AT, flags);
	state_put32(frame + CRC_AT, state_crc(0, frame, CRC_AT));
}

static int
handover_decode(const uint8_t frame[HANDOVER_FRAME], enum handover_word word,
    uint32_t *flags)
{
	if (state_get32(frame) != HANDOVER_MAGIC ||
	    state_get32(frame + CRC_AT) != state_crc(0, frame, CRC_AT) ||
	    state_get32(frame + WORD_AT) != word) {
		errno = EBADMSG;
		return -1;
	}
	if (flags != NULL)
		*flags = state_get32(frame + FLAGS_AT);
	return 0;
}

/* 0: there is something to read, or room to write, or the end. */
static int
handover_wait(int fd, short events, int stop_fd, int64_t until)
{
	struct pollfd pfd[2] = { { .fd = fd, .events = events },
		{ .fd = stop_fd, .events = POLLIN } };
	int64_t left = -1;
	int n;

	if (until >= 0 && (left = until - clock_ms()) < 0)
		left = 0;
	do
		n = poll(pfd, stop_fd == -1 ? 1 : 2, (int)left);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	if (n == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	if (stop_fd != -1 && pfd[1].revents != 0) {
		errno = ECANCELED;
		return -1;
	}
	return 0;
}

int
handover_say(int fd, enum handover_word word, uint32_t flags)
{
	int64_t until = clock_ms() + SAY_MS;
	uint8_t frame[HANDOVER_FRAME];
	size_t done = 0;
	ssize_t n;

	handover_encode(frame, word, flags);
	while (done < sizeof(frame)) {
		if (handover_wait(fd, POLLOUT, -1, until) == -1)
			return -1;
		n = write(fd, frame + done, sizeof(frame) - done);
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

int
handover_hear(
    int fd, int stop_fd, int ms, enum handover_word word, uint32_t *flags)
{
	int64_t until = ms < 0 ? -1 : clock_ms() + ms;
	uint8_t frame[HANDOVER_FRAME];
	size_t done = 0;
	ssize_t n;

	while (done < sizeof(frame)) {
		if (handover_wait(fd, POLLIN, stop_fd, until) == -1)
			return -1;
		n = read(fd, frame + done, sizeof(frame) - done);
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n == 0) {
			errno = EPIPE;
			return -1;
		}
		if (n > 0)
			done += (size_t)n;
	}
	return handover_decode(frame, word, flags);
}
