/* SPDX-License-Identifier: ISC */
/*
 * The pages of a MEMORY section as a zstd frame.  Each section is a frame of
 * its own: memory is bounded, and sections can be read in any order.
 */
#ifndef STATE_ZSTD_H
#define STATE_ZSTD_H

#include <stddef.h>

struct state_packer;
struct state_unpacker;

#define STATE_LEVEL_MIN 1
#define STATE_LEVEL_MAX 19

/*
 * Returns owned.  threads: how many compress at once, 0 for the caller alone.
 * NULL with errno EINVAL (level) or ENOMEM.
 */
struct state_packer *state_packer_new(int level, unsigned int threads);
/* NULL is allowed. */
void state_packer_free(struct state_packer *);
/* How many bytes of dst were filled; 0: it would take cap or more. */
size_t state_pack(
    struct state_packer *, void *dst, size_t cap, const void *src, size_t len);

/* Returns owned; NULL with errno ENOMEM. */
struct state_unpacker *state_unpacker_new(void);
/* NULL is allowed. */
void state_unpacker_free(struct state_unpacker *);
/* Fills dst with the content of one frame, which has to be len bytes, whatever
 * the frame says.  0, or -1 with errno EBADMSG. */
int state_unpack(struct state_unpacker *, void *dst, size_t len,
    const void *src, size_t src_len);

#endif /* STATE_ZSTD_H */
