/* SPDX-License-Identifier: ISC */
/*
 * Dumps of the guest: for a client that sent a file, and of a crash into the
 * file that was there from the start.
 *
 * Runs in the VM process.  The guest is held only while it is read.  A thread
 * writes, for a client's file may take as long as it likes; the rest belongs to
 * the main thread, with the machine lock.  One dump at a time; a client that
 * leaves gets nothing more, and the guest goes on at once.
 */
#ifndef DUMP_H
#define DUMP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm_error.h"

struct board;
struct child;
struct hold;
struct msg;
struct vmspec;

/* Where a dump is. */
enum dump_phase {
	DUMP_NONE,
	DUMP_HOLDING, /* the guest is about to stand still */
	DUMP_WRITING,
	DUMP_LEFT /* nobody wants it any more; the thread is still at it */
};

struct dump {
	struct child *child;
	struct board *board;
	struct hold *hold;
	enum dump_phase phase;
	uint32_t client; /* 0: a crash */
	int64_t began_ms;
	int crash_fd; /* owned; -1: none, or written */
	void (*crash_done)(void *arg); /* set: the guest has crashed */
	void *crash_arg;
	void *note; /* owned: the guest's VMCOREINFO; NULL: none */
	size_t note_len;
	int event_fd; /* the thread has got further */

	pthread_mutex_t lock; /* of what follows, with the thread */
	pthread_cond_t wake;
	int fd; /* owned, by the thread from go to ended; -1: none */
	bool go;
	bool cancel;
	bool read; /* the thread does not touch vCPUs any more */
	bool ended;
	int error; /* errno of the end, 0: the file is complete */
	uint64_t done, total; /* bytes of memory */
};

/* Makes the thread; borrows all but the VM_FILE_CRASH of spec, which it takes.
 * -1 with errno. */
int dump_init(struct dump *, struct child *, struct board *, struct hold *,
    struct vmspec *);
/* A client's VM_DUMP; takes its descriptor, unless the client is refused. */
void dump_ask(struct dump *, struct msg *);
/* Ends the dump of that client (0: any dump, that of a crash as well), which
 * is told why; others go on. */
void dump_cancel(struct dump *, uint32_t client, enum vm_error why);
/*
 * The guest has crashed, and its vCPUs stop: dumps it, then calls done(arg)
 * from the main thread.  false: there is no file for that, and no call.
 */
bool dump_crash(struct dump *, void (*done)(void *arg), void *arg);

#endif /* DUMP_H */
