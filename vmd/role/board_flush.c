/* SPDX-License-Identifier: ISC */
/* Writing back disks: see board_flush.h.  Runs in the VM process. */
#include "role/board_flush.h"

#include <errno.h>
#include <time.h>

#include "ipc/clock.h"
#include "pci/virtio_flush.h"
#include "role/board.h"

#define TICK_MS 100

void
board_flush_init(struct board *b)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->flush.changed, &attr);
	pthread_condattr_destroy(&attr);
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

static void
board_flush_sleep(struct board *b)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += TICK_MS * 1000000L;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&b->flush.changed, &b->lock, &end);
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
		board_flush_sleep(b);
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
