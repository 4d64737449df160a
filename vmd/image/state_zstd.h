/* SPDX-License-Identifier: ISC */
/*
 * The pages of a MEMORY section as a zstd frame.  Each section is a frame of
 * its own: memory is bounded, and sections can be read in any order.
 */
#ifndef STATE_ZSTD_H
#define STATE_ZSTD_H

#include <stddef.h>

struct state_job;
struct state_packer;
struct state_unpacker;
struct state_workers;

#define STATE_LEVEL_MIN 1
#define STATE_LEVEL_MAX 19

/*
 * Returns owned.  threads: how many compress at once, made by this call, at
 * most STATE_WORKERS_MAX; 0 or 1 for the caller alone.  NULL with errno EINVAL
 * (level), ENOMEM or EAGAIN.
 */
struct state_packer *state_packer_new(int level, unsigned int threads);
/* The same with threads that are there already (borrowed). */
struct state_packer *state_packer_on(int level, struct state_workers *);
/* Nothing is being packed any more.  NULL is allowed. */
void state_packer_free(struct state_packer *);
/* How many pieces are to be begun before the first is waited for, so that all
 * threads have work: 1 where the caller is alone. */
unsigned int state_packer_depth(const struct state_packer *);

/*
 * Packs len bytes of src into dst, both of which are the packer's until
 * state_pack_end(), which says how many bytes of dst were filled; 0: it would
 * take cap or more.  job is the caller's to keep.  state_pack_cancel() instead
 * of the latter when nobody wants the result.
 */
void state_pack_begin(struct state_packer *, struct state_job *job, void *dst,
    size_t cap, const void *src, size_t len);
size_t state_pack_end(struct state_packer *, struct state_job *job);
void state_pack_cancel(struct state_packer *, struct state_job *job);
/* All of that at once. */
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
