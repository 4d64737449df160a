/* SPDX-License-Identifier: ISC */
/*
 * Dumps of the guest; see dump.h.  Runs in the VM process.
 *
 * The thread sleeps until there is a descriptor, calls vm_dump() and closes the
 * descriptor; a file system of a client's making holds up nothing else.  What
 * it says it leaves under dump.lock and rings event_fd.
 */
#include "role/dump.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chip/vmcoreinfo.h"
#include "ipc/clock.h"
#include "ipc/closer.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"
#include "role/answer.h"
#include "role/board.h"
#include "role/child.h"
#include "role/hold.h"
#include "role/thread.h"
#include "vmm.h"
#include "vmm_dump.h"

/* So often a client hears how far its dump is. */
#define DUMP_REPORT_MS 250
/* What a dump has beyond the guest's RAM: ROMs, registers, the guest's note. */
#define DUMP_MORE (64ULL << 20)

/* --- the thread ------------------------------------------------------------
 */

static void
dump_ring(struct dump *d)
{
	const uint64_t one = 1;

	if (write(d->event_fd, &one, sizeof(one)) == -1)
		log_warn("dump", "eventfd");
}

/* What vm_dump() tells the thread: with 0 bytes done the registers are read. */
struct dump_report {
	struct dump *dump;
	int64_t rung_ms; /* 0: not yet */
	bool locked; /* by this thread, until then */
};

/*
 * The guest stands while its registers are read, but a debugger may have it,
 * and two threads must not use a vCPU.  Nothing of the file is touched
 * meanwhile.
 */
static void
dump_registers(struct dump_report *r, bool read)
{
	pthread_mutex_t *machine = &r->dump->board->lock;

	if (read == r->locked)
		return;
	r->locked = read;
	if (read)
		pthread_mutex_lock(machine);
	else
		pthread_mutex_unlock(machine);
}

static int
dump_progress(void *arg, uint64_t done, uint64_t total)
{
	struct dump_report *r = arg;
	struct dump *d = r->dump;
	int64_t now = clock_ms();
	bool cancel;

	dump_registers(r, false);
	pthread_mutex_lock(&d->lock);
	d->read = true;
	d->done = done;
	d->total = total;
	cancel = d->cancel;
	pthread_mutex_unlock(&d->lock);
	if (now - r->rung_ms >= DUMP_REPORT_MS || cancel) {
		r->rung_ms = now;
		dump_ring(d);
	}
	return cancel ? -1 : 0;
}

/* What the parent could not ask without a wait: is it a regular file? */
static int
dump_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode))
		return 0;
	errno = ENOTSUP;
	return -1;
}

static int
dump_write(struct dump *d, int fd)
{
	struct dump_report report = { .dump = d };
	const struct vm_dump_params params = { .size = sizeof(params),
		.vmcoreinfo = d->note,
		.vmcoreinfo_len = d->note_len,
		.progress = dump_progress,
		.arg = &report };

	int error = 0;

	if (dump_check(fd) == -1)
		return errno;
	dump_registers(&report, true);
	if (vm_dump(d->board->vm, fd, &params) == -1)
		error = errno;
	dump_registers(&report, false);
	return error;
}

static void *
dump_thread(void *arg)
{
	struct dump *d = arg;
	int fd, error;

	for (;;) {
		pthread_mutex_lock(&d->lock);
		while (!d->go)
			pthread_cond_wait(&d->wake, &d->lock);
		d->go = false;
		fd = d->fd;
		pthread_mutex_unlock(&d->lock);
		error = dump_write(d, fd);
		/* A file system may say only now that there was no room. */
		if (close(fd) == -1 && error == 0)
			error = errno;
		pthread_mutex_lock(&d->lock);
		d->fd = -1;
		d->read = d->ended = true;
		d->error = error;
		pthread_mutex_unlock(&d->lock);
		dump_ring(d);
	}
	return NULL;
}

/* --- one dump --------------------------------------------------------------
 */

/* Few guests have given one; a dump without it is good enough for gdb. */
static void
dump_note(struct dump *d)
{
	if ((d->note = malloc(VM_DUMP_VMCOREINFO_MAX)) == NULL)
		return;
	d->note_len = vmcoreinfo_copy(
	    d->board->vmcoreinfo, d->note, VM_DUMP_VMCOREINFO_MAX);
	if (d->note_len != 0)
		return;
	if (errno != ENOENT)
		log_debug(
		    "dump", "the guest's VMCOREINFO: %s", strerror(errno));
	free(d->note);
	d->note = NULL;
}

/* The guest stands still. */
static void
dump_still(void *arg)
{
	struct dump *d = arg;

	if (d->phase != DUMP_HOLDING)
		return;
	d->phase = DUMP_WRITING;
	dump_note(d);
	pthread_mutex_lock(&d->lock);
	d->go = true;
	d->cancel = d->read = d->ended = false;
	d->done = d->total = 0;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}

/* Takes fd.  The thread must have none. */
static void
dump_begin(struct dump *d, uint32_t client, int fd)
{
	d->fd = fd;
	d->phase = DUMP_HOLDING;
	d->client = client;
	d->began_ms = clock_ms();
	hold_take(d->hold, HOLD_DUMP, dump_still, d);
}

/* A guest that has crashed stands still for good. */
static void
dump_release(struct dump *d)
{
	if (hold_is_taken(d->hold, HOLD_DUMP) && d->crash_done == NULL)
		hold_drop(d->hold, HOLD_DUMP);
}

static enum vm_error
dump_vm_error(int error)
{
	switch (error) {
	case 0:
		return VM_ERROR_OK;
	case ECANCELED:
		return VM_ERROR_CANCELLED;
	case ENOTSUP:
		return VM_ERROR_FILE_TYPE;
	default:
		return VM_ERROR_FILE_WRITE;
	}
}

/* How the dump of a crash went; 0: it is complete. */
static void
dump_answer_crash(struct dump *d, int error)
{
	const struct msg_vm_dumped m = { .sys_errno = (uint32_t)error,
		.ms = (uint32_t)(clock_ms() - d->began_ms) };

	child_send(d->child, MSG_VM_DUMPED, d->child->vm_id, -1, &m, sizeof(m),
	    NULL, 0);
}

static void
dump_answer(struct dump *d, enum vm_error error, int sys_errno)
{
	if (d->client == 0)
		dump_answer_crash(d, sys_errno);
	else
		answer_end(d->child, d->client, error,
		    error == VM_ERROR_FILE_WRITE ? sys_errno : 0, "");
}

/* The thread has nothing to do: what waits for that is next. */
static void
dump_next(struct dump *d)
{
	void (*done)(void *arg) = d->crash_done;
	int fd = d->crash_fd;

	d->phase = DUMP_NONE;
	if (done == NULL)
		return;
	d->crash_fd = -1;
	if (fd != -1)
		dump_begin(d, 0, fd);
	else
		done(d->crash_arg);
}

static void
dump_ended(struct dump *d, int error)
{
	bool left = d->phase == DUMP_LEFT;

	free(d->note);
	d->note = NULL;
	d->note_len = 0;
	dump_release(d);
	if (!left)
		dump_answer(d, dump_vm_error(error), error);
	dump_next(d);
}

static void
dump_report(struct dump *d, uint64_t done, uint64_t total)
{
	const struct msg_vm_progress m = {
		.client = d->client, .done = done, .total = total
	};

	if (d->phase == DUMP_WRITING && d->client != 0)
		answer_part(d->child, MSG_VM_PROGRESS, &m);
}

static void
dump_ready(void *arg, uint32_t events)
{
	struct dump *d = arg;
	uint64_t count, done, total;
	bool ended, has_read;
	int error;

	(void)events;
	if (read(d->event_fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&d->lock);
	ended = d->ended;
	has_read = d->read;
	error = d->error;
	done = d->done;
	total = d->total;
	pthread_mutex_unlock(&d->lock);
	if (d->phase != DUMP_WRITING && d->phase != DUMP_LEFT)
		return;
	if (ended)
		dump_ended(d, error);
	else if (d->phase == DUMP_LEFT && has_read)
		dump_release(d);
	else
		dump_report(d, done, total);
}

/* --- what others ask -------------------------------------------------------
 */

void
dump_ask(struct dump *d, struct msg *m)
{
	const struct msg_vm_ask *ask = m->payload;
	int fd = m->fd;

	if (d->phase == DUMP_NONE && d->crash_done == NULL) {
		m->fd = -1;
		dump_begin(d, ask->client, fd);
		return;
	}
	answer_end(d->child, ask->client, VM_ERROR_DUMPING, 0,
	    d->phase == DUMP_LEFT ? "the file of the last one still hangs"
				  : "");
}

/* The thread is at it for longer than anybody wants: a file may hang. */
static void
dump_leave(struct dump *d)
{
	bool has_read;

	d->phase = DUMP_LEFT;
	pthread_mutex_lock(&d->lock);
	d->cancel = true;
	has_read = d->read;
	pthread_mutex_unlock(&d->lock);
	/* Else the thread is reading registers, and rings when it has. */
	if (has_read)
		dump_release(d);
	if (d->crash_done == NULL)
		return;
	/* Who waits for the thread may wait for ever. */
	if (d->client != 0)
		dump_answer_crash(d, EBUSY);
	d->crash_done(d->crash_arg);
}

void
dump_cancel(struct dump *d, uint32_t client, enum vm_error why)
{
	if ((client != 0 && client != d->client) ||
	    (d->phase != DUMP_HOLDING && d->phase != DUMP_WRITING))
		return;
	dump_answer(d, why, ECANCELED);
	if (d->phase == DUMP_WRITING) {
		dump_leave(d);
		return;
	}
	closer_close(d->fd);
	d->fd = -1;
	dump_release(d);
	dump_next(d);
}

bool
dump_crash(struct dump *d, void (*done)(void *arg), void *arg)
{
	if (d->crash_done != NULL)
		return true;
	if (d->crash_fd == -1)
		return false;
	d->began_ms = clock_ms();
	if (d->phase == DUMP_LEFT) {
		dump_answer_crash(d, EBUSY);
		return false;
	}
	d->crash_done = done;
	d->crash_arg = arg;
	if (d->phase == DUMP_NONE)
		dump_next(d);
	return true;
}

/* What a VM process that its guest has taken over may put into a file. */
static int
dump_limit(const struct vmspec *spec)
{
	/* A state has pages more than once, and parts of disks. */
	const rlim_t disks = (rlim_t)spec->start.disks_mib << 20;
	const rlim_t most = 4 * (spec->start.memory + disks) + DUMP_MORE;
	const struct rlimit limit = { .rlim_cur = most, .rlim_max = most };

	/* A file over the limit is an error of its write. */
	signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &limit);
}

int
dump_init(struct dump *d, struct child *child, struct board *board,
    struct hold *hold, struct vmspec *spec)
{
	memset(d, 0, sizeof(*d));
	d->child = child;
	d->board = board;
	d->hold = hold;
	d->crash_fd = vmspec_take(spec, VM_FILE_CRASH, 0);
	d->fd = -1;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->wake, NULL);
	d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->event_fd == -1 || dump_limit(spec) == -1 ||
	    watch_add(board->watches, d->event_fd, EPOLLIN, dump_ready, d) ==
		NULL)
		return -1;
	return thread_begin("dump", dump_thread, d);
}
