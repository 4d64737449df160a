/* SPDX-License-Identifier: ISC */
/*
 * Threads that compress; see state_workers.h.
 *
 * One lock guards the queue and the state of every job.  A worker has a context
 * of its own, which it makes when it needs one; if there is no memory for that,
 * pages stay as they are, and nothing fails.
 */
#include "image/state_workers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zstd.h>

#define STACK ((size_t)512 << 10)

struct state_workers {
	pthread_mutex_t lock;
	pthread_cond_t work; /* something to do, or to let go of */
	pthread_cond_t done; /* a job is no longer queued or running */
	struct state_job *first, *last;
	unsigned int users;
	bool ending;
	unsigned int count;
	pthread_t thread[STATE_WORKERS_MAX];
};

unsigned int
state_workers_default(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1				  ? 1
	    : (unsigned int)n > STATE_WORKERS_MAX ? STATE_WORKERS_MAX
						  : (unsigned int)n;
}

void
state_job_do(struct state_job *job, void *ctx)
{
	size_t n;

	job->packed = 0;
	if (ctx == NULL)
		return;
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, job->level);
	n = ZSTD_compress2(ctx, job->dst, job->cap, job->src, job->len);
	if (!ZSTD_isError(n) && n < job->cap)
		job->packed = n;
}

/* Takes the first job.  NULL: there is none. */
static struct state_job *
workers_pop(struct state_workers *ws)
{
	struct state_job *job = ws->first;

	if (job == NULL)
		return NULL;
	ws->first = job->next;
	if (ws->first == NULL)
		ws->last = NULL;
	job->next = NULL;
	job->state = STATE_JOB_RUNNING;
	return job;
}

static void *
workers_thread(void *arg)
{
	struct state_workers *ws = arg;
	ZSTD_CCtx *ctx = NULL;
	struct state_job *job;

	pthread_mutex_lock(&ws->lock);
	while (!ws->ending) {
		if ((job = workers_pop(ws)) == NULL) {
			if (ws->users == 0) {
				ZSTD_freeCCtx(ctx);
				ctx = NULL;
			}
			pthread_cond_wait(&ws->work, &ws->lock);
			continue;
		}
		pthread_mutex_unlock(&ws->lock);
		if (ctx == NULL)
			ctx = ZSTD_createCCtx();
		state_job_do(job, ctx);
		pthread_mutex_lock(&ws->lock);
		job->state = STATE_JOB_IDLE;
		pthread_cond_broadcast(&ws->done);
	}
	pthread_mutex_unlock(&ws->lock);
	ZSTD_freeCCtx(ctx);
	return NULL;
}

static int
workers_start(struct state_workers *ws, unsigned int count)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (error = 0; ws->count < count; ws->count++) {
		error = pthread_create(
		    &ws->thread[ws->count], &attr, workers_thread, ws);
		if (error != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	errno = error;
	return error != 0 ? -1 : 0;
}

struct state_workers *
state_workers_new(unsigned int count)
{
	struct state_workers *ws;
	int saved;

	if (count == 0 || count > STATE_WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if ((ws = calloc(1, sizeof(*ws))) == NULL)
		return NULL;
	pthread_mutex_init(&ws->lock, NULL);
	pthread_cond_init(&ws->work, NULL);
	pthread_cond_init(&ws->done, NULL);
	if (workers_start(ws, count) == -1) {
		saved = errno;
		state_workers_free(ws);
		errno = saved;
		return NULL;
	}
	return ws;
}

void
state_workers_free(struct state_workers *ws)
{
	if (ws == NULL)
		return;
	pthread_mutex_lock(&ws->lock);
	ws->ending = true;
	pthread_cond_broadcast(&ws->work);
	pthread_mutex_unlock(&ws->lock);
	for (unsigned int i = 0; i < ws->count; i++)
		pthread_join(ws->thread[i], NULL);
	pthread_cond_destroy(&ws->done);
	pthread_cond_destroy(&ws->work);
	pthread_mutex_destroy(&ws->lock);
	free(ws);
}

unsigned int
state_workers_count(const struct state_workers *ws)
{
	return ws->count;
}

void
state_workers_take(struct state_workers *ws)
{
	pthread_mutex_lock(&ws->lock);
	ws->users++;
	pthread_mutex_unlock(&ws->lock);
}

void
state_workers_drop(struct state_workers *ws)
{
	pthread_mutex_lock(&ws->lock);
	ws->users--;
	pthread_cond_broadcast(&ws->work);
	pthread_mutex_unlock(&ws->lock);
}

void
state_workers_begin(struct state_workers *ws, struct state_job *job)
{
	pthread_mutex_lock(&ws->lock);
	job->state = STATE_JOB_QUEUED;
	job->next = NULL;
	if (ws->last != NULL)
		ws->last->next = job;
	else
		ws->first = job;
	ws->last = job;
	pthread_cond_signal(&ws->work);
	pthread_mutex_unlock(&ws->lock);
}

void
state_workers_wait(struct state_workers *ws, struct state_job *job)
{
	pthread_mutex_lock(&ws->lock);
	while (job->state != STATE_JOB_IDLE)
		pthread_cond_wait(&ws->done, &ws->lock);
	pthread_mutex_unlock(&ws->lock);
}

/* Takes a job that is queued out of the queue. */
static void
workers_unlink(struct state_workers *ws, struct state_job *job)
{
	struct state_job **at = &ws->first, *before = NULL;

	for (; *at != job; at = &(*at)->next)
		before = *at;
	*at = job->next;
	if (ws->last == job)
		ws->last = before;
	job->state = STATE_JOB_IDLE;
	job->packed = 0;
}

void
state_workers_cancel(struct state_workers *ws, struct state_job *job)
{
	pthread_mutex_lock(&ws->lock);
	if (job->state == STATE_JOB_QUEUED)
		workers_unlink(ws, job);
	while (job->state != STATE_JOB_IDLE)
		pthread_cond_wait(&ws->done, &ws->lock);
	pthread_mutex_unlock(&ws->lock);
}
