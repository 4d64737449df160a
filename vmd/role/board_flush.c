/* SPDX-License-Identifier: ISC */
/* Writing back disks: see board_flush.h.  Runs in the VM process. */
#include "role/board_flush.h"

#include <errno.h>

#include "ipc/clock.h"
#include "pci/virtio_flush.h"
#include "role/board.h"
#include "role/thread.h"

#define TICK_NS 100000000U

void
board_flush_init(struct board *b)
{
	thread_cond_init(&b->flush.changed);
}

void
board_flush_changed(struct board *b)
{
	pthread_cond_broadcast(&b->flush.changed);
}

/* The first device that has not answered (*error is 0), or could not; NULL:
 * none. */
static const char *
board_flush_bad(const struct board *b, int *error)
{
	*error = 0;
	for (unsigned int i = 0; i < b->devices; i++) {
		const struct virtio_device *v = b->device[i];

		if (virtio_is_flushing(v))
			return virtio_name(v);
		if ((*error = virtio_flush_error(v)) != 0)
			return virtio_name(v);
	}
	return NULL;
}

int
board_flush(struct board *b, int ms, int (*tick)(void *arg), void *arg,
    const char **name)
{
	int64_t until = clock_ms() + ms;
	int error;

	pthread_mutex_lock(&b->lock);
	for (unsigned int i = 0; i < b->devices; i++)
		virtio_flush(b->device[i]);
	while ((*name = board_flush_bad(b, &error)) != NULL && error == 0) {
		if (ms >= 0 && clock_ms() >= until) {
			error = ETIMEDOUT;
			break;
		}
		thread_cond_wait(&b->flush.changed, &b->lock,
		    (uint64_t)clock_ns() + TICK_NS);
		pthread_mutex_unlock(&b->lock);
		error = tick(arg) == -1 ? errno : 0;
		pthread_mutex_lock(&b->lock);
		if (error != 0)
			break;
	}
	pthread_mutex_unlock(&b->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}
