/* SPDX-License-Identifier: ISC */
/*
 * zstd for state streams; see state_zstd.h.  libzstd is given buffers of known
 * size only, so that a frame of others decides over no allocation.
 */
#include "image/state_zstd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zstd.h>

#include "image/state_wire.h"
#include "image/state_workers.h"

struct state_packer {
	int level;
	struct state_workers *workers; /* NULL: the caller works */
	bool own; /* they are owned */
	ZSTD_CCtx *ctx; /* owned: the caller's; NULL with workers */
};

static struct state_packer *
packer_new(int level)
{
	struct state_packer *p;

	if (level < STATE_LEVEL_MIN || level > STATE_LEVEL_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((p = calloc(1, sizeof(*p))) != NULL)
		p->level = level;
	return p;
}

struct state_packer *
state_packer_on(int level, struct state_workers *workers)
{
	struct state_packer *p = packer_new(level);

	if (p == NULL)
		return NULL;
	p->workers = workers;
	state_workers_take(workers);
	return p;
}

struct state_packer *
state_packer_new(int level, unsigned int threads)
{
	struct state_workers *workers;
	struct state_packer *p;

	if (threads > STATE_WORKERS_MAX)
		threads = STATE_WORKERS_MAX;
	if (threads > 1) {
		if ((workers = state_workers_new(threads)) == NULL)
			return NULL;
		if ((p = state_packer_on(level, workers)) == NULL)
			state_workers_free(workers);
		else
			p->own = true;
		return p;
	}
	if ((p = packer_new(level)) == NULL)
		return NULL;
	if ((p->ctx = ZSTD_createCCtx()) == NULL) {
		free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void
state_packer_free(struct state_packer *p)
{
	if (p == NULL)
		return;
	if (p->workers != NULL)
		state_workers_drop(p->workers);
	if (p->own)
		state_workers_free(p->workers);
	ZSTD_freeCCtx(p->ctx);
	free(p);
}

unsigned int
state_packer_depth(const struct state_packer *p)
{
	return p->workers != NULL ? 2 * state_workers_count(p->workers) : 1;
}

void
state_pack_begin(struct state_packer *p, struct state_job *job, void *dst,
    size_t cap, const void *src, size_t len)
{
	*job = (struct state_job) {
		.src = src,
		.len = len,
		.dst = dst,
		.cap = cap,
		.level = p->level,
	};
	if (p->workers != NULL)
		state_workers_begin(p->workers, job);
	else
		state_job_do(job, p->ctx);
}

size_t
state_pack_end(struct state_packer *p, struct state_job *job)
{
	if (p->workers != NULL)
		state_workers_wait(p->workers, job);
	return job->packed;
}

void
state_pack_cancel(struct state_packer *p, struct state_job *job)
{
	if (p->workers != NULL)
		state_workers_cancel(p->workers, job);
}

size_t
state_pack(
    struct state_packer *p, void *dst, size_t cap, const void *src, size_t len)
{
	struct state_job job;

	state_pack_begin(p, &job, dst, cap, src, len);
	return state_pack_end(p, &job);
}

struct state_unpacker *
state_unpacker_new(void)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();

	if (ctx == NULL)
		errno = ENOMEM;
	return (struct state_unpacker *)ctx;
}

void
state_unpacker_free(struct state_unpacker *u)
{
	ZSTD_freeDCtx((ZSTD_DCtx *)u);
}

int
state_unpack(struct state_unpacker *u, void *dst, size_t len, const void *src,
    size_t src_len)
{
	/* One frame of today's form, and nothing behind it. */
	if (src_len < 4 || state_get32(src) != ZSTD_MAGICNUMBER ||
	    ZSTD_findFrameCompressedSize(src, src_len) != src_len ||
	    ZSTD_decompressDCtx((ZSTD_DCtx *)u, dst, len, src, src_len) !=
		len) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}
