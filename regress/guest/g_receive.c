/* SPDX-License-Identifier: ISC */
/*
 * A VM process that receives a VM, with all its threads: a state that another
 * one has sent, whole and spoilt, and the other side of a handover, which
 * breaks off at each of its words.
 */
#include <signal.h>

#include "image/state_read.h"
#include "image/state_wire.h"
#include "image/state_write.h"
#include "quiet.h"
#include "role/handover.h"
#include "side.h"
#include "state_sample.h"

#define LIMIT_S 60
#define SECTIONS 64

/* What was sent. */
static struct state_bytes state, two_way;
static _Alignas(4096) uint8_t memory[SIDE_MEMORY];
static uint32_t count; /* of the guest, when it was sent, or less */

/* Where sections begin, END's end last. */
static struct {
	size_t at[SECTIONS + 1];
	uint32_t type[SECTIONS];
	unsigned int count;
} parts;

/* --- what is sent ----------------------------------------------------------
 */

static void *
gather(void *arg)
{
	struct state_bytes *b = arg;
	uint8_t bytes[16384];
	struct iovec iov = { .iov_base = bytes };
	ssize_t n;

	/* at: the descriptor, until it is read from. */
	while ((n = read((int)b->at, bytes, sizeof(bytes))) > 0) {
		iov.iov_len = (size_t)n;
		sample_put(b, &iov, 1);
	}
	b->at = 0;
	return NULL;
}

/* A state of s, which stands then; flags of the send. */
static void
send_to(struct side *s, struct state_bytes *b, uint32_t flags)
{
	pthread_t thread;
	int sv[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	b->at = (size_t)sv[0];
	REQUIRE(pthread_create(&thread, NULL, gather, b) == 0);
	side_ask(s, sv[1], flags, 1000);
	if ((flags & SEND_TWO_WAY) != 0) {
		/* It answers RELEASED to that, and hears no more. */
		CHECK_EQ(handover_say(sv[0], HANDOVER_READY, 0), 0);
		shutdown(sv[0], SHUT_WR);
		SIDE_UNTIL(s, s->answers == 1);
	} else
		SIDE_UNTIL(s, s->over);
	pthread_join(thread, NULL);
	if ((flags & SEND_TWO_WAY) != 0)
		b->len -= HANDOVER_FRAME;
	close(sv[0]);
}

static bool
parts_find(void)
{
	struct state_reader *r = state_reader_new(sample_get, &state);
	struct state_section section;
	int more;

	state.at = 0;
	while (
	    (more = state_next(r, &section)) == 1 && parts.count < SECTIONS) {
		parts.at[parts.count] = (size_t)section.offset;
		parts.type[parts.count++] = section.head.type;
	}
	parts.at[parts.count] = state.at;
	state_reader_free(r);
	return more == 0 && parts.at[parts.count] == state.len;
}

static void
is_sent(void)
{
	struct side *s;

	GUEST_NEEDS_KVM();
	REQUIRE((s = side_sender()) != NULL);
	count = side_count(s);
	send_to(s, &two_way, SEND_TWO_WAY);
	SIDE_UNTIL(s, s->send.phase == SEND_NONE);
	send_to(s, &state, 0);
	SIDE_LOCK(s);
	CHECK(s->hold.still);
	CHECK_EQ(vm_copyout(s->board.vm, 0, memory, SIDE_MEMORY), 0);
	SIDE_UNLOCK(s);
	CHECK(parts_find());
	side_end(s, true);
}

/* --- the receiver ----------------------------------------------------------
 */

/* The test's ends. */
static int to, from;

static void *
feed(void *arg)
{
	const struct state_bytes *b = arg;
	size_t at = 0;
	ssize_t n;

	while (at < b->len && (n = write(to, b->bytes + at, b->len - at)) > 0)
		at += (size_t)n;
	return NULL;
}

/* Begins to read; the first head bytes by way of a file, as vmctl has read
 * them. */
static struct side *
receiver(const struct state_bytes *b, size_t head, bool ack, bool threads)
{
	struct vmspec *spec = vmspec_new();
	struct state_bytes rest = { b->bytes + head, b->len - head, 0, 0 };
	int sv[2], back[2], fd = memfd_create("head", MFD_CLOEXEC);
	struct receive *r;
	pthread_t thread;
	struct side *s;
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, back) == -1 ||
	    (s = side_new(spec)) == NULL)
		return NULL;
	to = sv[0];
	from = back[0];
	vmspec_put(spec, VM_FILE_STATE, 0, sv[1], 0);
	if (ack)
		vmspec_put(spec, VM_FILE_STATE_ACK, 0, back[1], 0);
	else
		close(back[1]);
	if (head != 0) {
		CHECK_EQ(write(fd, b->bytes, head), (ssize_t)head);
		lseek(fd, 0, SEEK_SET);
		vmspec_put(spec, VM_FILE_STATE_HEAD, 0, fd, 0);
	} else
		close(fd);
	r = &s->receive;
	*r = (struct receive) { .child = &s->child,
		.board = &s->board,
		.vcpus = &s->vcpus,
		.hold = &s->hold,
		.still = &s->still,
		.done = side_done,
		.failed = side_failed,
		.arg = s };
	if (threads && vcpus_start(&s->vcpus) == -1)
		return NULL;
	SIDE_LOCK(s);
	error = receive_begin(r, spec);
	SIDE_UNLOCK(s);
	vmspec_free(spec);
	if (error == -1 || !side_run(s) ||
	    pthread_create(&thread, NULL, feed, &rest) != 0)
		return NULL;
	pthread_join(thread, NULL);
	return s;
}

static void
leave(struct side *s, bool threads)
{
	side_end(s, threads);
	close(to);
	close(from);
}

/* The guest is where it was, and goes on; its device does, too. */
static void
runs(struct side *s, const char *text)
{
	uint32_t n;

	SIDE_UNTIL(s, s->done || s->failed);
	if (!CHECK(s->done && !s->done_paused))
		printf("# %u %s\n", s->why.error, s->detail);
	CHECK_STR(s->detail, text);
	n = side_count(s);
	CHECK(n >= count);
	SIDE_UNTIL(s, side_count(s) > n + 1);
	SIDE_UNTIL(s, s->device[1].runs);
	SIDE_LOCK(s);
	CHECK(!s->hold.still && s->still.takers == 0);
	CHECK_EQ(s->device[1].starts, 1);
	SIDE_UNLOCK(s);
}

/* It cannot be: nothing has run. */
static void
fails(struct side *s, enum vm_error error, const char *detail)
{
	SIDE_UNTIL(s, s->done || s->failed);
	CHECK(!s->done);
	CHECK_EQ(s->why.error, error);
	if (detail != NULL)
		CHECK_STR(s->detail, detail);
	CHECK(hold_is_taken(&s->hold, HOLD_START));
	CHECK(!s->device[1].runs);
}

/* --- without a handover ----------------------------------------------------
 */

static void
one_way(void)
{
	const uint8_t *is;
	struct side *s;
	unsigned int wrong = 0;

	REQUIRE((s = receiver(&state, 100, false, true)) != NULL);
	runs(s, "");
	CHECK_EQ(s->disks_asked[DISKS_LOCK], 1);
	/* What nobody writes to; the guest's and the device's own has moved. */
	is = vm_map_gpa(s->board.vm, 0, SIDE_MEMORY);
	for (unsigned int at = 0; at < SIDE_MEMORY; at += 4096)
		if (at != 0 && (at < 0x20000 || at >= 0x60000) &&
		    (at < 0x100000 || at >= 0x110000))
			wrong += memcmp(is + at, memory + at, 4096) != 0;
	CHECK_EQ(wrong, 0);
	leave(s, true);
}

/* At each boundary of sections, and within each. */
static void
truncated(void)
{
	for (unsigned int i = 0; i <= parts.count; i++) {
		size_t end = i < parts.count ? parts.at[i + 1] : 0;
		const size_t at[] = { parts.at[i], parts.at[i] + 7,
			parts.at[i] + (end - parts.at[i]) / 2 };

		for (unsigned int j = 0; j < 3 && i < parts.count; j++) {
			struct state_bytes cut = state;
			struct side *s;

			/* Bulk is all alike. */
			if (parts.type[i] == STATE_MEMORY && i % 4 != 0)
				break;
			cut.len = at[j];
			s = receiver(&cut, 0, false, false);
			REQUIRE(s != NULL);
			shutdown(to, SHUT_WR);
			fails(s, VM_ERROR_STATE_BAD, NULL);
			CHECK(strncmp(s->detail, "truncated", 9) == 0);
			CHECK_EQ(s->disks_asked[DISKS_LOCK], 0);
			leave(s, false);
		}
	}
}

/* --- streams made anew -----------------------------------------------------
 */

/* Which section another one is put before, what is left out or changed. */
struct change {
	uint32_t before; /* 0: none */
	uint32_t move; /* this one comes there; 0: an unknown one */
	uint32_t drop; /* 0: none */
	uint16_t version; /* of the unknown one, or of before, if it is more */
	uint16_t flags; /* of the unknown one */
	uint64_t config; /* CONFIG says so much memory; 0: as it is */
};

static const uint8_t *
payload_of(uint32_t type, struct state_head *h)
{
	for (unsigned int i = 0; i < parts.count; i++)
		if (parts.type[i] == type) {
			const uint8_t *p = state.bytes + parts.at[i];

			h->type = type;
			h->version = (uint16_t)(p[4] | p[5] << 8);
			h->flags = (uint16_t)(p[6] | p[7] << 8);
			h->length = state_get64(p + 8);
			return p + STATE_HEADER;
		}
	return NULL;
}

static void
put(struct state_writer *w, uint32_t type, const struct change *c)
{
	struct state_head h = { 0 };
	const uint8_t *p = payload_of(type, &h);
	uint8_t config[STATE_CONFIG_MAX];

	if (p == NULL)
		return;
	memcpy(config, p, type == STATE_CONFIG ? (size_t)h.length : 0);
	if (type == STATE_CONFIG && c->config != 0) {
		state_put64(config, c->config);
		p = config;
	}
	if (type == c->before && c->version > 1 && c->move == 0 &&
	    c->flags == 0)
		h.version = c->version;
	CHECK_EQ(state_write_raw(w, &h, p, (size_t)h.length), 0);
}

/* The state with one change; memory is left out: it is not what this is of. */
static void
change(struct state_bytes *to_bytes, const struct change *c)
{
	struct state_writer *w = state_writer_new(sample_put, to_bytes, NULL);
	const struct state_head unknown = { .type = 0x7fffff02U,
		.version = 3,
		.flags = c->flags & STATE_REQUIRED };

	CHECK_EQ(state_write_begin(w), 0);
	for (unsigned int i = 0; i < parts.count; i++) {
		uint32_t type = parts.type[i];

		if (type == c->before && c->move != 0)
			put(w, c->move, c);
		else if (type == c->before && c->version <= 1)
			CHECK_EQ(state_write_raw(w, &unknown, "later", 5), 0);
		if (type == STATE_END)
			CHECK_EQ(state_write_end(w), 0);
		else if (type != STATE_MEMORY && type != c->drop)
			put(w, type, c);
	}
	state_writer_free(w);
}

static const struct {
	const char *name;
	struct change change;
	enum vm_error error; /* VM_ERROR_OK: it runs */
	const char *detail; /* NULL: any */
} changes[] = {
	{ "an unknown section", { .before = STATE_VCPU }, VM_ERROR_OK, "" },
	{ "an unknown one that is required",
	    { .before = STATE_VCPU, .flags = STATE_REQUIRED },
	    VM_ERROR_STATE_BAD, NULL },
	{ "a later version", { .before = STATE_BOARD, .version = 2 },
	    VM_ERROR_STATE_BAD, NULL },
	{ "VCPU before CPU",
	    { .before = STATE_CPU, .move = STATE_VCPU, .drop = STATE_VCPU },
	    VM_ERROR_STATE_BAD, NULL },
	{ "CONFIG behind CPU",
	    { .before = STATE_DISKS,
		.move = STATE_CONFIG,
		.drop = STATE_CONFIG },
	    VM_ERROR_STATE_BAD, NULL },
	{ "CONFIG twice", { .before = STATE_DISKS, .move = STATE_CONFIG },
	    VM_ERROR_STATE_BAD, NULL },
	{ "no DISKS", { .drop = STATE_DISKS }, VM_ERROR_STATE_BAD,
	    "it does not have its disks" },
	{ "no BOARD", { .drop = STATE_BOARD }, VM_ERROR_STATE_BAD, NULL },
	{ "no TIME", { .drop = STATE_TIME }, VM_ERROR_STATE_BAD, NULL },
	{ "no CHIPS", { .drop = STATE_CHIPS }, VM_ERROR_STATE_BAD, NULL },
	{ "no VCPU", { .drop = STATE_VCPU }, VM_ERROR_STATE_BAD, NULL },
	{ "another VM", { .config = 4U << 20 }, VM_ERROR_STATE_OTHER,
	    "another size of memory" },
};

static void
changed(void)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct state_bytes b = { 0 };
		struct side *s;

		change(&b, &changes[i].change);
		s = receiver(&b, 0, false, true);
		REQUIRE(s != NULL);
		shutdown(to, SHUT_WR);
		SIDE_UNTIL(s, s->done || s->failed);
		if (!CHECK(s->failed == (changes[i].error != VM_ERROR_OK) &&
			s->why.error == changes[i].error))
			printf("# %s: error %u, %s\n", changes[i].name,
			    s->why.error, s->detail);
		if (changes[i].detail != NULL)
			CHECK_STR(s->detail, changes[i].detail);
		leave(s, true);
		sample_free(&b);
	}
}

/* --- disks -----------------------------------------------------------------
 */

/* They are looked at when they are locked. */
static void
disks_differ(void)
{
	static const struct {
		uint64_t size, generation;
		enum vm_error error;
	} disks[] = { { 1U << 21, 77, VM_ERROR_DISK_SIZE },
		{ 1U << 20, 78, VM_ERROR_DISK_CHANGED } };

	for (unsigned int i = 0; i < 2; i++) {
		struct state_bytes head = state;
		struct side *s;

		/* END comes when vmm knows what to say. */
		head.len--;
		REQUIRE((s = receiver(&head, 0, false, true)) != NULL);
		SIDE_LOCK(s);
		s->disk_size = disks[i].size;
		s->disk_generation = disks[i].generation;
		SIDE_UNLOCK(s);
		CHECK_EQ(write(to, state.bytes + head.len, 1), 1);
		fails(s, disks[i].error, "");
		CHECK_EQ(s->why.file, VM_FILE_DISK);
		CHECK_EQ(s->why.index, 0);
		leave(s, true);
	}
}

/* --- with a handover -------------------------------------------------------
 */

/* As far as HOLDS, with the locks shared or not. */
static struct side *
to_holds(uint32_t shared, uint32_t *flags)
{
	struct side *s = receiver(&two_way, 0, true, true);

	if (s == NULL)
		abort();
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_READY, NULL), 0);
	SIDE_LOCK(s);
	CHECK(!s->done && s->disks_asked[DISKS_LOCK] == 0);
	s->disks_flags = shared;
	s->disks_busy = 2;
	SIDE_UNLOCK(s);
	CHECK_EQ(handover_say(to, HANDOVER_RELEASED, 0), 0);
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_HOLDS, flags), 0);
	SIDE_LOCK(s);
	CHECK(!s->done);
	CHECK_EQ(s->disks_asked[DISKS_LOCK], 3);
	SIDE_UNLOCK(s);
	return s;
}

static void
handed_over(void)
{
	uint32_t flags = 7;
	struct side *s = to_holds(0, &flags);

	CHECK_EQ(flags, 0);
	CHECK_EQ(handover_say(to, HANDOVER_GO, 0), 0);
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_RUNS, NULL), 0);
	runs(s, "");
	leave(s, true);
}

/* A sender that says something else, or nothing any more. */
static void
breaks_off_before_released(void)
{
	struct side *s = receiver(&two_way, 0, true, true);

	REQUIRE(s != NULL);
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_READY, NULL), 0);
	CHECK_EQ(handover_say(to, HANDOVER_GO, 0), 0);
	fails(s, VM_ERROR_STATE_BAD,
	    "the sender was gone before it had given the VM up");
	leave(s, true);
	/* Its locks are free now, so it has ended: this is the VM. */
	s = receiver(&two_way, 0, true, true);
	REQUIRE(s != NULL);
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_READY, NULL), 0);
	SIDE_LOCK(s);
	s->disks_flags = DISKS_SHARED;
	s->disks_busy = 3;
	SIDE_UNLOCK(s);
	shutdown(to, SHUT_WR);
	runs(s, "");
	leave(s, true);
}

static void
breaks_off_before_go(void)
{
	uint32_t flags = 0;
	struct side *s = to_holds(0, &flags);

	shutdown(to, SHUT_WR);
	SIDE_UNTIL(s, s->done || s->failed);
	CHECK(s->done && s->done_paused);
	CHECK_STR(s->detail, vm_error_text(VM_ERROR_RECEIVE_DOUBT));
	SIDE_UNTIL(s, still_is_taken(&s->still, STILL_PAUSE));
	CHECK_EQ(side_count(s), side_count(s));
	CHECK(!s->device[1].runs);
	/* It does not say that it runs. */
	CHECK_EQ(handover_hear(from, -1, 20000, HANDOVER_RUNS, NULL), -1);
	leave(s, true);
	s = to_holds(DISKS_SHARED, &flags);
	CHECK_EQ(flags, HANDOVER_SHARED);
	shutdown(to, SHUT_WR);
	runs(s, "");
	leave(s, true);
}

/* Who waits for an answer gets one, or it is not taken. */
static void
no_way_back(void)
{
	struct side *s = receiver(&two_way, 0, false, true);

	REQUIRE(s != NULL);
	fails(s, VM_ERROR_STATE_BAD,
	    "its sender waits for an answer, and there is no way back");
	leave(s, true);
}

int
main(void)
{
	alarm(LIMIT_S);
	quiet_log();
	signal(SIGPIPE, SIG_IGN);
	TEST(is_sent);
	if (state.len == 0)
		return CHECK_EXIT();
	TEST(one_way);
	TEST(truncated);
	TEST(changed);
	TEST(disks_differ);
	TEST(handed_over);
	TEST(breaks_off_before_released);
	TEST(breaks_off_before_go);
	TEST(no_way_back);
	return CHECK_EXIT();
}
