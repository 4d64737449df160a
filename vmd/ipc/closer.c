/* SPDX-License-Identifier: ISC */
/*
 * The threads that close clients' descriptors; see closer.h.  They allocate
 * nothing and log nothing, so that a process that forks may have them.
 *
 * Invariant: what is in the ring is open and nobody else's.
 */
#include "ipc/closer.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "ibuf.h"

/* Those that wait behind one that hangs.  More stay open, too, and are lost. */
#define CLOSER_RING 256
#define CLOSER_STACK (64U * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool started; /* set by the thread that starts it, then read only */
	unsigned int max; /* threads */
	unsigned int threads;
	unsigned int idle; /* of these */
	unsigned int head; /* next to close */
	unsigned int count;
	int fd[CLOSER_RING];
} closer = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.more = PTHREAD_COND_INITIALIZER };

static void *
closer_thread(void *arg)
{
	int fd;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&closer.lock);
		closer.idle++;
		while (closer.count == 0)
			pthread_cond_wait(&closer.more, &closer.lock);
		closer.idle--;
		fd = closer.fd[closer.head];
		closer.head = (closer.head + 1) % CLOSER_RING;
		closer.count--;
		pthread_mutex_unlock(&closer.lock);
		close(fd);
	}
	return NULL;
}

static int
closer_thread_start(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, CLOSER_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attr, closer_thread, NULL);
	pthread_attr_destroy(&attr);
	if (error != 0) {
		errno = error;
		return -1;
	}
	pthread_setname_np(thread, "closer");
	closer.threads++;
	return 0;
}

/* A tap, a terminal, a socket is closed at once, and must be: somebody else may
 * want it next.  What the kernel knows of a file is enough to tell. */
static bool
closer_may_wait(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		   &sx) == -1 ||
	    S_ISREG(sx.stx_mode) || S_ISDIR(sx.stx_mode);
}

static void
closer_put(int fd)
{
	pthread_mutex_lock(&closer.lock);
	if (closer.count < CLOSER_RING) {
		closer.fd[(closer.head + closer.count) % CLOSER_RING] = fd;
		closer.count++;
		pthread_cond_signal(&closer.more);
	}
	/* All others hang.  One that cannot be made is made later. */
	if (closer.count > closer.idle && closer.threads < closer.max)
		closer_thread_start();
	pthread_mutex_unlock(&closer.lock);
}

void
closer_close(int fd)
{
	int saved = errno;

	if (fd == -1)
		return;
	if (closer.started && closer_may_wait(fd))
		closer_put(fd);
	else
		close(fd);
	errno = saved;
}

int
closer_start(unsigned int max)
{
	closer.max = max;
	if (closer_thread_start() == -1)
		return -1;
	closer.started = true;
	ibuf_on_close(closer_close);
	return 0;
}

unsigned int
closer_waiting(void)
{
	unsigned int count;

	pthread_mutex_lock(&closer.lock);
	count = closer.count;
	pthread_mutex_unlock(&closer.lock);
	return count;
}
