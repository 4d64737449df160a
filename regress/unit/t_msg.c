/* SPDX-License-Identifier: ISC */
/*
 * The message table and the links over it: every message has a handler at
 * every receiver, no handler is unreachable, and what a row does not allow
 * never reaches a handler.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "entries.h"
#include "ipc/msg.h"
#include "role/role.h"

/* The receiving end of every link that libevent roles serve. */
static const struct {
	enum msg_peer to, from;
	const msg_handler *handlers;
} links[] = {
	{ PEER_CONTROL, PEER_CLIENT, control_from_client },
	{ PEER_CONTROL, PEER_PARENT, control_from_parent },
	{ PEER_PARENT, PEER_CONTROL, parent_from_control },
	{ PEER_PARENT, PEER_PRIV, parent_from_priv },
	{ PEER_PARENT, PEER_VMM, parent_from_vmm },
	{ PEER_PRIV, PEER_PARENT, priv_from_parent },
	{ PEER_VMM, PEER_PARENT, vmm_from_parent },
	{ PEER_VMM, PEER_VM, vmm_from_vm },
	{ PEER_VMM, PEER_DEVICE, vmm_from_device },
	{ PEER_VMM, PEER_USERNET, vmm_from_usernet },
	{ PEER_VM, PEER_VMM, vm_from_vmm },
};
#define LINKS (sizeof(links) / sizeof(links[0]))

static void
every_message_has_its_handlers(void)
{
	for (size_t l = 0; l < LINKS; l++) {
		for (unsigned int t = 1; t < MSG__COUNT; t++) {
			bool allowed =
			    msg_allowed(t, links[l].from, links[l].to);
			bool handled = links[l].handlers[t] != NULL;

			if (allowed != handled)
				printf("# %s from %s to %s: %s\n", msg_name(t),
				    msg_peer_name(links[l].from),
				    msg_peer_name(links[l].to),
				    allowed ? "no handler" : "unreachable");
			CHECK(allowed == handled);
		}
	}
}

static void
every_message_goes_somewhere(void)
{
	for (unsigned int t = 1; t < MSG__COUNT; t++) {
		bool somewhere = false;

		for (unsigned int e = 0; e < PEER__COUNT * PEER__COUNT; e++)
			somewhere |=
			    msg_allowed(t, e / PEER__COUNT, e % PEER__COUNT);
		CHECK(somewhere);
		CHECK(msg_name(t)[0] != '?');
	}
	CHECK_STR(msg_name(0), "?");
	CHECK_STR(msg_name(MSG__COUNT), "?");
}

/* What a client waits for: more after a part, nothing after anything else, and
 * a part is for clients and nobody else's first. */
static void
a_part_is_not_the_end(void)
{
	CHECK(msg_is_part(MSG_STATUS_VM));
	CHECK(msg_is_part(MSG_STATS_ROW));
	CHECK(!msg_is_part(MSG_RESULT));
	CHECK(!msg_is_part(MSG_STATUS_END));
	CHECK(!msg_is_part(0));
	CHECK(!msg_is_part(MSG__COUNT));
	for (unsigned int t = 1; t < MSG__COUNT; t++) {
		if (msg_is_part(t))
			CHECK(msg_allowed(t, PEER_CONTROL, PEER_CLIENT));
		for (unsigned int p = 1; p < PEER__COUNT; p++)
			CHECK(!msg_allowed(t, p, p));
	}
}

/* Both directions of a question to a VM process, which vmm and the parent read
 * without knowing its kind: the target and the client's number come first. */
static void
questions_and_answers_begin_alike(void)
{
	CHECK_EQ(offsetof(struct msg_vm_ask, target), 0);
	CHECK_EQ(offsetof(struct msg_stats_row, client), 0);
	CHECK_EQ(offsetof(struct msg_vm_answer, client), 0);
	for (unsigned int t = 1; t < MSG__COUNT; t++) {
		if (parent_from_control[t] == parent_from_control[MSG_VM_STATS])
			CHECK(msg_payload_size(t) >= sizeof(struct msg_vm_ask));
		if (msg_is_part(t) && msg_allowed(t, PEER_VM, PEER_VMM))
			CHECK(parent_from_vmm[t] ==
				parent_from_vmm[MSG_STATS_ROW] &&
			    vmm_from_vm[t] == vmm_from_vm[MSG_STATS_ROW]);
	}
}

static void
a_row_is_enforced(void)
{
	size_t target = sizeof(struct msg_vm_target);

	CHECK(msg_check(MSG_VM_WAIT, PEER_CLIENT, PEER_CONTROL, target,
		  false) == NULL);
	CHECK_STR(msg_check(MSG_VM_WAIT, PEER_CLIENT, PEER_CONTROL, target - 1,
		      false),
	    "message too short");
	CHECK_STR(msg_check(MSG_VM_WAIT, PEER_CLIENT, PEER_CONTROL, target + 1,
		      false),
	    "message too long");
	CHECK_STR(
	    msg_check(MSG_VM_WAIT, PEER_CLIENT, PEER_CONTROL, target, true),
	    "unexpected descriptor");
	CHECK_STR(msg_check(MSG_VM_FILE, PEER_CLIENT, PEER_CONTROL,
		      sizeof(struct msg_vm_file), false),
	    "descriptor missing");
	CHECK_STR(
	    msg_check(MSG_VM_WAIT, PEER_CONTROL, PEER_CLIENT, target, false),
	    "message type not allowed on this link");
	CHECK_STR(msg_check(MSG__COUNT, PEER_CLIENT, PEER_CONTROL, 0, false),
	    "unknown message type");
	CHECK(msg_check(MSG_VM_CMDLINE, PEER_CLIENT, PEER_CONTROL,
		  VMD_CMDLINE_MAX, false) == NULL);
	CHECK_STR(msg_check(MSG_VM_CMDLINE, PEER_CLIENT, PEER_CONTROL,
		      VMD_CMDLINE_MAX + 1, false),
	    "message too long");
}

/* --- a link over a socket pair ----------------------------------------------
 */

struct end {
	struct msg_link link;
	int calls;
	enum msg_type type;
	uint32_t peerid;
	size_t tail_len;
	struct msg_vm_file file;
	int fd;
	const char *gone;
};

static void
got_file(void *arg, struct msg *m)
{
	struct end *e = arg;

	e->calls++;
	e->type = m->type;
	e->peerid = m->peerid;
	memcpy(&e->file, m->payload, sizeof(e->file));
	e->fd = m->fd;
	m->fd = -1;
}

static void
got_text(void *arg, struct msg *m)
{
	struct end *e = arg;

	e->calls++;
	e->tail_len = m->tail_len;
}

/* A handler may end its own link. */
static void
got_end(void *arg, struct msg *m)
{
	struct end *e = arg;

	(void)m;
	e->calls++;
	msg_link_fini(&e->link);
}

static void
end_gone(void *arg, const char *why)
{
	((struct end *)arg)->gone = why;
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_VM_FILE] = got_file,
	[MSG_VM_CMDLINE] = got_text,
	[MSG_VM_START_END] = got_end,
};

static bool
pair(struct end *client, struct end *control)
{
	int sv[2];

	memset(client, 0, sizeof(*client));
	memset(control, 0, sizeof(*control));
	control->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return false;
	if (msg_link_init(&client->link, sv[0], PEER_CLIENT, PEER_CONTROL,
		handlers, client) == -1 ||
	    msg_link_init(&control->link, sv[1], PEER_CONTROL, PEER_CLIENT,
		handlers, control) == -1)
		return false;
	msg_link_on_gone(&control->link, end_gone);
	return true;
}

static void
a_message_arrives_whole(void)
{
	struct end a, b;
	const struct msg_vm_file f = { .kind = 5, .index = 3, .flags = 1 };
	int before = entries_fds();

	REQUIRE(pair(&a, &b));
	CHECK_EQ(
	    msg_send(&a.link, MSG_VM_FILE, 77, dup(0), &f, sizeof(f), NULL, 0),
	    0);
	CHECK_EQ(
	    msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, "quiet", 5), 0);
	/* A read ends behind a message with a descriptor. */
	while (b.calls < 2 && msg_link_read(&b.link) == 0)
		continue;
	CHECK_EQ(b.calls, 2);
	CHECK_EQ(b.peerid, 77);
	CHECK_EQ(b.file.index, 3);
	CHECK_EQ(b.tail_len, 5);
	CHECK(b.fd != -1 && fcntl(b.fd, F_GETFD) == FD_CLOEXEC);
	close(b.fd);
	msg_link_fini(&a.link);
	msg_link_fini(&b.link);
	CHECK_EQ(entries_fds(), before);
}

/* What a hostile client may write: the raw bytes of a message. */
static void
send_raw(struct end *a, uint32_t type, size_t len)
{
	char bytes[64] = { 0 };

	imsg_compose(&a->link.ibuf, type, 1, 0, -1, bytes, len);
	imsgbuf_flush(&a->link.ibuf);
}

static void
a_rule_broken_ends_the_link(void)
{
	static const struct {
		uint32_t type;
		size_t len;
		const char *why;
	} bad[] = {
		{ MSG__COUNT + 5, 0, "unknown message type" },
		{ MSG_RESULT, 0, "message type not allowed on this link" },
		{ MSG_VM_FILE, sizeof(struct msg_vm_file),
		    "descriptor missing" },
		{ MSG_VM_WAIT, 1, "message too short" },
		{ MSG_STATUS, 0, "no handler for this message" },
	};
	int before = entries_fds();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct end a, b;

		REQUIRE(pair(&a, &b));
		send_raw(&a, bad[i].type, bad[i].len);
		CHECK_EQ(msg_link_read(&b.link), -1);
		CHECK_STR(b.gone, bad[i].why);
		CHECK_EQ(b.calls, 0);
		msg_link_fini(&a.link);
		msg_link_fini(&b.link);
	}
	CHECK_EQ(entries_fds(), before);
}

static void
a_handler_may_end_its_link(void)
{
	struct end a, b;

	REQUIRE(pair(&a, &b));
	MSG_SEND_EMPTY(&a.link, MSG_VM_START_END, 1);
	MSG_SEND_EMPTY(&a.link, MSG_VM_START_END, 1);
	CHECK_EQ(msg_link_read(&b.link), -1);
	CHECK_EQ(b.calls, 1);
	CHECK(!msg_link_is_open(&b.link));
	CHECK(b.gone == NULL);
	msg_link_fini(&a.link);
}

static void
an_end_of_stream_is_told(void)
{
	struct end a, b;

	REQUIRE(pair(&a, &b));
	msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, "x", 1);
	msg_link_fini(&a.link);
	/* The last message is still handled. */
	while (b.gone == NULL && msg_link_read(&b.link) == 0)
		continue;
	CHECK_EQ(b.calls, 1);
	CHECK_STR(b.gone, "end of stream");
	msg_link_fini(&b.link);
}

/* More than one read takes, from a peer that is gone. */
static void
a_drain_takes_all(void)
{
	struct end a, b;
	char line[1000];

	REQUIRE(pair(&a, &b));
	memset(line, 'x', sizeof(line));
	for (unsigned int i = 0; i < 60; i++)
		msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, line,
		    sizeof(line));
	msg_link_drain(&b.link);
	CHECK_EQ(b.calls, 60);
	CHECK(b.gone == NULL);
	msg_link_drain(&b.link);
	msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, "x", 1);
	msg_link_fini(&a.link);
	msg_link_drain(&b.link);
	CHECK_EQ(b.calls, 61);
	CHECK_STR(b.gone, "end of stream");
	msg_link_fini(&b.link);
	/* There is nothing to read from a closed one. */
	msg_link_drain(&b.link);
}

/* What a text's arrival makes its sender say: the next one. */
static struct end *talker;

static void
got_text_of_talker(void *arg, struct msg *m)
{
	got_text(arg, m);
	msg_send(&talker->link, MSG_VM_CMDLINE, 1, -1, NULL, 0, "x", 1);
}

static void
a_drain_ends_while_the_peer_talks(void)
{
	msg_handler echo[MSG__COUNT] = { [MSG_VM_CMDLINE] =
					     got_text_of_talker };
	struct end a, b;

	REQUIRE(pair(&a, &b));
	b.link.handlers = echo;
	talker = &a;
	msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, "x", 1);
	msg_link_drain(&b.link);
	CHECK(b.calls > 100);
	CHECK(b.calls < 10000);
	CHECK(msg_link_is_open(&b.link));
	msg_link_fini(&a.link);
	msg_link_fini(&b.link);
}

static void *
reads_late(void *arg)
{
	struct end *e = arg;

	usleep(300000);
	while (e->gone == NULL && msg_link_read(&e->link) == 0)
		usleep(1000);
	return NULL;
}

/* To wait for a peer costs time, not the processor's. */
static void
a_flush_sleeps(void)
{
	char line[1000];
	struct timespec before, after;
	pthread_t reader;
	struct end a, b;
	int n = 0;

	REQUIRE(pair(&a, &b));
	memset(line, 'x', sizeof(line));
	for (; n < 1000; n++)
		msg_send(&a.link, MSG_VM_CMDLINE, 1, -1, NULL, 0, line,
		    sizeof(line));
	REQUIRE(pthread_create(&reader, NULL, reads_late, &b) == 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
	CHECK_EQ(msg_link_flush(&a.link), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
	CHECK((after.tv_sec - before.tv_sec) * 1000 +
		(after.tv_nsec - before.tv_nsec) / 1000000 <
	    100);
	msg_link_fini(&a.link);
	pthread_join(reader, NULL);
	CHECK_EQ(b.calls, n);
	CHECK_STR(b.gone, "end of stream");
	msg_link_fini(&b.link);
}

int
main(void)
{
	TEST(every_message_has_its_handlers);
	TEST(every_message_goes_somewhere);
	TEST(a_part_is_not_the_end);
	TEST(questions_and_answers_begin_alike);
	TEST(a_row_is_enforced);
	TEST(a_message_arrives_whole);
	TEST(a_rule_broken_ends_the_link);
	TEST(a_handler_may_end_its_link);
	TEST(an_end_of_stream_is_told);
	TEST(a_drain_takes_all);
	TEST(a_drain_ends_while_the_peer_talks);
	TEST(a_flush_sleeps);
	return CHECK_EXIT();
}
