/* SPDX-License-Identifier: ISC */
/*
 * The debugger of a VM; see debug.h.  Runs in the VM process.
 *
 * The socket's mode lets in the VM's owner and root; who came is looked at
 * here once more.  This process often lives in a user namespace, where other
 * users have no number and look all alike, which is the best that it can tell
 * then: the owner of the socket and whoever made it are seen the same way.
 */
#include "role/debug.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "role/board.h"
#include "role/hold.h"
#include "role/vcpus.h"
#include "role/watch.h"
#include "vmm.h"
#include "vmm_gdb.h"

/* An answer in gdb's protocol, which gdb shows to its user. */
static const char busy[] = "+$E.another debugger has this VM#c0";

/* --- the guest stands, and goes on -----------------------------------------
 */

/* All vCPUs stand: because libvmm's server asked for it, or for good. */
static void
debug_still(void *arg)
{
	struct debug *d = arg;
	char detail[VMD_DETAIL_MAX];
	struct vcpu *crashed;
	enum vm_end reason;

	if (vcpus_ended(d->vcpus, &reason, detail)) {
		if (d->told || !vm_gdb_is_attached(d->gdb))
			return;
		d->told = true;
		if ((crashed = vcpus_crashed(d->vcpus)) != NULL)
			vm_gdb_crashed(d->gdb, crashed, detail);
		else
			vm_gdb_ended(d->gdb);
	} else if (d->asked) {
		d->asked = false;
		vm_gdb_stopped(d->gdb);
	}
	debugwire_check(&d->wire);
}

/* From the main thread or from a vCPU's, which has no lock. */
static void
debug_stop(void *arg)
{
	struct debug *d = arg;
	bool main = pthread_equal(pthread_self(), d->main);

	if (!main)
		pthread_mutex_lock(&d->board->lock);
	d->asked = true;
	hold_take(d->hold, HOLD_DEBUG, debug_still, d);
	if (!main)
		pthread_mutex_unlock(&d->board->lock);
}

static void
debug_resume(void *arg)
{
	struct debug *d = arg;

	hold_drop(d->hold, HOLD_DEBUG);
}

static void
debug_send(void *arg, const void *buf, size_t len)
{
	struct debug *d = arg;

	debugwire_send(&d->wire, buf, len);
}

static void
debug_detached(void *arg)
{
	struct debug *d = arg;

	log_info("vm", "the debugger has left");
	debugwire_close(&d->wire);
	watch_change(d->board->watches, d->listen_watch, EPOLLIN);
	if (d->ending)
		d->over(d->arg);
}

bool
debug_is_attached(const struct debug *d)
{
	return d->gdb != NULL && vm_gdb_is_attached(d->gdb);
}

bool
debug_keeps(struct debug *d, void (*over)(void *arg), void *arg)
{
	if (!debug_is_attached(d))
		return false;
	if (!d->ending) {
		d->ending = true;
		d->over = over;
		d->arg = arg;
		hold_take(d->hold, HOLD_DEBUG, debug_still, d);
	}
	return true;
}

void
debug_wait(struct debug *d)
{
	if (d->gdb != NULL)
		hold_take(d->hold, HOLD_DEBUG, debug_still, d);
}

/* --- clients ---------------------------------------------------------------
 */

static void
debug_input(void *arg, const void *buf, size_t len)
{
	struct debug *d = arg;

	vm_gdb_input(d->gdb, buf, len);
}

static void
debug_gone(void *arg)
{
	struct debug *d = arg;

	debugwire_close(&d->wire);
	vm_gdb_hangup(d->gdb);
}

static void
debug_refused_input(void *arg, const void *buf, size_t len)
{
	(void)arg;
	(void)buf;
	(void)len;
}

static void
debug_refused_gone(void *arg)
{
	struct debug *d = arg;

	debugwire_close(&d->refused);
}

/* gdb reads an answer only after it has asked, and acknowledges it: until it
 * goes the connection stays, with nothing more to read.  One such is enough;
 * it makes room for the next. */
static void
debug_refuse(struct debug *d, int fd)
{
	debugwire_close(&d->refused);
	if (debugwire_open(&d->refused, fd) == -1)
		return;
	debugwire_send(&d->refused, busy, sizeof(busy) - 1);
	shutdown(fd, SHUT_WR);
}

static bool
debug_may(struct debug *d, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return false;
	if (peer.uid == d->owner || peer.uid == 0 || peer.uid == d->daemon)
		return true;
	log_guest(&d->denied, "vm", "debugger of uid %u refused", peer.uid);
	return false;
}

static void
debug_accept(void *arg, uint32_t events)
{
	struct debug *d = arg;
	int fd;

	(void)events;
	/* The last one is gone, but not its breakpoints: not yet. */
	if (vm_gdb_is_attached(d->gdb) && !debugwire_is_alive(&d->wire)) {
		watch_change(d->board->watches, d->listen_watch, 0);
		return;
	}
	fd = accept4(d->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1)
		return;
	if (!debug_may(d, fd)) {
		close(fd);
		return;
	}
	if (vm_gdb_is_attached(d->gdb)) {
		debug_refuse(d, fd);
		return;
	}
	if (debugwire_open(&d->wire, fd) == -1) {
		log_warn("vm", "debugger");
		return;
	}
	log_info("vm", "a debugger has come");
	if (vm_gdb_attach(d->gdb) == -1)
		debugwire_close(&d->wire);
	debugwire_check(&d->wire);
}

/* --- starting --------------------------------------------------------------
 */

/* Whose the socket is, and whose the daemon that made it. */
static int
debug_owners(struct debug *d)
{
	struct ucred listener;
	socklen_t len = sizeof(listener);
	struct stat sb;

	if (fstat(d->listen_fd, &sb) == -1 ||
	    getsockopt(
		d->listen_fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) == -1)
		return -1;
	d->owner = sb.st_uid;
	d->daemon = listener.uid;
	return 0;
}

int
debug_init(struct debug *d, struct board *board, struct vcpus *vcpus,
    struct hold *hold, int listen_fd)
{
	const struct vm_gdb_host host = { .size = sizeof(host),
		.send = debug_send,
		.stop = debug_stop,
		.resume = debug_resume,
		.detach = debug_detached };

	d->board = board;
	d->vcpus = vcpus;
	d->hold = hold;
	d->listen_fd = listen_fd;
	d->main = pthread_self();
	debugwire_init(&d->wire, board->watches);
	debugwire_init(&d->refused, board->watches);
	d->wire.input = debug_input;
	d->wire.gone = debug_gone;
	d->refused.input = debug_refused_input;
	d->refused.gone = debug_refused_gone;
	d->wire.arg = d->refused.arg = d;
	if (listen_fd == -1)
		return 0;
	if (debug_owners(d) == -1 ||
	    vm_gdb_create(board->vm, &host, d, &d->gdb) == -1)
		return -1;
	vcpus->gdb = d->gdb;
	d->listen_watch =
	    watch_add(board->watches, listen_fd, EPOLLIN, debug_accept, d);
	return d->listen_watch != NULL ? 0 : -1;
}
