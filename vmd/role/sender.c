/* SPDX-License-Identifier: ISC */
/*
 * The thread that sends a VM: the state into a descriptor, then the VM itself
 * to whom has taken that.
 *
 * Runs in the VM process.  It reads guest memory without a lock, asks the main
 * thread for all else (send_ask()), and waits for nothing but the descriptor
 * and stop_fd.  The other end of the descriptor is a client's: it may be slow,
 * go away, and say anything.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image/state_config.h"
#include "image/state_wire.h"
#include "image/state_workers.h"
#include "image/state_write.h"
#include "image/state_zstd.h"
#include "ipc/clock.h"
#include "ipc/log.h"
#include "role/board.h"
#include "role/handover.h"
#include "role/machine_state.h"
#include "role/send.h"
#include "role/senddisk.h"
#include "role/sendmem.h"
#include "role/sendout.h"
#include "role/still.h"
#include "role/vcpus.h"

#define REPORT_MS 250
/* Besides the rest of the memory: devices, registers, the other side. */
#define FIXED_MS 10
/* Rounds that do not get smaller are enough after so many, throttled or not. */
#define ROUNDS_MAX 60
/* Bytes that leave in no time. */
#define LITTLE (128U << 10)
#define THROTTLE_FIRST 20
#define THROTTLE_STEP 20
#define THROTTLE_MAX 99
/* How long the locks of the disks are asked for again. */
#define LOCK_MS 5000
#define LOCK_AGAIN_MS 100
/* So long it still has when nobody wants to wait any more. */
#define HURRY_MS 3000
/* So long a guest that would run stands because nobody takes its state. */
#define STALL_MS 60000

struct sender {
	struct send *send;
	struct send_job job;
	struct state_writer *writer;
	struct state_packer *packer;
	struct machine_state *machine;
	struct sendout out;
	struct sendmem mem;
	struct senddisk disks; /* of none without SEND_DISKS */
	int64_t began_ms; /* of the round */
	uint64_t began_bytes;
	int64_t shown_ms;
	struct msg_send_progress progress;
	struct msg_vm_disks_done sent; /* the disks, as they are in the state */
	char detail[VMD_DETAIL_MAX];
};

static void
sender_sleep_ms(long ms)
{
	const struct timespec ts = { .tv_nsec = ms * 1000000L };

	nanosleep(&ts, NULL);
}

/* The first sentence is the one that counts. */
static int
sender_why(struct sender *t, int error, const char *text)
{
	if (t->out.why != NULL)
		text = t->out.why;
	if (t->detail[0] == '\0')
		strlcpy(t->detail, text, sizeof(t->detail));
	errno = error;
	return -1;
}

static int
sender_want(struct sender *t, enum send_want want, const char *text)
{
	int error = send_ask(t->send, want);

	return error == 0 ? 0 : sender_why(t, error, text);
}

/* --- how far it is ---------------------------------------------------------
 */

static uint64_t
sender_rate(const struct sender *t)
{
	int64_t ms = clock_ms() - t->began_ms;

	return (t->out.bytes - t->began_bytes) * 1000 /
	    (uint64_t)(ms > 0 ? ms : 1);
}

static void
sender_show(struct sender *t, bool now)
{
	int64_t ms = clock_ms();

	if (!now && ms - t->shown_ms < REPORT_MS)
		return;
	t->shown_ms = ms;
	t->progress.sent = t->out.bytes;
	t->progress.rate = sender_rate(t);
	send_show(t->send, &t->progress);
}

static int
sender_tick(void *arg, uint64_t left)
{
	struct sender *t = arg;

	if (send_is_cancelled(t->send)) {
		errno = ECANCELED;
		return -1;
	}
	t->progress.left = left * STATE_PAGE;
	sender_show(t, false);
	return 0;
}

/* --- before the VM stands --------------------------------------------------
 */

static int
sender_config(struct sender *t)
{
	uint8_t payload[STATE_CONFIG_MAX];
	ssize_t len = pread(t->job.config_fd, payload, sizeof(payload), 0);

	if (len <= 0)
		return sender_why(t, EIO, "what the VM is made of is missing");
	return state_write_section(
	    t->writer, STATE_CONFIG, payload, (size_t)len);
}

static int
sender_begin(struct sender *t)
{
	uint8_t handover[STATE_HANDOVER_LEN] = { 1 };

	if (state_write_begin(t->writer) == -1 || sender_config(t) == -1)
		return -1;
	if ((t->job.flags & SEND_TWO_WAY) != 0 &&
	    state_write_section(
		t->writer, STATE_HANDOVER, handover, sizeof(handover)) == -1)
		return -1;
	if (machine_state_write_cpu(t->machine, t->writer) == -1)
		return sender_why(t, errno, machine_state_error(t->machine));
	return 0;
}

/* Bytes that are to go. */
static uint64_t
sender_left(const struct sender *t)
{
	return t->mem.left * STATE_PAGE + senddisk_left(&t->disks);
}

/* Milliseconds that the rest would take. */
static uint64_t
sender_downtime(const struct sender *t, uint64_t rate)
{
	uint64_t bytes = sender_left(t);

	return FIXED_MS + (rate > 0 ? bytes * 1000 / rate : bytes / 1024);
}

/* The guest writes faster than its memory leaves. */
static void
sender_throttle(struct sender *t, uint64_t left)
{
	uint32_t percent = t->progress.throttle;

	if (t->progress.round < 2 || sender_left(t) * 4 < left * 3)
		return;
	percent = percent == 0 ? THROTTLE_FIRST : percent + THROTTLE_STEP;
	t->progress.throttle = percent < THROTTLE_MAX ? percent : THROTTLE_MAX;
	send_throttle(t->send, t->progress.throttle);
}

/* Whether one more round would make the time that the guest stands shorter
 * yet: the last one, which had so much before it, has left less than half. */
static bool
sender_is_worth(const struct sender *t, uint64_t before)
{
	return t->progress.left > LITTLE && t->progress.left < before / 2;
}

/* One round; whether the rest fits into the time that is allowed (1). */
static int
sender_round(struct sender *t)
{
	uint64_t left = sender_left(t), rate;
	int64_t ms;

	t->progress.round++;
	t->began_ms = clock_ms();
	t->began_bytes = t->out.bytes;
	if (sendmem_round(&t->mem, false) == -1 ||
	    senddisk_round(&t->disks) == -1)
		return -1;
	rate = sender_rate(t);
	ms = clock_ms() - t->began_ms;
	if (sendmem_collect(&t->mem) == -1)
		return sender_why(t, errno, "the log of written pages");
	senddisk_collect(&t->disks);
	t->progress.left = sender_left(t);
	t->progress.dirty =
	    t->progress.left * 1000 / (uint64_t)(ms > 0 ? ms : 1);
	t->progress.downtime_ms = (uint32_t)sender_downtime(t, rate);
	sender_show(t, false);
	if (t->progress.round >= ROUNDS_MAX ||
	    (t->progress.downtime_ms <= t->job.downtime_ms &&
		!sender_is_worth(t, left)))
		return 1;
	sender_throttle(t, left);
	return 0;
}

static int
sender_flush_tick(void *arg)
{
	struct sender *t = arg;

	return sender_tick(t, t->mem.left);
}

/* What the guest was told is written is where the receiver's host sees it;
 * unless that gets it with the state. */
static int
sender_flush(struct sender *t, int ms)
{
	const char *disk;
	char text[VMD_DETAIL_MAX];

	if ((t->job.flags & SEND_DISKS) != 0 ||
	    board_flush(t->send->board, ms, sender_flush_tick, t, &disk) == 0)
		return 0;
	snprintf(text, sizeof(text), "writing back what %s has written", disk);
	return sender_why(t, errno, text);
}

static int
sender_live(struct sender *t)
{
	int fits;

	/* Most of it while the guest runs; the rest then takes no time. */
	if (sender_flush(t, -1) == -1)
		return -1;
	if (sendmem_log(&t->mem) == -1)
		return sender_why(
		    t, errno, "the log of written pages cannot be kept");
	/* What the disks hold takes longest; what the guest writes to them
	 * meanwhile goes with the rounds of memory. */
	if (senddisk_first(&t->disks) == -1 || sendmem_forget(&t->mem) == -1 ||
	    sendmem_scan(&t->mem) == -1)
		return -1;
	do
		fits = sender_round(t);
	while (fits == 0);
	return fits == -1 ? -1 : 0;
}

/* --- while it stands -------------------------------------------------------
 */

static int
sender_disks(struct sender *t)
{
	struct msg_vm_disks_done *d = &t->send->disks;
	uint8_t payload[VMD_DISKS_MAX * 16];
	size_t n;

	if (sender_want(t, SEND_LOOK, "looking at the disks") == -1)
		return -1;
	t->sent = *d;
	n = d->count < VMD_DISKS_MAX ? (size_t)d->count : VMD_DISKS_MAX;
	for (size_t i = 0; i < n; i++) {
		state_put64(payload + i * 16, d->disk[i].size);
		state_put64(payload + i * 16 + 8, d->disk[i].generation);
	}
	return state_write_section(t->writer, STATE_DISKS, payload, n * 16);
}

static int
sender_rest(struct sender *t, bool live)
{
	if (sender_want(t, SEND_STAND, "the VM does not stand still") == -1)
		return -1;
	if (live)
		t->out.wait_ms = STALL_MS;
	if ((live ? sendmem_collect(&t->mem) : sendmem_scan(&t->mem)) == -1)
		return -1;
	if (live)
		senddisk_collect(&t->disks);
	else
		senddisk_scan(&t->disks);
	if (sendmem_round(&t->mem, true) == -1 ||
	    senddisk_round(&t->disks) == -1 ||
	    sender_flush(t, t->out.wait_ms) == -1 || sender_disks(t) == -1)
		return -1;
	if (machine_state_take(
		t->machine, t->send->still->hold, t->send->paused) == -1 ||
	    machine_state_write(t->machine, t->writer) == -1)
		return sender_why(t, errno, machine_state_error(t->machine));
	/* One that nobody wants any more may not have stood all the time. */
	if (send_is_cancelled(t->send)) {
		errno = ECANCELED;
		return -1;
	}
	return state_write_end(t->writer);
}

static int
sender_state(struct sender *t)
{
	if (sender_begin(t) == -1 || (!t->job.stands && sender_live(t) == -1))
		return -1;
	return sender_rest(t, !t->job.stands);
}

/* --- giving the VM up ------------------------------------------------------
 */

/* What the other side says once the disks are free.  Who gives up at that
 * moment only makes it a matter of locks; mostly the word is on its way. */
static int
sender_hear(struct sender *t, enum handover_word word, uint32_t *flags)
{
	int fd = t->job.fd;

	if (handover_hear(
		fd, t->send->stop_fd, HANDOVER_HEAR_MS, word, flags) == 0)
		return 0;
	if (errno != ECANCELED)
		return -1;
	return handover_hear(fd, -1, HURRY_MS, word, flags);
}

/* Another has written to the disks since: the state that was sent, and is here
 * yet, is no longer that of the VM. */
static bool
sender_is_past(const struct sender *t)
{
	const struct msg_vm_disks_done *now = &t->send->disks;

	for (size_t i = 0; i < t->sent.count && i < VMD_DISKS_MAX; i++)
		if (t->sent.disk[i].generation != 0 &&
		    now->disk[i].generation != 0 &&
		    now->disk[i].generation != t->sent.disk[i].generation)
			return true;
	return false;
}

/* The locks again, for so long as there is a chance.  0, or the errno. */
static int
sender_lock(struct sender *t, int ms)
{
	int64_t until = clock_ms() + ms;
	int error;

	while ((error = send_ask(t->send, SEND_LOCK)) == EWOULDBLOCK &&
	    !sender_is_past(t) && clock_ms() < until)
		sender_sleep_ms(LOCK_AGAIN_MS);
	return error;
}

/* The receiver has not said that it holds the disks, or that word was lost:
 * then it runs the VM, if busy locks and the guest's writes are seen here, too.
 */
static enum send_end
sender_take_back(struct sender *t)
{
	int error = errno, lock;

	/* Whatever it says from now on comes too late, and it hears that;
	 * unless it cannot be reached, and goes by its clock. */
	shutdown(t->job.fd, SHUT_RDWR);
	lock = sender_lock(
	    t, error == ETIMEDOUT ? HANDOVER_HEAR_MS + LOCK_MS : LOCK_MS);
	if (sender_is_past(t) && lock == EWOULDBLOCK)
		return SEND_DONE;
	sender_why(t, error,
	    sender_is_past(t) ? "another has written to its disks"
			      : "the receiver has not taken it");
	return lock == 0 && !sender_is_past(t) ? SEND_STAYS : SEND_UNSURE;
}

/* It has been given up; whether it arrived is seen by the locks, if they are
 * the same on both sides. */
static enum send_end
sender_given(struct sender *t, bool shared)
{
	int error;

	if (sender_hear(t, HANDOVER_RUNS, NULL) == 0)
		return SEND_DONE;
	error = errno;
	shutdown(t->job.fd, SHUT_RDWR);
	if (shared) {
		error = sender_lock(t, LOCK_MS);
		if (error == EWOULDBLOCK)
			return SEND_DONE;
		if (error == 0 && !sender_is_past(t)) {
			sender_why(t, EPIPE, "the receiver has lost it");
			return SEND_STAYS;
		}
	}
	sender_why(t, error, "the receiver does not say that it runs");
	return SEND_UNSURE;
}

static enum send_end
sender_hand_over(struct sender *t)
{
	int fd = t->job.fd;
	uint32_t flags;

	sendout_close(&t->out);
	if (handover_hear(fd, t->send->stop_fd, HANDOVER_HEAR_MS,
		HANDOVER_READY, NULL) == -1) {
		sender_why(t, errno, "the receiver cannot take it");
		return SEND_STAYS;
	}
	if (sender_want(t, SEND_UNLOCK, "unlocking the disks") == -1)
		return SEND_STAYS;
	if (handover_say(fd, HANDOVER_RELEASED, 0) == -1 ||
	    sender_hear(t, HANDOVER_HOLDS, &flags) == -1)
		return sender_take_back(t);
	if (handover_say(fd, HANDOVER_GO, 0) == -1)
		log_debug("send", "the receiver is gone before it could go");
	return sender_given(t, (flags & HANDOVER_SHARED) != 0);
}

static enum send_end
sender_finish(struct sender *t)
{
	if ((t->job.flags & SEND_COPY) != 0 &&
	    sender_want(t, SEND_GO_ON, "") == -1)
		return SEND_STAYS;
	if ((t->job.flags & SEND_TWO_WAY) != 0)
		return sender_hand_over(t);
	return sendout_end(&t->out) == 0 ? SEND_DONE : SEND_STAYS;
}

/* --- the thread ------------------------------------------------------------
 */

static int
sender_open(struct sender *t)
{
	if (sendout_open(&t->out, t->job.fd, t->send->stop_fd) == -1)
		return -1;
	if (t->job.level != 0) {
		t->packer =
		    state_packer_new(t->job.level, state_workers_default());
		if (t->packer == NULL)
			return sender_why(t, errno, "no memory to pack");
	}
	t->writer = state_writer_new(sendout_put, &t->out, t->packer);
	t->machine = machine_state_new(t->send->vcpus);
	if (t->writer == NULL || t->machine == NULL)
		return -1;
	if (S_ISFIFO(t->out.kind) &&
	    state_writer_give(t->writer, sendout_give) == -1)
		return -1;
	t->disks.tick = sender_tick;
	t->disks.arg = t;
	if ((t->job.flags & SEND_DISKS) != 0 &&
	    senddisk_init(&t->disks, t->send->board, t->writer, t->packer,
		t->job.disk_fd) == -1)
		return -1;
	return sendmem_init(&t->mem, t->send->board, t->writer, sender_tick, t);
}

static void
sender_close(struct sender *t)
{
	sendmem_fini(&t->mem);
	senddisk_fini(&t->disks);
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++)
		if (t->job.disk_fd[i] != -1)
			close(t->job.disk_fd[i]);
	vcpus_throttle(t->send->vcpus, 0);
	machine_state_free(t->machine);
	state_writer_free(t->writer);
	state_packer_free(t->packer);
	close(t->job.config_fd);
	sendout_close(&t->out);
}

static enum send_end
sender_run(struct sender *t, int *error)
{
	enum send_end end = SEND_STAYS;

	t->began_ms = clock_ms();
	if (sender_open(t) == 0 && sender_state(t) == 0) {
		sender_show(t, true);
		end = sender_finish(t);
	}
	*error = end != SEND_DONE ? errno : 0;
	if (t->disks.why != NULL)
		sender_why(t, errno, t->disks.why);
	if (t->out.why != NULL)
		sender_why(t, errno, t->out.why);
	sender_close(t);
	/* A file system may say only now that there was no room. */
	if (close(t->job.fd) == -1 && end == SEND_DONE &&
	    S_ISREG(t->out.kind)) {
		*error = errno;
		end = SEND_STAYS;
	}
	return end;
}

void *
sender_thread(void *arg)
{
	struct send *send = arg;
	struct sender t = { .send = send, .job = send->job };
	enum send_end end;
	int error;

	end = sender_run(&t, &error);
	send_over(send, end, error, t.detail);
	return NULL;
}
