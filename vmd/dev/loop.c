/* SPDX-License-Identifier: ISC */
/* The event loop of a device process: see loop.h. */
#include "dev/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <stdlib.h>

#include "ipc/clock.h"

#define POLL_FIRST_US 4

struct loop {
	struct event_base *base;
	bool own_base;
	bool end;
	struct loop_idle *idle;
	uint32_t max_us;
	uint32_t poll_us; /* 0 to max_us: adapts */
};

struct loop *
loop_new(struct event_base *base)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->own_base = base == NULL;
	l->base = base != NULL ? base : event_base_new();
	if (l->base == NULL) {
		free(l);
		errno = ENOMEM;
		return NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->own_base)
		event_base_free(l->base);
	free(l);
}

static void
loop_ready(int fd, short events, void *arg)
{
	struct loop_source *s = arg;

	(void)fd;
	(void)events;
	s->ready(s->arg);
}

int
loop_add(struct loop *l, struct loop_source *s, unsigned int what)
{
	short events = EV_PERSIST;

	if (s->event != NULL && s->what == what)
		return 0;
	loop_remove(l, s);
	if (what & LOOP_IN)
		events |= EV_READ;
	if (what & LOOP_OUT)
		events |= EV_WRITE;
	if (what & LOOP_EDGE)
		events |= EV_ET;
	s->event = event_new(l->base, s->fd, events, loop_ready, s);
	if (s->event == NULL || event_add(s->event, NULL) == -1) {
		loop_remove(l, s);
		return -1;
	}
	s->what = what;
	return 0;
}

void
loop_remove(struct loop *l, struct loop_source *s)
{
	(void)l;
	if (s->event != NULL)
		event_free(s->event);
	s->event = NULL;
}

static void
loop_timer_ready(int fd, short events, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd;
	(void)events;
	t->ready(t->arg);
}

int
loop_set_timer(struct loop *l, struct loop_timer *t, unsigned int ms)
{
	const struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	if (t->event == NULL)
		t->event = evtimer_new(l->base, loop_timer_ready, t);
	if (t->event == NULL) {
		errno = ENOMEM;
		return -1;
	}
	return evtimer_add(t->event, &tv);
}

void
loop_clear_timer(struct loop *l, struct loop_timer *t)
{
	(void)l;
	if (t->event != NULL)
		event_free(t->event);
	t->event = NULL;
}

void
loop_add_idle(struct loop *l, struct loop_idle *idle)
{
	idle->next = l->idle;
	l->idle = idle;
}

void
loop_remove_idle(struct loop *l, struct loop_idle *idle)
{
	struct loop_idle **p = &l->idle;

	while (*p != NULL && *p != idle)
		p = &(*p)->next;
	if (*p != NULL)
		*p = idle->next;
}

void
loop_set_poll(struct loop *l, uint32_t max_us)
{
	cpu_set_t cpus;

	/* With one processor, nobody works while we poll. */
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 &&
	    CPU_COUNT(&cpus) == 1)
		max_us = 0;
	l->max_us = max_us;
	l->poll_us = 0;
}

static bool
loop_poll(struct loop *l)
{
	bool work = false;

	for (struct loop_idle *i = l->idle; i != NULL; i = i->next)
		work |= i->poll(i->arg);
	return work;
}

/* Polls until there was work or the time is over. */
static bool
loop_poll_while(struct loop *l, int64_t start)
{
	do {
		for (unsigned int i = 0; i < 16; i++) {
			if (loop_poll(l))
				return true;
			__builtin_ia32_pause();
		}
	} while (clock_us() - start < l->poll_us);
	return false;
}

static bool
loop_sleep(struct loop *l)
{
	bool work = false;

	for (struct loop_idle *i = l->idle; i != NULL; i = i->next)
		work |= i->sleep(i->arg);
	return work;
}

/*
 * Polling pays when waits are short, so it gets longer until it catches the
 * end of one.  What is not caught by the longest polling, although the wait
 * was short, will not be: the processor that would end it may be this one.
 */
static void
loop_adapt(struct loop *l, int64_t waited_us)
{
	if (waited_us > l->max_us || l->poll_us == l->max_us)
		l->poll_us = 0;
	else if (l->poll_us == 0)
		l->poll_us = POLL_FIRST_US;
	else
		l->poll_us =
		    l->poll_us * 2 < l->max_us ? l->poll_us * 2 : l->max_us;
}

void
loop_once(struct loop *l, bool may_sleep)
{
	int64_t start = l->max_us != 0 ? clock_us() : 0;
	bool work;

	work = l->poll_us != 0 ? loop_poll_while(l, start) : loop_poll(l);
	if (work || loop_sleep(l) || !may_sleep) {
		event_base_loop(l->base, EVLOOP_NONBLOCK);
		return;
	}
	/* Nothing to wait for: there is nobody left to serve. */
	if (event_base_loop(l->base, EVLOOP_ONCE) == 1)
		l->end = true;
	if (l->max_us != 0)
		loop_adapt(l, clock_us() - start);
}

void
loop_run(struct loop *l)
{
	l->end = false;
	while (!l->end)
		loop_once(l, true);
}

void
loop_end(struct loop *l)
{
	l->end = true;
}
