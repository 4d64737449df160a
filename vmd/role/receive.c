/* SPDX-License-Identifier: ISC */
/*
 * The main thread's side of a receive; see receive.h.  Runs in the VM process.
 */
#include "role/receive.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chip/genid.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"
#include "role/board.h"
#include "role/child.h"
#include "role/hold.h"
#include "role/lazy.h"
#include "role/machine_state.h"
#include "role/still.h"
#include "role/thread.h"

/* --- the thread's calls ----------------------------------------------------
 */

static void
receive_ring(struct receive *r)
{
	const uint64_t one = 1;

	if (write(r->event_fd, &one, sizeof(one)) == -1)
		log_warn("receive", "eventfd");
}

int
receive_ask(struct receive *r, enum receive_want want)
{
	int answer;

	pthread_mutex_lock(&r->lock);
	r->want = want;
	r->answered = false;
	pthread_cond_signal(&r->asked);
	receive_ring(r);
	while (!r->answered)
		pthread_cond_wait(&r->wake, &r->lock);
	answer = r->answer;
	pthread_mutex_unlock(&r->lock);
	return answer;
}

void
receive_fail(
    struct receive *r, const struct msg_result *why, const char *detail)
{
	pthread_mutex_lock(&r->lock);
	r->why = *why;
	strlcpy(r->detail, detail, sizeof(r->detail));
	r->want = RECEIVE_FAIL;
	pthread_cond_signal(&r->asked);
	receive_ring(r);
	pthread_mutex_unlock(&r->lock);
}

/* --- what it wants ---------------------------------------------------------
 */

static void
receive_answer(struct receive *r, int error)
{
	pthread_mutex_lock(&r->lock);
	r->want = RECEIVE_NOTHING;
	r->answer = error;
	r->answered = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

static void
receive_stands(void *arg, bool stands)
{
	struct receive *r = arg;

	receive_answer(r, stands ? 0 : ETIMEDOUT);
}

void
receive_device_ready(struct receive *r)
{
	if (!r->wants_stand || !board_is_ready(r->board))
		return;
	r->wants_stand = false;
	r->devices(r->arg, false);
	still_take(r->still, STILL_RECEIVE, receive_stands, r);
}

static void
receive_want_stand(struct receive *r)
{
	r->wants_stand = true;
	r->devices(r->arg, true);
	receive_device_ready(r);
}

static void
receive_want_lock(struct receive *r)
{
	const struct msg_vm_disks m = { .what = DISKS_LOCK };

	child_send(r->child, MSG_VM_DISKS, r->child->vm_id, -1, &m, sizeof(m),
	    NULL, 0);
}

void
receive_disks_done(struct receive *r, struct msg *m)
{
	const struct msg_vm_disks_done *done = m->payload;
	enum receive_want want;

	pthread_mutex_lock(&r->lock);
	want = r->want;
	r->disks = *done;
	pthread_mutex_unlock(&r->lock);
	if (want != RECEIVE_LOCK)
		return;
	receive_answer(r,
	    done->error == VM_ERROR_OK		    ? 0
		: done->error == VM_ERROR_FILE_BUSY ? EWOULDBLOCK
						    : EIO);
}

/* A copy must not use the random numbers of the VM that went on. */
static void
receive_new_identity(struct receive *r)
{
	uint8_t guid[GENID_SIZE];

	if (!r->copy)
		return;
	arc4random_buf(guid, sizeof(guid));
	genid_renew(r->board->genid, guid);
}

static void
receive_done(struct receive *r, bool paused, const char *text)
{
	receive_new_identity(r);
	r->on = false;
	r->done(r->arg, paused, text);
	receive_answer(r, 0);
}

/* The file stays open for as long as memory comes from it. */
static void
receive_want_fill(struct receive *r)
{
	struct lazy_setup setup = { .device = r->faults_fd,
		.file = fcntl(r->fd, F_DUPFD_CLOEXEC, 0),
		.index = r->index,
		.failed = r->lost,
		.arg = r->arg };

	r->faults_fd = -1;
	r->index = NULL;
	receive_answer(
	    r, board_fill_on_demand(r->board, &setup) == -1 ? errno : 0);
}

static void
receive_want_run(struct receive *r)
{
	receive_done(r, machine_state_was_paused(r->machine), "");
}

static void
receive_want_keep(struct receive *r)
{
	receive_done(r, true, vm_error_text(VM_ERROR_RECEIVE_DOUBT));
}

static void
receive_want_fail(struct receive *r)
{
	r->failed(r->arg, &r->why, r->detail);
}

static void (*const wants[])(struct receive *) = {
	[RECEIVE_FILL] = receive_want_fill,
	[RECEIVE_STAND] = receive_want_stand,
	[RECEIVE_LOCK] = receive_want_lock,
	[RECEIVE_RUN] = receive_want_run,
	[RECEIVE_KEEP] = receive_want_keep,
	[RECEIVE_FAIL] = receive_want_fail,
};

static void
receive_ready(void *arg, uint32_t events)
{
	struct receive *r = arg;
	enum receive_want want;
	uint64_t count;

	(void)events;
	if (read(r->event_fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&r->lock);
	want = r->want;
	pthread_mutex_unlock(&r->lock);
	if (want != RECEIVE_NOTHING)
		wants[want](r);
}

/* --- beginning -------------------------------------------------------------
 */

/* No device may be heard of before it is known where memory comes from. */
static void
receive_wait_index(struct receive *r)
{
	enum receive_want want = RECEIVE_NOTHING;
	uint64_t count;

	pthread_mutex_unlock(&r->board->lock);
	pthread_mutex_lock(&r->lock);
	while (r->want == RECEIVE_NOTHING)
		pthread_cond_wait(&r->asked, &r->lock);
	want = r->want;
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(&r->board->lock);
	if (read(r->event_fd, &count, sizeof(count)) == -1)
		log_warn("receive", "eventfd");
	wants[want](r);
}

int
receive_begin(struct receive *r, struct vmspec *spec)
{
	r->start = spec->start;
	r->on = true;
	r->fd = vmspec_take(spec, VM_FILE_STATE, 0);
	r->head_fd = vmspec_take(spec, VM_FILE_STATE_HEAD, 0);
	r->ack_fd = vmspec_take(spec, VM_FILE_STATE_ACK, 0);
	r->faults_fd = vmspec_take(spec, VM_FILE_FAULTS, 0);
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++)
		r->disk_fd[i] = vmspec_take(spec, VM_FILE_DISK, i);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	pthread_cond_init(&r->asked, NULL);
	r->machine = machine_state_new(r->vcpus);
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->fd == -1) {
		errno = EBADF;
		return -1;
	}
	if (r->machine == NULL || r->event_fd == -1 ||
	    watch_add(r->board->watches, r->event_fd, EPOLLIN, receive_ready,
		r) == NULL)
		return -1;
	if (thread_begin("receive", receiver_thread, r) == -1)
		return -1;
	if ((r->start.receive & RECEIVE_LAZY) != 0)
		receive_wait_index(r);
	return 0;
}
