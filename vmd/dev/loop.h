/* SPDX-License-Identifier: ISC */
/*
 * The event loop of a device process: epoll and nothing else.
 *
 * Runs in blk, net and rng processes, one thread.  Eventfds of queues are added
 * edge-triggered, so that a notification costs no read(2).  Before it sleeps
 * the loop asks idle hooks for work for a while that adapts to how soon work
 * came in the past: a busy ring is then served without any notification.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* In the owner's memory, while added. */
struct loop_source {
	int fd; /* borrowed */
	void (*ready)(void *arg, uint32_t events); /* EPOLL* bits */
	void *arg;
	bool added;
};

/* Asked before sleeping; true when it found (and did) work. */
struct loop_idle {
	bool (*poll)(void *arg);
	void *arg;
	struct loop_idle *next;
};

/* Returns owned; NULL with errno. */
struct loop *loop_new(void);
void loop_free(struct loop *);
/* events as for epoll_ctl(2).  Adding again changes the events.  -1 with
 * errno. */
int loop_add(struct loop *, struct loop_source *, uint32_t events);
void loop_remove(struct loop *, struct loop_source *);
/* Borrows the hook until loop_free. */
void loop_add_idle(struct loop *, struct loop_idle *);
/* Longest time to poll before a sleep; 0, the default, never polls. */
void loop_set_poll(struct loop *, uint32_t max_us);
/* Runs until loop_end.  -1 with errno. */
int loop_run(struct loop *);
/* Waits at most timeout_ms (-1: for ever) and serves what is ready once. */
int loop_once(struct loop *, int timeout_ms);
void loop_end(struct loop *);

#endif /* LOOP_H */
