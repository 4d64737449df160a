/* SPDX-License-Identifier: ISC */
/*
 * Threads that compress: what is given to them is done side by side, each piece
 * on its own, and whoever gave it waits for the piece it wants next.
 *
 * Threads are made once, by state_workers_new(): a process that may not make
 * any later makes them early, and they sleep and hold no memory but their
 * stacks until they are used.  They touch nothing but the pieces, and every
 * signal is blocked in them.
 */
#ifndef STATE_WORKERS_H
#define STATE_WORKERS_H

#include <stddef.h>

#define STATE_WORKERS_MAX 8U

struct state_workers;

enum state_job_state { STATE_JOB_IDLE, STATE_JOB_QUEUED, STATE_JOB_RUNNING };

/* A piece; nobody but the workers touches it, its source and its destination
 * between state_workers_begin() and the end of state_workers_wait(). */
struct state_job {
	const void *src;
	size_t len;
	void *dst; /* where the frame goes, which is to be smaller than cap */
	size_t cap;
	int level;
	size_t packed; /* how long it is; 0: it would take cap or more */
	enum state_job_state state; /* the workers' */
	struct state_job *next; /* the workers' */
};

/* Does a job right here with a ZSTD_CCtx (borrowed); without one it is not
 * packed. */
void state_job_do(struct state_job *, void *ctx);

/* One for each processor that this thread may run on, up to the most. */
unsigned int state_workers_default(void);
/* Makes that many threads, 1 to STATE_WORKERS_MAX.  Returns owned; NULL with
 * errno. */
struct state_workers *state_workers_new(unsigned int count);
/* Ends the threads, which have nothing to do any more.  NULL is allowed. */
void state_workers_free(struct state_workers *);
unsigned int state_workers_count(const struct state_workers *);

/* Who is going to give them work says so, and when there will be no more: then
 * they let go of what they keep for it. */
void state_workers_take(struct state_workers *);
void state_workers_drop(struct state_workers *);

/* Any thread; job (borrowed) until it has been waited for. */
void state_workers_begin(struct state_workers *, struct state_job *job);
/* Returns when the job is done; at once if it was never begun. */
void state_workers_wait(struct state_workers *, struct state_job *job);
/* The same, but a job that nobody has begun with is not done at all. */
void state_workers_cancel(struct state_workers *, struct state_job *job);

#endif /* STATE_WORKERS_H */
