/* SPDX-License-Identifier: ISC */
/*
 * The debugger of a VM: who comes to its socket, and libvmm's server of gdb's
 * protocol between that client and the vCPUs.
 *
 * Runs in the VM process.  Everything here wants the machine lock and, but
 * for what the server calls from a vCPU's thread, is the main thread's.  The
 * debugger holds the guest by HOLD_DEBUG; while one has it, an end of the
 * guest waits until the debugger has seen it.
 */
#ifndef DEBUG_H
#define DEBUG_H

#include <sys/types.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/log.h"
#include "role/debugwire.h"

struct board;
struct hold;
struct vcpus;
struct vm_gdb;

struct debug {
	struct board *board;
	struct vcpus *vcpus;
	struct hold *hold;
	struct vm_gdb *gdb; /* owned; NULL: this VM has no debugger */
	pthread_t main; /* the thread of the loop */
	int listen_fd; /* owned */
	struct watch *listen_watch;
	uid_t owner; /* as seen from this process: see debug.c */
	uid_t daemon;
	struct debugwire wire; /* with the debugger */
	struct debugwire refused; /* with one that came too many */
	struct log_limit denied;
	bool asked; /* the server waits for the guest to stand */
	bool ending; /* the guest has ended, the debugger is to know */
	bool told; /* and does */
	void (*over)(void *arg);
	void *arg;
};

/*
 * Takes listen_fd, the socket; -1: no debugger will come, and all that
 * follows does nothing.  Borrows the others; after vcpus_init() and before
 * vcpus_start().  -1 with errno.
 */
int debug_init(struct debug *, struct board *, struct vcpus *, struct hold *,
    int listen_fd);

/* Holds the guest until a debugger has come and lets it go. */
void debug_wait(struct debug *);

/* Whether a debugger has the guest. */
bool debug_is_attached(const struct debug *);

/*
 * The guest has ended (vcpus_ended()): whether a debugger is to look at it
 * first.  If so, over(arg) is called when it has; again is once.
 */
bool debug_keeps(struct debug *, void (*over)(void *arg), void *arg);

#endif /* DEBUG_H */
