/* SPDX-License-Identifier: ISC */
/*
 * Threads of the VM process that do what may take its time: they write or read
 * files of clients, and ask the main thread for all else.  And what threads
 * wait for with a limit.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdint.h>

/* Has run(arg) run in a thread of that name (15 characters at most), which
 * nobody joins, with a stack of 256 KiB.  0, or -1 with errno. */
int thread_begin(const char *name, void *(*run)(void *arg), void *arg);

/* A condition whose limits are times of CLOCK_MONOTONIC, as all are here. */
void thread_cond_init(pthread_cond_t *);
/* As pthread_cond_timedwait(3), until that time. */
int thread_cond_wait(
    pthread_cond_t *, pthread_mutex_t *lock, uint64_t until_ns);

#endif /* THREAD_H */
