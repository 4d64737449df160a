/* SPDX-License-Identifier: ISC */
/*
 * What the two sides of a move say to each other after the state is complete,
 * so that exactly one of them runs the VM.
 *
 *	sender				receiver
 *	END of the state
 *					READY: all is loaded, nothing runs
 *	RELEASED: the disks' locks
 *					HOLDS: has them; SHARED: they are the
 *					same that the sender had
 *	GO: it has given the VM up
 *					RUNS
 *
 * Before HOLDS the VM is the sender's, after it the receiver's.  Where the
 * disks are shared, their locks decide what a broken connection leaves open:
 * who runs the VM has them.  Where they are not, a side that cannot know keeps
 * the VM paused, and says so.
 *
 * Frames are the numbers below in the sender's part of the stream, and on the
 * receiver's way back.  Runs in threads of VM processes that wait here.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdint.h>

/*	name		number	text */
#define HANDOVER_WORDS(X)                         \
	X(READY, 1, "all of the state is loaded") \
	X(RELEASED, 2, "the disks are free")      \
	X(HOLDS, 3, "the disks are locked")       \
	X(GO, 4, "the VM is given up")            \
	X(RUNS, 5, "the VM runs")
#define HANDOVER_ENUM(name, number, text) HANDOVER_##name = number,
enum handover_word { HANDOVER_WORDS(HANDOVER_ENUM) };

#define HANDOVER_SHARED 0x01U /* of HOLDS */

/*
 * A frame: "VMDh", the word, flags, CRC-32C of these 12 bytes, each 4 bytes,
 * little endian.
 */
#define HANDOVER_FRAME 16U
#define HANDOVER_MAGIC 0x68444d56U

/* Writes a frame, if the other side reads.  0 or -1 with errno, ETIMEDOUT if it
 * does not. */
int handover_say(int fd, enum handover_word, uint32_t flags);
/*
 * Waits for that word, at most ms milliseconds (-1: for ever), unless stop_fd
 * (-1: none) becomes readable.  0 with *flags (unless NULL), or -1 with errno
 * EPIPE (the other side is gone), ETIMEDOUT, ECANCELED (stop_fd), EBADMSG
 * (something else was said) or that of read(2).
 */
int handover_hear(
    int fd, int stop_fd, int ms, enum handover_word, uint32_t *flags);
/* The text of a word. */
const char *handover_text(enum handover_word);

#endif /* HANDOVER_H */
