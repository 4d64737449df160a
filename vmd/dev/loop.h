/* SPDX-License-Identifier: ISC */
/*
 * The event loop of a device process: libevent, and before a sleep a while of
 * polling that adapts to how soon work came in the past, so that a busy ring is
 * served without notifications.
 *
 * Runs in blk, net and rng processes, in their main thread.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;
struct loop;

#define LOOP_IN 0x01
#define LOOP_OUT 0x02
/* Told once per change, not while it lasts: an eventfd need not be read. */
#define LOOP_EDGE 0x04

/* In the owner's memory, while added; zeroed at first. */
struct loop_source {
	int fd; /* borrowed */
	void (*ready)(void *arg);
	void *arg;
	struct event *event;
	unsigned int what;
};

/* In the owner's memory, zeroed at first but for ready and arg. */
struct loop_timer {
	void (*ready)(void *arg);
	void *arg;
	struct event *event; /* while set */
};

/* Somebody with work that nothing announces. */
struct loop_idle {
	/* Does what there is to do; true when there was something. */
	bool (*poll)(void *arg);
	/* Before a sleep: has the work announced from now on.  True when there
	 * is some already; then there is no sleep. */
	bool (*sleep)(void *arg);
	void *arg;
	struct loop_idle *next;
};

/* base is borrowed; NULL: one of its own.  Returns owned; NULL with errno. */
struct loop *loop_new(struct event_base *base);
void loop_free(struct loop *);
/* what: LOOP_*.  Adding again changes it.  -1 with errno. */
int loop_add(struct loop *, struct loop_source *, unsigned int what);
void loop_remove(struct loop *, struct loop_source *);
/* Calls ready once, in ms milliseconds; setting it again changes that.  -1 with
 * errno. */
int loop_set_timer(struct loop *, struct loop_timer *, unsigned int ms);
void loop_clear_timer(struct loop *, struct loop_timer *);
/* Borrows the hook until it is removed. */
void loop_add_idle(struct loop *, struct loop_idle *);
void loop_remove_idle(struct loop *, struct loop_idle *);
/* Longest time to poll before a sleep; 0, the default, never polls.  Nor does a
 * process that has one processor only. */
void loop_set_poll(struct loop *, uint32_t max_us);
/* Runs until loop_end. */
void loop_run(struct loop *);
/* One round: at most one sleep, if may_sleep, and what is ready then. */
void loop_once(struct loop *, bool may_sleep);
void loop_end(struct loop *);

#endif /* LOOP_H */
