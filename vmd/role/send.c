/* SPDX-License-Identifier: ISC */
/*
 * The main thread's side of a send; see send.h.  Runs in the VM process.
 */
#include "role/send.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ipc/closer.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "role/answer.h"
#include "role/board.h"
#include "role/child.h"
#include "role/still.h"
#include "role/thread.h"
#include "role/vcpus.h"

/* --- the thread's calls ----------------------------------------------------
 */

static void
send_ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) == -1)
		log_warn("send", "eventfd");
}

int
send_ask(struct send *s, enum send_want want)
{
	int answer;

	pthread_mutex_lock(&s->lock);
	s->want = want;
	s->wants = true;
	s->answered = false;
	send_ring(s->event_fd);
	while (!s->answered)
		pthread_cond_wait(&s->wake, &s->lock);
	answer = s->answer;
	pthread_mutex_unlock(&s->lock);
	return answer;
}

void
send_show(struct send *s, const struct msg_send_progress *progress)
{
	pthread_mutex_lock(&s->lock);
	s->progress = *progress;
	s->progress_new = true;
	pthread_mutex_unlock(&s->lock);
	send_ring(s->event_fd);
}

bool
send_is_cancelled(struct send *s)
{
	bool cancelled;

	pthread_mutex_lock(&s->lock);
	cancelled = s->cancelled;
	pthread_mutex_unlock(&s->lock);
	return cancelled;
}

void
send_throttle(struct send *s, unsigned int percent)
{
	pthread_mutex_lock(&s->lock);
	if (!s->cancelled)
		vcpus_throttle(s->vcpus, percent);
	pthread_mutex_unlock(&s->lock);
}

void
send_over(struct send *s, enum send_end end, int error, const char *detail)
{
	pthread_mutex_lock(&s->lock);
	s->end = end;
	s->end_errno = error;
	strlcpy(s->detail, detail, sizeof(s->detail));
	s->want = SEND_END;
	s->wants = true;
	pthread_mutex_unlock(&s->lock);
	send_ring(s->event_fd);
}

/* --- what it wants ---------------------------------------------------------
 */

static void
send_answer(struct send *s, int error)
{
	pthread_mutex_lock(&s->lock);
	s->want = SEND_NOTHING;
	s->answer = error;
	s->answered = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

static void
send_stands(void *arg, bool stands)
{
	struct send *s = arg;

	pthread_mutex_lock(&s->lock);
	s->paused = still_is_taken(s->still, STILL_PAUSE);
	pthread_mutex_unlock(&s->lock);
	send_answer(s, stands ? 0 : ETIMEDOUT);
}

static void
send_want_stand(struct send *s)
{
	if (s->phase == SEND_LEFT)
		send_answer(s, ECANCELED);
	else if (s->refuses(s->arg) != NULL)
		send_answer(s, EBUSY);
	else
		still_take(s->still, STILL_SEND, send_stands, s);
}

static void
send_want_go_on(struct send *s)
{
	still_drop(s->still, STILL_SEND);
	send_answer(s, 0);
}

/* The parent has the locks. */
static void
send_want_disks(struct send *s, enum disks_what what)
{
	const struct msg_vm_disks m = { .what = what };

	if (s->phase == SEND_LEFT) {
		send_answer(s, ECANCELED);
		return;
	}
	if (what == DISKS_UNLOCK)
		s->phase = SEND_HANDING;
	child_send(s->child, MSG_VM_DISKS, s->child->vm_id, -1, &m, sizeof(m),
	    NULL, 0);
}

static void
send_want_look(struct send *s)
{
	send_want_disks(s, DISKS_LOOK);
}

static void
send_want_unlock(struct send *s)
{
	send_want_disks(s, DISKS_UNLOCK);
}

static void
send_want_lock(struct send *s)
{
	send_want_disks(s, DISKS_LOCK);
}

void
send_disks_done(struct send *s, struct msg *m)
{
	static const enum send_want of[DISKS__COUNT] = {
		[DISKS_LOOK] = SEND_LOOK,
		[DISKS_UNLOCK] = SEND_UNLOCK,
		[DISKS_LOCK] = SEND_LOCK,
	};
	const struct msg_vm_disks_done *done = m->payload;
	bool wanted;

	pthread_mutex_lock(&s->lock);
	wanted = s->want != SEND_NOTHING && done->what < DISKS__COUNT &&
	    of[done->what] == s->want;
	if (wanted)
		s->disks = *done;
	pthread_mutex_unlock(&s->lock);
	/* Nor must the answer to one question be taken for that to another. */
	if (!wanted)
		return;
	if (done->what == DISKS_LOCK && done->error == VM_ERROR_OK &&
	    s->phase == SEND_HANDING)
		s->phase = SEND_WRITING;
	send_answer(s,
	    done->error == VM_ERROR_OK		    ? 0
		: done->error == VM_ERROR_FILE_BUSY ? EWOULDBLOCK
						    : EIO);
}

/* --- the end ---------------------------------------------------------------
 */

static const struct {
	enum vm_error error;
	bool stays; /* the VM goes on here */
} ends[] = {
	[SEND_DONE] = { VM_ERROR_OK, false },
	[SEND_STAYS] = { VM_ERROR_SEND_FAILED, true },
	[SEND_UNSURE] = { VM_ERROR_SEND_DOUBT, false },
};

static void
send_want_end(struct send *s)
{
	bool left = s->phase == SEND_LEFT;
	bool copy = s->end == SEND_DONE && (s->job.flags & SEND_COPY) != 0;
	enum send_end end = s->end;

	s->want = SEND_NOTHING;
	s->phase = SEND_NONE;
	if (ends[end].stays || copy || left)
		still_drop(s->still, STILL_SEND);
	/* The parent tells its client once nothing is left of a VM that was
	 * sent. */
	if (!left && (ends[end].stays || copy || end == SEND_UNSURE))
		answer_end(s->child, s->job.client, ends[end].error,
		    s->end_errno, s->detail);
	if (end == SEND_STAYS && !left)
		log_info("send", "not sent: %s%s%s", s->detail,
		    s->end_errno != 0 && s->detail[0] != '\0' ? ": " : "",
		    s->end_errno != 0 ? strerror(s->end_errno) : "");
	s->over(s->arg, left || copy ? SEND_STAYS : end);
}

static void (*const wants[])(struct send *) = {
	[SEND_STAND] = send_want_stand,
	[SEND_GO_ON] = send_want_go_on,
	[SEND_LOOK] = send_want_look,
	[SEND_UNLOCK] = send_want_unlock,
	[SEND_LOCK] = send_want_lock,
	[SEND_END] = send_want_end,
};

static void
send_ready(void *arg, uint32_t events)
{
	struct msg_send_progress progress;
	struct send *s = arg;
	enum send_want want;
	uint64_t count;
	bool show;

	(void)events;
	if (read(s->event_fd, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&s->lock);
	/* Once: what rang for the progress before it may be heard now, and what
	 * rings for it then, while the parent has yet to answer. */
	want = s->wants ? s->want : SEND_NOTHING;
	s->wants = false;
	show = s->progress_new;
	progress = s->progress;
	s->progress_new = false;
	pthread_mutex_unlock(&s->lock);
	if (show && s->phase == SEND_WRITING) {
		progress.client = s->job.client;
		answer_part(s->child, MSG_SEND_PROGRESS, &progress);
	}
	if (want != SEND_NOTHING)
		wants[want](s);
}

/* --- what others ask -------------------------------------------------------
 */

static void
send_close_disks(int fd[VMD_DISKS_MAX])
{
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++) {
		closer_close(fd[i]);
		fd[i] = -1;
	}
}

void
send_config(struct send *s, struct msg *m)
{
	closer_close(s->config_fd);
	s->config_fd = m->fd;
	m->fd = -1;
	send_close_disks(s->disk_fd);
}

void
send_disk_data(struct send *s, struct msg *m)
{
	const struct msg_vm_disk_data *disk = m->payload;

	if (disk->index >= VMD_DISKS_MAX)
		return;
	closer_close(s->disk_fd[disk->index]);
	s->disk_fd[disk->index] = m->fd;
	m->fd = -1;
}

/* Takes both descriptors. */
static void
send_job(struct send *s, const struct msg_vm_send *m, int fd)
{
	uint64_t count;

	s->job = (struct send_job) { .client = m->ask.client,
		/* Nobody takes over what goes on here. */
		.flags = (m->ask.flags & SEND_COPY) != 0
		    ? m->ask.flags & ~(uint32_t)SEND_TWO_WAY
		    : m->ask.flags,
		.downtime_ms = m->downtime_ms,
		.level = (int)m->level,
		.stands = still_is_taken(s->still, STILL_PAUSE),
		.fd = fd,
		.config_fd = s->config_fd };
	s->config_fd = -1;
	memcpy(s->job.disk_fd, s->disk_fd, sizeof(s->disk_fd));
	memset(s->disk_fd, 0xff, sizeof(s->disk_fd)); /* all -1 */
	s->want = SEND_NOTHING;
	s->wants = s->cancelled = s->progress_new = false;
	s->detail[0] = '\0';
	/* What rang for the last one. */
	if (read(s->stop_fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
		log_warn("send", "eventfd");
	s->phase = SEND_WRITING;
}

void
send_begin(struct send *s, struct msg *m)
{
	const struct msg_vm_send *send = m->payload;
	uint32_t client = send->ask.client;
	const char *why = s->refuses(s->arg);
	int error;

	if (s->phase != SEND_NONE) {
		answer_end(s->child, client, VM_ERROR_SENDING, 0,
		    s->phase == SEND_LEFT
			? "the file of the last send still hangs"
			: "");
		return;
	}
	if (why != NULL || s->config_fd == -1) {
		answer_end(s->child, client, VM_ERROR_SEND_FAILED, 0,
		    why != NULL ? why : "it was not described");
		return;
	}
	send_job(s, send, m->fd);
	m->fd = -1;
	if (thread_begin("send", sender_thread, s) == 0)
		return;
	error = errno;
	s->phase = SEND_NONE;
	closer_close(s->job.fd);
	closer_close(s->job.config_fd);
	send_close_disks(s->job.disk_fd);
	answer_end(
	    s->child, client, VM_ERROR_SEND_FAILED, error, "no thread for it");
}

void
send_cancel(struct send *s, uint32_t client, enum vm_error why)
{
	bool stand;

	if (client != 0 && client != s->job.client)
		return;
	/* It waits less long for the other side, then looks who has the VM. */
	if (s->phase == SEND_HANDING)
		send_ring(s->stop_fd);
	if (s->phase != SEND_WRITING)
		return;
	pthread_mutex_lock(&s->lock);
	s->cancelled = true;
	stand = s->want == SEND_STAND;
	pthread_mutex_unlock(&s->lock);
	send_ring(s->stop_fd);
	answer_end(s->child, s->job.client, why, 0, "");
	/* The thread may wait for a file that hangs; the guest does not. */
	s->phase = SEND_LEFT;
	vcpus_throttle(s->vcpus, 0);
	still_drop(s->still, STILL_SEND);
	if (stand)
		send_answer(s, ECANCELED);
}

bool
send_is_handing(const struct send *s)
{
	return s->phase == SEND_HANDING;
}

int
send_init(struct send *s, struct child *child, struct board *board,
    struct vcpus *vcpus, struct still *still)
{
	s->child = child;
	s->board = board;
	s->vcpus = vcpus;
	s->still = still;
	s->config_fd = -1;
	memset(s->disk_fd, 0xff, sizeof(s->disk_fd)); /* all -1 */
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->event_fd == -1 || s->stop_fd == -1 ||
	    watch_add(board->watches, s->event_fd, EPOLLIN, send_ready, s) ==
		NULL)
		return -1;
	return 0;
}
