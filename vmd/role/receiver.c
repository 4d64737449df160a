/* SPDX-License-Identifier: ISC */
/*
 * The thread that receives a VM: the state from a descriptor, then, where the
 * sender waits for that, the VM itself.
 *
 * Runs in the VM process, before the guest does.  All that comes in is hostile:
 * the reader bounds and sums it, decoders check it, and a section that is not
 * of this VM ends the receive.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/state_config.h"
#include "image/state_index.h"
#include "image/state_pipe.h"
#include "image/state_read.h"
#include "image/state_wire.h"
#include "ipc/clock.h"
#include "ipc/log.h"
#include "role/board.h"
#include "role/handover.h"
#include "role/machine_state.h"
#include "role/receive.h"
#include "role/receivedisk.h"
#include "role/receivemem.h"
#include "vmm.h"

/* How long the sender's locks are waited for; one that has been killed lets go
 * of them sooner or later. */
#define LOCK_MS 10000
#define LOCK_GONE_MS 2000
#define LOCK_AGAIN_MS 20
#define DISK_LEN 16U

struct receiver {
	struct receive *receive;
	struct state_reader *reader;
	struct receivemem memory;
	struct state_pipe pipe; /* on the way to the reader */
	struct state_file_source source; /* of memory on demand */
	struct state_config config;
	struct receivedisk content; /* of the disks; of none: not in it */
	bool two_way;
	bool shared; /* the locks are the sender's own */
	uint32_t ndisks; /* rows of DISKS */
	struct {
		uint64_t size;
		uint64_t generation;
	} disk[VMD_DISKS_MAX];
	struct msg_result why;
	char detail[VMD_DETAIL_MAX];
};

static int
receiver_why(
    struct receiver *t, enum vm_error error, int sys_errno, const char *text)
{
	t->why = (struct msg_result) { .error = error,
		.sys_errno = (uint32_t)sys_errno };
	strlcpy(t->detail, text, sizeof(t->detail));
	return -1;
}

static int
receiver_bad(struct receiver *t)
{
	return receiver_why(t, VM_ERROR_STATE_BAD,
	    errno == ENOMEM || errno == EIO ? errno : 0,
	    state_reader_error(t->reader));
}

/* --- where the state comes from --------------------------------------------
 */

/* Whoever else has the descriptor may have made it one that does not wait. */
static void
receiver_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	(void)poll(&pfd, 1, -1);
}

/* First what vmctl has read of it already, then the rest. */
static ssize_t
receiver_get(void *arg, struct iovec *iov, int count)
{
	struct receiver *t = arg;
	struct receive *r = t->receive;
	ssize_t total = 0, n;

	state_io_advance(&iov, &count, 0);
	while (count > 0) {
		n = r->head_fd != -1
		    ? readv(r->head_fd, iov, count)
		    : state_pipe_readv(&t->pipe, r->fd, iov, count);
		if (n == -1 && errno == EAGAIN)
			receiver_wait(r->fd);
		else if (n == -1 && errno != EINTR)
			return -1;
		if (n == -1)
			continue;
		if (n == 0) {
			if (r->head_fd == -1)
				break;
			close(r->head_fd);
			r->head_fd = -1;
			continue;
		}
		total += n;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return total;
}

static int
receiver_found(void *arg, const struct state_memory *m, uint64_t offset)
{
	struct receive *r = arg;

	return state_index_add(r->index, m, offset);
}

/* --- sections --------------------------------------------------------------
 */

/* Whether the state is one that fits the VM which was built from the request.
 */
static const char *
receiver_compare(const struct state_config *c, const struct msg_vm_start *start)
{
	uint32_t disks = 0;

	for (uint32_t i = 0; i < c->files; i++)
		disks += c->file[i].kind == STATE_FILE_DISK;
	if (c->memory != start->memory)
		return "another size of memory";
	if (c->cpus != start->cpus)
		return "another number of vCPUs";
	if (c->nics != start->nics)
		return "another number of network interfaces";
	if (disks != start->disks)
		return "another number of disks";
	return NULL;
}

static int
receiver_content_why(struct receiver *t)
{
	const struct receivedisk *d = &t->content;

	receiver_why(t, d->error, d->sys_errno, d->why);
	if (d->of_disk) {
		t->why.file = VM_FILE_DISK;
		t->why.index = d->index;
	}
	return -1;
}

/* Disks are written to if both sides say so. */
static int
receiver_content(struct receiver *t)
{
	const struct receive *r = t->receive;
	bool wanted = (r->start.receive & RECEIVE_DISKS) != 0;

	if (((t->config.flags & STATE_CONFIG_DISKS) != 0) != wanted)
		return receiver_why(t, VM_ERROR_STATE_OTHER, 0,
		    wanted ? "it does not have the content of its disks"
			   : "it has the content of its disks, which nobody "
			     "asked for");
	if (!wanted)
		return 0;
	if (receivedisk_init(
		&t->content, r->disk_fd, r->start.disks, &t->config) == -1)
		return receiver_content_why(t);
	return 0;
}

static int
receiver_config(struct receiver *t, const struct state_section *s)
{
	const char *why;

	if (state_config_decode(
		&t->config, s->payload, (size_t)s->head.length, &why) == -1) {
		state_reader_bad(t->reader, why);
		return receiver_bad(t);
	}
	why = receiver_compare(&t->config, &t->receive->start);
	if (why != NULL)
		return receiver_why(t, VM_ERROR_STATE_OTHER, 0, why);
	t->receive->copy = (t->config.flags & STATE_CONFIG_COPY) != 0;
	return receiver_content(t);
}

static int
receiver_handover(struct receiver *t, const struct state_section *s)
{
	if (s->payload[0] != 1 ||
	    !state_is_zero(s->payload + 1, STATE_HANDOVER_LEN - 1)) {
		state_reader_bad(t->reader, "an unknown way to hand over");
		return receiver_bad(t);
	}
	if (t->receive->ack_fd == -1)
		return receiver_why(t, VM_ERROR_STATE_BAD, 0,
		    "its sender waits for an answer, and there is no way back");
	t->two_way = true;
	return 0;
}

static int
receiver_disks(struct receiver *t, const struct state_section *s)
{
	size_t n = (size_t)s->head.length / DISK_LEN;

	if (s->head.length % DISK_LEN != 0 || n != t->receive->start.disks) {
		state_reader_bad(t->reader, "not one row for each disk");
		return receiver_bad(t);
	}
	for (size_t i = 0; i < n; i++) {
		t->disk[i].size = state_get64(s->payload + i * DISK_LEN);
		t->disk[i].generation =
		    state_get64(s->payload + i * DISK_LEN + 8);
	}
	t->ndisks = (uint32_t)n;
	return 0;
}

static int
receiver_disk_data(struct receiver *t, const struct state_section *s)
{
	if ((t->receive->start.receive & RECEIVE_DISKS) == 0) {
		state_reader_bad(t->reader, "CONFIG does not tell of it");
		return receiver_bad(t);
	}
	if (receivedisk_take(&t->content, s->payload, (size_t)s->head.length) ==
	    0)
		return 0;
	if (t->content.error != VM_ERROR_STATE_BAD)
		return receiver_content_why(t);
	state_reader_bad(t->reader, t->content.why);
	return receiver_bad(t);
}

/* All has come, and is on the disks before anybody hears of it; from here on
 * they are their own processes'. */
static int
receiver_disks_end(struct receiver *t)
{
	struct receive *r = t->receive;
	int status = 0;

	if ((r->start.receive & RECEIVE_DISKS) != 0 &&
	    receivedisk_end(&t->content) == -1)
		status = receiver_content_why(t);
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++) {
		if (r->disk_fd[i] != -1)
			close(r->disk_fd[i]);
		r->disk_fd[i] = -1;
	}
	return status;
}

/* Placed by the reader. */
static int
receiver_memory(struct receiver *t, const struct state_section *s)
{
	(void)t;
	(void)s;
	return 0;
}

static const struct {
	enum state_type type;
	int (*take)(struct receiver *, const struct state_section *);
} sections[] = {
	{ STATE_CONFIG, receiver_config },
	{ STATE_MEMORY, receiver_memory },
	{ STATE_HANDOVER, receiver_handover },
	{ STATE_DISKS, receiver_disks },
	{ STATE_DISKDATA, receiver_disk_data },
};

static int
receiver_section(struct receiver *t, const struct state_section *s)
{
	struct machine_state *machine = t->receive->machine;
	int mine;

	/* Of a later version, and not required. */
	if (s->payload == NULL && s->memory == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (sections[i].type == s->head.type)
			return sections[i].take(t, s);
	mine = machine_state_load(machine, s);
	if (mine == 1 || (mine == 0 && s->head.type == STATE_END))
		return 0;
	return receiver_why(t, VM_ERROR_STATE_BAD,
	    mine == -1 && errno == ENOMEM ? errno : 0,
	    mine == -1 ? machine_state_error(machine)
		       : "it has what this vmd cannot take");
}

static int
receiver_open(struct receiver *t)
{
	struct receive *r = t->receive;

	if (state_pipe_open(&t->pipe, r->fd) == -1)
		return receiver_why(t, VM_ERROR_FAILED, errno, "a pipe");
	t->reader = state_reader_new(receiver_get, t);
	if (t->reader == NULL ||
	    receivemem_init(&t->memory, r->board, t->reader) == -1)
		return receiver_why(t, VM_ERROR_NO_MEMORY, 0, "");
	return 0;
}

/* Memory stays in the file; what lies where is noted. */
static int
receiver_open_lazy(struct receiver *t)
{
	struct receive *r = t->receive;

	if (state_source_open(&t->source, r->fd, 0) == -1)
		return receiver_why(t, VM_ERROR_STATE_BAD, errno, "");
	r->index = state_index_new(receivemem_end(r->board));
	t->reader = state_reader_new(state_get_source, &t->source);
	if (r->index == NULL || t->reader == NULL)
		return receiver_why(t, VM_ERROR_NO_MEMORY, 0, "");
	if (state_reader_find(
		t->reader, state_skip_source, 0, receiver_found, r) == -1)
		return receiver_bad(t);
	return 0;
}

static int
receiver_read(struct receiver *t)
{
	struct receive *r = t->receive;
	struct state_section section;
	int more;

	if (((r->start.receive & RECEIVE_LAZY) != 0 ? receiver_open_lazy(t)
						    : receiver_open(t)) == -1)
		return -1;
	while ((more = state_next(t->reader, &section)) == 1)
		if (receiver_section(t, &section) == -1)
			return -1;
	return more == 0 ? 0 : receiver_bad(t);
}

/* --- disks -----------------------------------------------------------------
 */

static int
receiver_disk_error(struct receiver *t, enum vm_error error, uint32_t index)
{
	receiver_why(t, error, 0, "");
	t->why.file = VM_FILE_DISK;
	t->why.index = index;
	return -1;
}

/* The disks are those of the state, as it left them. */
static int
receiver_disks_fit(struct receiver *t)
{
	const struct msg_vm_disks_done *d = &t->receive->disks;
	bool any = (t->receive->start.receive &
		       (RECEIVE_ANY_DISK | RECEIVE_DISKS)) != 0;

	if (t->ndisks != t->receive->start.disks || d->count != t->ndisks)
		return receiver_why(
		    t, VM_ERROR_STATE_BAD, 0, "it does not have its disks");
	for (uint32_t i = 0; i < t->ndisks; i++) {
		if (t->disk[i].size != d->disk[i].size)
			return receiver_disk_error(t, VM_ERROR_DISK_SIZE, i);
		/* None of both is known: block devices. */
		if (!any && t->disk[i].generation != d->disk[i].generation)
			return receiver_disk_error(t, VM_ERROR_DISK_CHANGED, i);
	}
	return 0;
}

/* Tries for so long. */
static int
receiver_lock(struct receiver *t, int ms)
{
	const struct timespec again = { .tv_nsec = LOCK_AGAIN_MS * 1000000L };
	struct msg_vm_disks_done *d = &t->receive->disks;
	int64_t until = clock_ms() + ms;
	int error;

	while ((error = receive_ask(t->receive, RECEIVE_LOCK)) == EWOULDBLOCK &&
	    clock_ms() < until)
		nanosleep(&again, NULL);
	if (error != 0)
		return receiver_disk_error(t,
		    d->error < VM_ERROR__COUNT ? d->error : VM_ERROR_FAILED,
		    d->index);
	t->shared = (d->flags & DISKS_SHARED) != 0;
	return receiver_disks_fit(t);
}

/* --- the end ---------------------------------------------------------------
 */

/*
 * The sender is gone before it let go of the disks.  If they were locked by it
 * and are free now, it has ended, and what is here is the VM.
 */
static int
receiver_orphan(struct receiver *t)
{
	if (receiver_lock(t, LOCK_GONE_MS) == 0 && t->shared)
		return 0;
	return receiver_why(t, VM_ERROR_STATE_BAD, 0,
	    "the sender was gone before it had given the VM up");
}

/* Whether the VM runs here (0), or stays paused, because nobody knows (1). */
static int
receiver_take_over(struct receiver *t)
{
	struct receive *r = t->receive;

	if (handover_say(r->ack_fd, HANDOVER_READY, 0) == -1 ||
	    handover_hear(
		r->fd, -1, HANDOVER_HEAR_MS, HANDOVER_RELEASED, NULL) == -1)
		return receiver_orphan(t);
	if (receiver_lock(t, LOCK_MS) == -1)
		return -1;
	if (handover_say(r->ack_fd, HANDOVER_HOLDS,
		t->shared ? HANDOVER_SHARED : 0) == 0 &&
	    handover_hear(r->fd, -1, HANDOVER_HEAR_MS, HANDOVER_GO, NULL) == 0)
		return 0;
	/* Where the locks are the sender's own, it cannot run without them. */
	return t->shared ? 0 : 1;
}

static int
receiver_run(struct receiver *t)
{
	struct receive *r = t->receive;
	int keep = 0, error;

	if (receiver_read(t) == -1 || receiver_disks_end(t) == -1)
		return -1;
	if (r->index != NULL && (error = receive_ask(r, RECEIVE_FILL)) != 0)
		return receiver_why(
		    t, VM_ERROR_FAILED, error, "memory on demand");
	if (receive_ask(r, RECEIVE_STAND) != 0)
		return receiver_why(t, VM_ERROR_DEVICE_FAILED, 0, "");
	if (machine_state_finish(r->machine, r->hold) == -1)
		return receiver_why(
		    t, VM_ERROR_STATE_BAD, 0, machine_state_error(r->machine));
	if (t->two_way)
		keep = receiver_take_over(t);
	else if (receiver_lock(t, LOCK_MS) == -1)
		return -1;
	if (keep == -1)
		return -1;
	receive_ask(r, keep == 1 ? RECEIVE_KEEP : RECEIVE_RUN);
	if (t->two_way && keep == 0 &&
	    handover_say(r->ack_fd, HANDOVER_RUNS, 0) == -1)
		log_debug("receive", "the sender is gone");
	return 0;
}

void *
receiver_thread(void *arg)
{
	struct receive *r = arg;
	struct receiver t = { .receive = r, .pipe.own = { -1, -1 } };
	bool failed = receiver_run(&t) == -1;

	receivedisk_fini(&t.content);
	state_reader_free(t.reader);
	state_pipe_close(&t.pipe);
	state_index_free(r->index);
	close(r->fd);
	if (r->head_fd != -1)
		close(r->head_fd);
	if (r->ack_fd != -1)
		close(r->ack_fd);
	if (failed)
		receive_fail(r, &t.why, t.detail);
	else
		machine_state_free(r->machine);
	return NULL;
}
