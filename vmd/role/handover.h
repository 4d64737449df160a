/* SPDX-License-Identifier: ISC */
/*
 * What the two sides of a move say to each other after the state is complete,
 * so that exactly one of them runs the VM: the words below, in that order, each
 * the answer to the one before it.  PROTOCOL.md, "The handover", tells what
 * becomes of the VM when one is lost.
 *
 * Frames are the numbers below in the sender's part of the stream, and on the
 * receiver's way back.  Runs in threads of VM processes that wait here.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdint.h>

/*	name		number	who says it	text */
#define HANDOVER_WORDS(X)                                                 \
	X(READY, 1, receiver, "all of the state is loaded, nothing runs") \
	X(RELEASED, 2, sender, "the locks of the disks are free")         \
	X(HOLDS, 3, receiver, "it has the locks of the disks")            \
	X(GO, 4, sender, "it has given the VM up")                        \
	X(RUNS, 5, receiver, "the VM runs")
#define HANDOVER_ENUM(name, number, who, text) HANDOVER_##name = number,
enum handover_word { HANDOVER_WORDS(HANDOVER_ENUM) };

/* Of HOLDS: a lock was another's before, so both sides see the same. */
#define HANDOVER_SHARED 0x01U

/*
 * A frame: "VMDh", the word, flags, CRC-32C of these 12 bytes, each 4 bytes,
 * little endian.
 */
#define HANDOVER_FRAME 16U
#define HANDOVER_MAGIC 0x68444d56U

/* So long each side waits for a word: the receiver builds devices, and asks for
 * locks.  A sender that hears nothing also has to know when that one gives up.
 */
#define HANDOVER_HEAR_MS 60000

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

#endif /* HANDOVER_H */
