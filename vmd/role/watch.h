/* SPDX-License-Identifier: ISC */
/*
 * The event loop of the VM process: descriptors to watch, over epoll(7).
 *
 * vCPU threads add and remove watches while the main thread waits, always with
 * the machine lock held; ready functions run in the main thread with that lock
 * held, so a watch that is removed is never called again.
 */
#ifndef WATCH_H
#define WATCH_H

#include <pthread.h>
#include <stdint.h>

#define WATCH_MAX 128

struct watch;
struct watches;

/* Borrows lock, the machine lock.  Returns owned; failure is fatal. */
struct watches *watches_new(pthread_mutex_t *lock);

/*
 * Calls ready(arg, events) when fd (borrowed) has one of events (EPOLLIN,
 * EPOLLOUT; EPOLLHUP and EPOLLERR always).  NULL with errno ENOSPC or that of
 * epoll_ctl(2).
 */
struct watch *watch_add(struct watches *, int fd, uint32_t events,
    void (*ready)(void *arg, uint32_t events), void *arg);
void watch_change(struct watches *, struct watch *, uint32_t events);
/* NULL is allowed. */
void watch_remove(struct watches *, struct watch *);

/* Waits for events and calls what is ready, once.  Without the lock. */
void watches_wait(struct watches *);

#endif /* WATCH_H */
