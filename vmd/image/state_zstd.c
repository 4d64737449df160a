/* SPDX-License-Identifier: ISC */
/*
 * zstd for state streams; see state_zstd.h.  libzstd is given buffers of known
 * size only, so that a frame of others decides over no allocation.
 */
#include "image/state_zstd.h"

#include <errno.h>
#include <stdint.h>
#include <zstd.h>

#include "image/state_wire.h"

/* What a thread gets: a section of STATE_PAGES_MAX pages makes four. */
#define JOB (1 << 20)

struct state_packer *
state_packer_new(int level, unsigned int threads)
{
	ZSTD_CCtx *ctx;

	if (level < STATE_LEVEL_MIN || level > STATE_LEVEL_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((ctx = ZSTD_createCCtx()) == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, level);
	/* Where libzstd was built without threads, these fail: one does it. */
	if (threads > 1 &&
	    !ZSTD_isError(
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_nbWorkers, (int)threads)))
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_jobSize, JOB);
	return (struct state_packer *)ctx;
}

void
state_packer_free(struct state_packer *p)
{
	ZSTD_freeCCtx((ZSTD_CCtx *)p);
}

size_t
state_pack(
    struct state_packer *p, void *dst, size_t cap, const void *src, size_t len)
{
	size_t n = ZSTD_compress2((ZSTD_CCtx *)p, dst, cap, src, len);

	return ZSTD_isError(n) || n >= cap ? 0 : n;
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
