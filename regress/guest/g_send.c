/* SPDX-License-Identifier: ISC */
/*
 * A VM process that sends its VM, with all its threads: a guest and a device
 * that write to memory meanwhile, readers that are slow, stop or leave, and the
 * other side of a handover, which breaks off at each of its words.
 */
#include <sys/resource.h>

#include <signal.h>

#include "quiet.h"
#include "role/handover.h"
#include "side.h"
#include "side_reader.h"

#define LIMIT_S 60
#define QUESTIONS 2000

static struct side *s;

/* Of a VM that stands: what was read is what it has. */
static void
in_is_the_memory(void)
{
	const uint8_t *memory = vm_map_gpa(s->board.vm, 0, SIDE_MEMORY);
	unsigned int wrong = 0;

	for (unsigned int at = 0; at < SIDE_MEMORY; at += STATE_PAGE)
		if (memcmp(memory + at, in.memory + at, STATE_PAGE) != 0 &&
		    wrong++ < 4)
			printf("# the page at 0x%x is another one\n", at);
	CHECK_EQ(wrong, 0);
}

/* --- the sender ------------------------------------------------------------
 */

/* Asks for a send; the test reads from in.fd. */
static void
ask(uint32_t flags, uint32_t downtime_ms)
{
	int sv[2];

	in.slow = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		abort();
	in.fd = sv[0];
	if (in.theirs != -1)
		close(in.theirs);
	in.theirs = dup(sv[1]);
	side_ask(s, sv[1], flags, downtime_ms);
}

/* The guest, its device and its clocks go on, and nobody logs. */
static void
goes_on(void)
{
	uint64_t value = 0;
	uint32_t n;

	SIDE_UNTIL(s, s->send.phase == SEND_NONE);
	SIDE_LOCK(s);
	CHECK(!still_is_taken(&s->still, STILL_SEND));
	CHECK(!s->board.clock_stopped && !s->hold.still);
	CHECK(!s->board.log.on);
	value = s->device[1].value;
	SIDE_UNLOCK(s);
	n = side_count(s);
	SIDE_UNTIL(s, side_count(s) > n + 1);
	SIDE_UNTIL(s,
	    s->device[1].runs && s->device[1].value > value &&
		s->device[1].log == NULL);
	pthread_mutex_lock(&s->vcpus.lock);
	CHECK_EQ(s->vcpus.throttle, 0);
	pthread_mutex_unlock(&s->vcpus.lock);
}

/* It was not sent: the client hears why, and the guest goes on. */
static void
stays(int error, const char *detail)
{
	SIDE_UNTIL(s, s->answers == 1);
	CHECK_EQ(s->answer.client, SIDE_CLIENT);
	CHECK_EQ(s->answer.error, VM_ERROR_SEND_FAILED);
	CHECK_EQ(s->answer.sys_errno, error);
	CHECK_STR(s->detail, detail);
	CHECK(!s->over);
	goes_on();
}

/* Nobody knows: the guest stands until its user says. */
static void
unsure(void)
{
	SIDE_UNTIL(s, s->over && s->answers == 1);
	CHECK_EQ(s->over_end, SEND_UNSURE);
	CHECK_EQ(s->answer.error, VM_ERROR_SEND_DOUBT);
	CHECK(still_is_taken(&s->still, STILL_SEND));
	SIDE_LOCK(s);
	still_drop(&s->still, STILL_SEND);
	SIDE_UNLOCK(s);
	goes_on();
}

/* It is the receiver's; the process would end here. */
static void
sent(void)
{
	SIDE_UNTIL(s, s->over);
	CHECK_EQ(s->over_end, SEND_DONE);
	CHECK_EQ(s->answers, 0);
	SIDE_LOCK(s);
	CHECK(still_is_taken(&s->still, STILL_SEND));
	in_is_the_memory();
	still_drop(&s->still, STILL_SEND);
	SIDE_UNLOCK(s);
	goes_on();
}

/* Each question is asked once, whatever else the thread has to say. */
static void
asks_once(void)
{
	const struct msg_send_progress progress = { .round = 1 };
	unsigned int asked, failed = 0;

	SIDE_LOCK(s);
	asked = s->disks_asked[DISKS_LOOK];
	SIDE_UNLOCK(s);
	for (unsigned int i = 0; i < QUESTIONS; i++) {
		send_show(&s->send, &progress);
		/* The main thread may be awake by then, or not yet. */
		for (volatile unsigned int n = 0; n < i % 256 * 64; n++)
			continue;
		failed += send_ask(&s->send, SEND_LOOK) != 0;
	}
	usleep(20000);
	SIDE_LOCK(s);
	CHECK_EQ(s->disks_asked[DISKS_LOOK] - asked, QUESTIONS);
	SIDE_UNLOCK(s);
	CHECK_EQ(failed, 0);
}

/* --- without a handover ----------------------------------------------------
 */

/* While the guest and the device write, round by round. */
static void
one_way(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		ask(0, i == 0 ? 1000 : 1);
		CHECK(in_read());
		CHECK_EQ(in.count[STATE_CONFIG], 1);
		CHECK_EQ(in.count[STATE_DISKS], 1);
		CHECK_EQ(in.count[STATE_HANDOVER], 0);
		sent();
		CHECK_EQ(s->disks_asked[DISKS_LOOK], 1);
		CHECK_EQ(s->disks_asked[DISKS_UNLOCK], 0);
		close(in.fd);
	}
}

/* The VM goes on as soon as all is written, and its client hears of that. */
static void
a_copy(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC);

	side_ask(s, dup(fd), SEND_COPY | SEND_TWO_WAY, 1000);
	SIDE_UNTIL(s, s->answers == 1);
	CHECK_EQ(s->answer.error, VM_ERROR_OK);
	goes_on();
	CHECK(!s->over);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	in.fd = fd;
	CHECK(in_read());
	CHECK_EQ(in.count[STATE_HANDOVER], 0);
	close(fd);
}

static void
paused_before(void)
{
	SIDE_LOCK(s);
	still_take(&s->still, STILL_PAUSE, side_stands, s);
	SIDE_UNLOCK(s);
	SIDE_UNTIL(s, s->still.stands);
	ask(0, 300);
	CHECK(in_read());
	close(in.fd);
	SIDE_UNTIL(s, s->over && s->over_end == SEND_DONE);
	CHECK_EQ(s->progress.round, 0);
	SIDE_LOCK(s);
	in_is_the_memory();
	still_drop(&s->still, STILL_SEND);
	CHECK(s->hold.still);
	still_drop(&s->still, STILL_PAUSE);
	SIDE_UNLOCK(s);
	goes_on();
}

static uint32_t
throttled(void)
{
	uint32_t percent;

	pthread_mutex_lock(&s->vcpus.lock);
	percent = s->vcpus.throttle;
	pthread_mutex_unlock(&s->vcpus.lock);
	return percent;
}

static void *
in_thread(void *arg)
{
	*(bool *)arg = in_read();
	return NULL;
}

/* The guest writes faster than a slow reader reads. */
static void
slow_reader(void)
{
	bool whole = false;
	pthread_t thread;

	ask(0, 20);
	in.slow = true;
	REQUIRE(pthread_create(&thread, NULL, in_thread, &whole) == 0);
	SIDE_UNTIL(s, throttled() > 0 || s->over);
	CHECK(throttled() > 0);
	pthread_join(thread, NULL);
	CHECK(whole);
	sent();
	CHECK(s->progress.throttle > 0);
	CHECK(s->progress.round > 2);
	CHECK(s->progress.sent > SIDE_MEMORY);
	close(in.fd);
}

/* The rest would fit, but is much less after another round; a third would not
 * make it any less. */
static void
shorter_yet(void)
{
	bool whole = false;
	pthread_t thread;

	ask(0, 60000);
	in.slow = true;
	REQUIRE(pthread_create(&thread, NULL, in_thread, &whole) == 0);
	pthread_join(thread, NULL);
	CHECK(whole);
	sent();
	CHECK_EQ(s->progress.round, 2);
	CHECK_EQ(s->progress.throttle, 0);
	close(in.fd);
}

/* --- that goes wrong -------------------------------------------------------
 */

/* After so many bytes. */
static void
reader_leaves(void)
{
	static const size_t after[] = { 0, 32, 4096, 1000000 };

	for (unsigned int i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		ask(0, 1);
		in_some(after[i]);
		close(in.fd);
		stays(EPIPE, "writing the state");
	}
}

static void
cancel(uint32_t client)
{
	const struct msg_vm_cancel m = { .client = client };

	SIDE_LOCK(s);
	MSG_SEND(&s->vmm, MSG_VM_CANCEL, 1, &m);
	SIDE_UNLOCK(s);
}

static void
is_cancelled(void)
{
	cancel(SIDE_CLIENT + 1);
	cancel(SIDE_CLIENT);
	SIDE_UNTIL(s, s->answers == 1);
	CHECK_EQ(s->answer.error, VM_ERROR_CANCELLED);
	goes_on();
	CHECK_EQ(s->answers, 1);
	CHECK(!s->over);
	close(in.fd);
}

/* The thread waits for the reader, before and after the VM stands. */
static void
cancelled(void)
{
	ask(0, 1);
	is_cancelled();
	ask(0, 1);
	in_some(100000);
	is_cancelled();
	/* As it would anyway, once all is written. */
	ask(0, 60000);
	in_some(SIDE_MEMORY / 4 * 3);
	is_cancelled();
	/* For the receiver's first word. */
	ask(SEND_TWO_WAY, 1000);
	CHECK(in_read());
	is_cancelled();
	CHECK_EQ(s->disks_asked[DISKS_UNLOCK], 0);
}

/* While it does not stand yet: a device has not finished. */
static void
cancelled_before_it_stands(void)
{
	bool whole = true;
	pthread_t thread;
	unsigned int stops;

	SIDE_LOCK(s);
	stops = s->device[1].stops;
	s->device[1].hangs = true;
	SIDE_UNLOCK(s);
	ask(0, 60000);
	REQUIRE(pthread_create(&thread, NULL, in_thread, &whole) == 0);
	SIDE_UNTIL(s, s->device[1].stops > stops);
	cancel(SIDE_CLIENT);
	SIDE_UNTIL(
	    s, s->answers == 1 && !still_is_taken(&s->still, STILL_SEND));
	SIDE_UNTIL(s, s->send.phase == SEND_NONE);
	SIDE_LOCK(s);
	CHECK(!s->board.clock_stopped && !s->device[1].runs);
	side_device_say_stopped(&s->device[1]);
	SIDE_UNLOCK(s);
	goes_on();
	close(in.theirs);
	in.theirs = -1;
	pthread_join(thread, NULL);
	CHECK(!whole);
	close(in.fd);
}

/* One at a time, and not while something is in its way. */
static void
is_refused(void)
{
	int other;

	SIDE_LOCK(s);
	s->refuse = "a debugger has it";
	SIDE_UNLOCK(s);
	ask(0, 300);
	SIDE_UNTIL(s, s->answers == 1);
	CHECK_STR(s->detail, "a debugger has it");
	close(in.fd);
	SIDE_LOCK(s);
	s->refuse = NULL;
	SIDE_UNLOCK(s);
	ask(0, 1);
	other = in.fd;
	ask(0, 1);
	SIDE_UNTIL(s, s->answers == 1);
	CHECK_EQ(s->answer.error, VM_ERROR_SENDING);
	close(in.fd);
	in.fd = other;
	SIDE_LOCK(s);
	s->answers = 0;
	SIDE_UNLOCK(s);
	is_cancelled();
	/* It comes while memory travels. */
	ask(0, 60000);
	in_some(4096);
	SIDE_LOCK(s);
	s->refuse = "a debugger has it";
	SIDE_UNLOCK(s);
	close(in.theirs);
	in.theirs = -1;
	while (read(in.fd, in.memory, sizeof(in.memory)) > 0)
		continue;
	stays(EBUSY, "the VM does not stand still");
	SIDE_LOCK(s);
	s->refuse = NULL;
	SIDE_UNLOCK(s);
	close(in.fd);
}

/* A file system without room, by a limit on this process. */
static void
no_room(void)
{
	struct rlimit old, limit;
	int fd = memfd_create("state", MFD_CLOEXEC);

	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
	limit = old;
	limit.rlim_cur = 500000;
	REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	side_ask(s, fd, 0, 1000);
	SIDE_UNTIL(s, s->answers == 1);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
	stays(EFBIG, "writing the state");
	side_ask(s, open("/dev/full", O_WRONLY | O_CLOEXEC), 0, 1000);
	stays(ENOSPC, "writing the state");
}

/* --- with a handover -------------------------------------------------------
 */

static void
disks_say(enum disks_what what, enum vm_error answer)
{
	SIDE_LOCK(s);
	s->disks_answer[what] = answer;
	SIDE_UNLOCK(s);
}

/* As far as the receiver's word that comes next. */
static void
to(enum handover_word word)
{
	uint32_t flags = 0;

	ask(SEND_TWO_WAY, 1000);
	CHECK(in_read());
	CHECK_EQ(in.count[STATE_HANDOVER], 1);
	SIDE_UNTIL(s, s->disks_asked[DISKS_UNLOCK] == 0);
	if (word == HANDOVER_READY)
		return;
	CHECK_EQ(handover_say(in.fd, HANDOVER_READY, 0), 0);
	CHECK_EQ(handover_hear(in.fd, -1, 5000, HANDOVER_RELEASED, &flags), 0);
	SIDE_UNTIL(
	    s, s->disks_asked[DISKS_UNLOCK] == 1 && send_is_handing(&s->send));
}

/* And over HOLDS. */
static void
to_runs(uint32_t flags)
{
	to(HANDOVER_HOLDS);
	CHECK_EQ(handover_say(in.fd, HANDOVER_HOLDS, flags), 0);
	CHECK_EQ(handover_hear(in.fd, -1, 5000, HANDOVER_GO, NULL), 0);
}

static void
handed_over(void)
{
	to_runs(0);
	CHECK_EQ(handover_say(in.fd, HANDOVER_RUNS, 0), 0);
	sent();
	CHECK_EQ(s->disks_asked[DISKS_LOCK], 0);
	close(in.fd);
}

static void
breaks_off_before_ready(void)
{
	to(HANDOVER_READY);
	close(in.fd);
	stays(EPIPE, "the receiver cannot take it");
	CHECK_EQ(s->disks_asked[DISKS_UNLOCK], 0);
	to(HANDOVER_READY);
	CHECK_EQ(handover_say(in.fd, HANDOVER_RUNS, 0), 0);
	stays(EBADMSG, "the receiver cannot take it");
	close(in.fd);
	/* The locks cannot be let go of. */
	to(HANDOVER_READY);
	disks_say(DISKS_UNLOCK, VM_ERROR_FAILED);
	CHECK_EQ(handover_say(in.fd, HANDOVER_READY, 0), 0);
	stays(EIO, "unlocking the disks");
	CHECK_EQ(handover_hear(in.fd, -1, 20, HANDOVER_RELEASED, NULL), -1);
	disks_say(DISKS_UNLOCK, VM_ERROR_OK);
	close(in.fd);
}

/* The locks are taken again, and if they cannot be, nobody knows. */
static void
breaks_off_before_holds(void)
{
	to(HANDOVER_HOLDS);
	SIDE_LOCK(s);
	s->disks_busy = 2;
	SIDE_UNLOCK(s);
	cancel(SIDE_CLIENT); /* too late */
	close(in.fd);
	stays(EPIPE, "the receiver has not taken it");
	CHECK_EQ(s->disks_asked[DISKS_LOCK], 3);
	to(HANDOVER_HOLDS);
	CHECK_EQ(handover_say(in.fd, HANDOVER_GO, 0), 0);
	stays(EBADMSG, "the receiver has not taken it");
	/* It hears that it is too late. */
	CHECK_EQ(handover_say(in.fd, HANDOVER_HOLDS, 0), -1);
	CHECK_EQ(handover_hear(in.fd, -1, 5000, HANDOVER_GO, NULL), -1);
	close(in.fd);
	to(HANDOVER_HOLDS);
	disks_say(DISKS_LOCK, VM_ERROR_FAILED);
	close(in.fd);
	unsure();
	disks_say(DISKS_LOCK, VM_ERROR_OK);
}

/* The locks tell, if they are the same ones. */
static void
breaks_off_before_runs(void)
{
	to_runs(0);
	close(in.fd);
	unsure();
	CHECK_STR(s->detail, "the receiver does not say that it runs");
	CHECK_EQ(s->disks_asked[DISKS_LOCK], 0);
	to_runs(0);
	CHECK_EQ(handover_say(in.fd, HANDOVER_READY, 0), 0);
	unsure();
	close(in.fd);
	to_runs(HANDOVER_SHARED);
	close(in.fd);
	stays(EPIPE, "the receiver has lost it");
	to_runs(HANDOVER_SHARED);
	disks_say(DISKS_LOCK, VM_ERROR_FAILED);
	close(in.fd);
	unsure();
	disks_say(DISKS_LOCK, VM_ERROR_OK);
}

static void
begins(void)
{
	GUEST_NEEDS_KVM();
	CHECK((s = side_sender()) != NULL);
}

int
main(void)
{
	alarm(LIMIT_S);
	quiet_log();
	signal(SIGPIPE, SIG_IGN);
	TEST(begins);
	if (s == NULL)
		return CHECK_EXIT();
	TEST(asks_once);
	TEST(one_way);
	TEST(a_copy);
	TEST(paused_before);
	TEST(slow_reader);
	TEST(shorter_yet);
	TEST(reader_leaves);
	TEST(cancelled);
	TEST(cancelled_before_it_stands);
	TEST(is_refused);
	TEST(no_room);
	TEST(handed_over);
	TEST(breaks_off_before_ready);
	TEST(breaks_off_before_holds);
	TEST(breaks_off_before_runs);
	return CHECK_EXIT();
}
