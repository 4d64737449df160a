/* SPDX-License-Identifier: ISC */
/*
 * The two ways to do disk I/O behind blk_io.h; for the blk_*.c files only.
 */
#ifndef BLK_ENGINE_H
#define BLK_ENGINE_H

#include "dev/blk_io.h"

struct blk_engine {
	const char *name;
	int (*open)(struct blk_io *, unsigned int depth);
	void (*close)(struct blk_io *);
	void (*submit)(struct blk_io *, struct blk_io_request *);
	void (*commit)(struct blk_io *);
	bool (*poll)(struct blk_io *);
};

struct blk_io {
	const struct blk_engine *engine;
	void *state; /* the engine's own */
	int fd;
	struct loop *loop;
	struct loop_source source;
	bool try_read; /* RWF_NOWAIT has not failed for good yet */
	bool try_write;
	void (*done)(void *arg, struct blk_io_request *);
	void *arg;
};

extern const struct blk_engine blk_uring, blk_threads;

/* Takes a result (bytes, or -errno) into account; true when the request is
 * done, false when the rest must be sent again. */
bool blk_io_advance(struct blk_io_request *, int64_t result);
/* Does it now, in this thread: bytes, or -errno. */
int64_t blk_io_run(int fd, const struct blk_io_request *, int flags);

#endif /* BLK_ENGINE_H */
