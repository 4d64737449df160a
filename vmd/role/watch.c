/* SPDX-License-Identifier: ISC */
/*
 * The event loop of the VM process; see watch.h.
 */
#include "role/watch.h"

#include <sys/epoll.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/log.h"

struct watch {
	int fd; /* -1: free */
	/* Goes up with each use of the slot: an event that epoll_wait(2)
	 * returned for an earlier use is recognised and dropped. */
	uint32_t generation;
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

struct watches {
	pthread_mutex_t *lock;
	int epoll_fd;
	struct watch watch[WATCH_MAX];
};

struct watches *
watches_new(pthread_mutex_t *lock)
{
	struct watches *ws = calloc(1, sizeof(*ws));

	if (ws == NULL || (ws->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		fatal("vm", "event loop");
	ws->lock = lock;
	for (unsigned int i = 0; i < WATCH_MAX; i++)
		ws->watch[i].fd = -1;
	return ws;
}

static int
watch_control(struct watches *ws, struct watch *w, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	ev.data.u64 = (uint64_t)w->generation << 32 | (uint64_t)(w - ws->watch);
	return epoll_ctl(ws->epoll_fd, op, w->fd, &ev);
}

struct watch *
watch_add(struct watches *ws, int fd, uint32_t events,
    void (*ready)(void *arg, uint32_t events), void *arg)
{
	struct watch *w = ws->watch;

	while (w < ws->watch + WATCH_MAX && w->fd != -1)
		w++;
	if (w == ws->watch + WATCH_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	w->fd = fd;
	w->generation++;
	w->ready = ready;
	w->arg = arg;
	if (watch_control(ws, w, EPOLL_CTL_ADD, events) == -1) {
		w->fd = -1;
		return NULL;
	}
	return w;
}

void
watch_change(struct watches *ws, struct watch *w, uint32_t events)
{
	if (watch_control(ws, w, EPOLL_CTL_MOD, events) == -1)
		log_warn("vm", "event loop");
}

void
watch_remove(struct watches *ws, struct watch *w)
{
	if (w == NULL)
		return;
	watch_control(ws, w, EPOLL_CTL_DEL, 0);
	w->fd = -1;
}

void
watches_wait(struct watches *ws)
{
	struct epoll_event ev[16];
	int n;

	n = epoll_wait(ws->epoll_fd, ev, 16, -1);
	for (int i = 0; i < n; i++) {
		struct watch *w = &ws->watch[ev[i].data.u64 % WATCH_MAX];

		pthread_mutex_lock(ws->lock);
		if (w->fd != -1 && w->generation == ev[i].data.u64 >> 32)
			w->ready(w->arg, ev[i].events);
		pthread_mutex_unlock(ws->lock);
	}
}
