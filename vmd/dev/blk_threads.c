/* SPDX-License-Identifier: ISC */
/*
 * Disk I/O by a few threads, for hosts that forbid io_uring.
 *
 * Requests go to the threads through one locked list and come back through
 * another; an eventfd tells the loop.
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "dev/blk_engine.h"

#define THREADS 4
#define STACK_SIZE (64U << 10)

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct blk_io_request *todo, **todo_end;
	struct blk_io_request *done;
	bool end;
	int fd; /* the image */
	int event;
	unsigned int nthreads;
	pthread_t thread[THREADS];
};

static void *
pool_thread(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct blk_io_request *r = p->todo;

		if (r == NULL && p->end)
			break;
		if (r == NULL) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		if ((p->todo = r->next) == NULL)
			p->todo_end = &p->todo;
		pthread_mutex_unlock(&p->lock);
		while (!blk_io_advance(r, blk_io_run(p->fd, r, 0)))
			continue;
		pthread_mutex_lock(&p->lock);
		r->next = p->done;
		__atomic_store_n(&p->done, r, __ATOMIC_RELAXED);
		eventfd_write(p->event, 1);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
pool_ready(void *arg)
{
	struct blk_io *io = arg;

	io->engine->poll(io);
}

static int
pool_start(struct pool *p)
{
	pthread_attr_t attr;
	int error = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (error == 0 && p->nthreads < THREADS) {
		error = pthread_create(
		    &p->thread[p->nthreads], &attr, pool_thread, p);
		if (error == 0)
			p->nthreads++;
	}
	pthread_attr_destroy(&attr);
	errno = error;
	return p->nthreads == 0 ? -1 : 0;
}

static void
pool_close(struct blk_io *io)
{
	struct pool *p = io->state;

	loop_remove(io->loop, &io->source);
	pthread_mutex_lock(&p->lock);
	p->end = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->nthreads; i++)
		pthread_join(p->thread[i], NULL);
	if (p->event != -1)
		close(p->event);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static int
pool_open(struct blk_io *io, unsigned int depth)
{
	struct pool *p = calloc(1, sizeof(*p));

	(void)depth;
	if (p == NULL)
		return -1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->todo_end = &p->todo;
	p->fd = io->fd;
	p->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	io->state = p;
	io->source = (struct loop_source) {
		.fd = p->event, .ready = pool_ready, .arg = io
	};
	if (p->event == -1 || pool_start(p) == -1 ||
	    loop_add(io->loop, &io->source, LOOP_IN | LOOP_EDGE) == -1) {
		int error = errno;

		pool_close(io);
		errno = error;
		return -1;
	}
	return 0;
}

static void
pool_submit(struct blk_io *io, struct blk_io_request *r)
{
	struct pool *p = io->state;

	pthread_mutex_lock(&p->lock);
	r->next = NULL;
	*p->todo_end = r;
	p->todo_end = &r->next;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

static void
pool_commit(struct blk_io *io)
{
	/* They have begun already. */
	(void)io;
}

static bool
pool_poll(struct blk_io *io)
{
	struct pool *p = io->state;
	struct blk_io_request *done, *next;

	if (__atomic_load_n(&p->done, __ATOMIC_RELAXED) == NULL)
		return false;
	pthread_mutex_lock(&p->lock);
	done = p->done;
	__atomic_store_n(&p->done, NULL, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&p->lock);
	for (struct blk_io_request *r = done; r != NULL; r = next) {
		next = r->next;
		io->done(io->arg, r);
	}
	return done != NULL;
}

const struct blk_engine blk_threads = {
	.name = "threads",
	.open = pool_open,
	.close = pool_close,
	.submit = pool_submit,
	.commit = pool_commit,
	.poll = pool_poll,
};
