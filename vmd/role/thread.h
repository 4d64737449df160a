/* SPDX-License-Identifier: ISC */
/*
 * Threads of the VM process that do what may take its time: they write or read
 * files of clients, and ask the main thread for all else.
 */
#ifndef THREAD_H
#define THREAD_H

/* Has run(arg) run in a thread of that name (15 characters at most), which
 * nobody joins, with a stack of 256 KiB.  0, or -1 with errno. */
int thread_begin(const char *name, void *(*run)(void *arg), void *arg);

#endif /* THREAD_H */
