/* SPDX-License-Identifier: ISC */
/*
 * How much vmm lets the process of a VM answer, and to what.
 */
#include "check.h"
#include "fake_guest.h"
#include "ipc/log.h"
#include "role/answer.h"

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

static bool
begin(void)
{
	parts = answers = 0;
	host.to_parent = to_parent;
	return fake_guest_begin();
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
	fake_guest_end();
}

static void
what_nobody_asked_ends_it(void)
{
	REQUIRE(begin());
	say(MSG_STATS_ROW);
	CHECK_EQ(parts, 0);
	CHECK(!is_heard());
	fake_guest_end();
	REQUIRE(begin());
	say(MSG_VM_ANSWER);
	CHECK_EQ(answers, 0);
	CHECK(!is_heard());
	fake_guest_end();
	/* What was left over of one question is not there for the next. */
	REQUIRE(begin());
	ask(5);
	say(MSG_VM_ANSWER);
	say(MSG_STATS_ROW);
	CHECK_EQ(parts, 0);
	CHECK(!is_heard());
	fake_guest_end();
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
	fake_guest_end();
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
	fake_guest_end();
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
	fake_guest_end();
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
