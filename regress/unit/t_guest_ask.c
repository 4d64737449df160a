/* SPDX-License-Identifier: ISC */
/*
 * How much vmm lets the process of a VM answer, and to what.
 */
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/answer.h"
#include "role/guest.h"

static unsigned int parts, answers;
static struct msg_vm_answer last;

static void
to_parent(void *arg, enum msg_type type, uint32_t vm_id, const void *payload,
    size_t len, const void *tail, size_t tail_len)
{
	(void)arg;
	(void)tail;
	(void)tail_len;
	CHECK_EQ(vm_id, 3);
	parts += type == MSG_STATS_ROW;
	if (type == MSG_VM_ANSWER) {
		answers++;
		CHECK_EQ(len, sizeof(last));
		memcpy(&last, payload, sizeof(last));
	}
}

static struct guest_host host = { .to_parent = to_parent };
static struct guest *g;
static struct guest_proc p;
static int vm_end = -1; /* the VM process's end of its socket */

static bool
begin(void)
{
	struct vmspec *s = vmspec_new();
	int sv[2];

	strlcpy(s->start.target.name, "web1", sizeof(s->start.target.name));
	g = guest_new(&host, 3, s);
	memset(&p, 0, sizeof(p));
	p.guest = g;
	p.role = ROLE_VM;
	g->vm = &p;
	parts = answers = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return false;
	vm_end = sv[1];
	return msg_link_init(
		   &p.link, sv[0], PEER_VMM, PEER_VM, vmm_from_vm, &p) == 0;
}

static void
end(void)
{
	msg_link_fini(&p.link);
	close(vm_end);
	guest_free(g);
}

static void
ask(uint32_t client)
{
	const struct msg_vm_ask a = { .client = client };
	struct msg m = {
		.type = MSG_VM_STATS, .payload = &a, .tail = "", .fd = -1
	};

	guest_ask(g, &m);
}

static void
say(enum msg_type type)
{
	const struct msg_stats_row row = { .client = 5 };
	const struct msg_vm_answer a = { .client = 5 };
	struct msg m = { .type = type, .tail = "", .fd = -1 };

	m.payload = type == MSG_STATS_ROW ? (const void *)&row : &a;
	vmm_from_vm[type](&p, &m);
}

static bool
is_heard(void)
{
	return msg_link_is_open(&p.link);
}

static void
an_answer_passes(void)
{
	REQUIRE(begin());
	for (unsigned int i = 0; i < 3; i++) {
		ask(5);
		ask(6);
		for (unsigned int n = 0; n < 2 * ANSWER_PARTS; n++)
			say(MSG_STATS_ROW);
		say(MSG_VM_ANSWER);
		say(MSG_VM_ANSWER);
		CHECK(is_heard());
		CHECK_EQ(parts, (i + 1) * 2 * ANSWER_PARTS);
		CHECK_EQ(answers, (i + 1) * 2);
	}
	end();
}

static void
what_nobody_asked_ends_it(void)
{
	REQUIRE(begin());
	say(MSG_STATS_ROW);
	CHECK_EQ(parts, 0);
	CHECK(!is_heard());
	end();
	REQUIRE(begin());
	say(MSG_VM_ANSWER);
	CHECK_EQ(answers, 0);
	CHECK(!is_heard());
	end();
	/* What was left over of one question is not there for the next. */
	REQUIRE(begin());
	ask(5);
	say(MSG_VM_ANSWER);
	say(MSG_STATS_ROW);
	CHECK_EQ(parts, 0);
	CHECK(!is_heard());
	end();
}

static void
a_flood_ends_it(void)
{
	unsigned int said = 0;

	REQUIRE(begin());
	ask(5);
	while (is_heard() && said < 100000) {
		say(MSG_STATS_ROW);
		said++;
	}
	CHECK(!is_heard());
	CHECK(parts >= ANSWER_PARTS && parts < ANSWER_PARTS + 50);
	/* Nobody waits in vain. */
	ask(6);
	CHECK_EQ(answers, 1);
	CHECK_EQ(last.client, 6);
	CHECK_EQ(last.error, VM_ERROR_FAILED);
	end();
}

/* A long work tells how far it is, for as long as it takes. */
static void
a_slow_answer_may_be_long(void)
{
	REQUIRE(begin());
	ask(5);
	for (unsigned int n = 0; n < ANSWER_PARTS; n++)
		say(MSG_STATS_ROW);
	for (unsigned int n = 0; n < 3; n++) {
		usleep((ANSWER_PARTS_MS + 5) * 1000);
		say(MSG_STATS_ROW);
		CHECK(is_heard());
	}
	CHECK_EQ(parts, ANSWER_PARTS + 3);
	end();
}

static void
one_that_never_answers(void)
{
	REQUIRE(begin());
	for (unsigned int i = 0; i < VMD_CLIENTS_MAX; i++)
		ask(5);
	CHECK_EQ(answers, 0);
	ask(9);
	CHECK_EQ(answers, 1);
	CHECK_EQ(last.client, 9);
	CHECK_EQ(last.error, VM_ERROR_FAILED);
	end();
}

int
main(void)
{
	log_setverbose(0);
	TEST(an_answer_passes);
	TEST(what_nobody_asked_ends_it);
	TEST(a_flood_ends_it);
	TEST(a_slow_answer_may_be_long);
	TEST(one_that_never_answers);
	return CHECK_EXIT();
}
