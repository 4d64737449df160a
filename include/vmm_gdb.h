/* SPDX-License-Identifier: ISC */
/*
 * A server of gdb's remote protocol for a VM: bytes of a client go in, bytes
 * for it come out by a callback.  It has no thread and no descriptor, and never
 * waits; the program that runs the vCPUs stops them and lets them go when it
 * is asked to.  Each vCPU is a thread to gdb, number id + 1.
 *
 * Threads: vm_gdb_exit() and vm_gdb_may_run() are for the vCPUs' threads, at
 * any time.  All other functions are called by one thread at a time, called
 * "the debugger's thread" below.  No callback is made with a lock held.
 *
 * The client is hostile input as a guest is: what it sends is bounded and
 * checked, and it reaches nothing but its VM.
 */
#ifndef VMM_GDB_H
#define VMM_GDB_H

#include <stdbool.h>
#include <stddef.h>

struct vcpu;
struct vm;
struct vm_exit;
struct vm_gdb;

/* What the program that runs the vCPUs does for the server. */
struct vm_gdb_host {
	size_t size; /* sizeof(struct vm_gdb_host) */

	/*
	 * Bytes for the client, to be sent in order; borrowed for the call.
	 * In the debugger's thread, from within any of its functions.  One
	 * that cannot be sent means vm_gdb_hangup(), but not from in here.
	 */
	void (*send)(void *arg, const void *buf, size_t len);

	/*
	 * Stop all vCPUs, with their last exits completed (vcpu_complete());
	 * when they stand, call vm_gdb_stopped() in the debugger's thread.
	 * Comes in the debugger's thread or, from vm_gdb_exit(), in a vCPU's;
	 * vm_gdb_stopped() may be called from in here if it is the former.
	 * Called once until resume().
	 */
	void (*stop)(void *arg);

	/*
	 * Lets those vCPUs go on for which vm_gdb_may_run() is true.  In the
	 * debugger's thread.
	 */
	void (*resume)(void *arg);

	/*
	 * The client let go (detach, kill, hang-up): no breakpoint is left,
	 * the guest has been resumed unless it crashed.  Close the connection
	 * if it still is open; a next vm_gdb_attach() is possible from now on,
	 * but not from in here, nor vm_gdb_destroy().  In the debugger's
	 * thread, once per attach.
	 */
	void (*detach)(void *arg);
};

/*
 * Makes the server of a VM; host is copied, arg is passed to its callbacks.
 * Borrows vm, whose vCPUs are open and stay so until vm_gdb_destroy().
 * EINVAL: host's size.
 */
int vm_gdb_create(struct vm *vm, const struct vm_gdb_host *host, void *arg,
    struct vm_gdb **gp);

/*
 * Takes the server, while no vCPU runs; makes no callback.  What breakpoints
 * there are is removed.  NULL is allowed.
 */
void vm_gdb_destroy(struct vm_gdb *g);

/*
 * A client has connected: asks for a stop.  What it says meanwhile may be
 * given to vm_gdb_input() at once.  EBUSY: there is one already, or the last
 * one has not let go yet (see detach).
 */
int vm_gdb_attach(struct vm_gdb *g);

/* Bytes from the client; borrowed for the call.  Without a client ignored. */
void vm_gdb_input(struct vm_gdb *g, const void *buf, size_t len);

/*
 * The connection is gone: nothing more is sent.  Breakpoints are removed,
 * for which the vCPUs are stopped if they run; then comes detach().
 */
void vm_gdb_hangup(struct vm_gdb *g);

/* Whether there is a client, or one that is letting go. */
bool vm_gdb_is_attached(const struct vm_gdb *g);

/*
 * For each VM_EXIT_DEBUG and VM_EXIT_INTERNAL_ERROR, in the vCPU's thread,
 * before anything else is done about it.  True: it was the debugger's; a stop
 * has been asked for, and the vCPU must not run before resume().  False: it
 * was not; for VM_EXIT_DEBUG everything has been done (the guest gets its own
 * exception) and the vCPU is run on, VM_EXIT_INTERNAL_ERROR is the caller's.
 */
bool vm_gdb_exit(
    struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit);

/*
 * Whether this vCPU may run, as far as the debugger is concerned: while it
 * steps one vCPU, the others stand.  Any thread.  True without a client.
 */
bool vm_gdb_may_run(const struct vm_gdb *g, const struct vcpu *vcpu);

/* All vCPUs stand still after stop(): this thread may use them. */
void vm_gdb_stopped(struct vm_gdb *g);

/*
 * The guest has crashed (vcpu, for a reason in words, which is copied) and
 * all vCPUs stand, for good: whether stop() was called or not.  The client,
 * present or future, may read and not write; nothing is resumed any more,
 * detach() says when it has seen enough.  Without a client nothing happens
 * until one attaches.
 */
void vm_gdb_crashed(struct vm_gdb *g, struct vcpu *vcpu, const char *why);

/*
 * The guest has ended in good order: the client is told so, and detach()
 * follows from in here.  No vCPU runs any more.
 */
void vm_gdb_ended(struct vm_gdb *g);

#endif /* VMM_GDB_H */
