/* SPDX-License-Identifier: ISC */
/*
 * When vmm lets the process of a VM ask about its disks, how often, and how
 * many states of its own it may tell.
 */
#include "check.h"
#include "fake_guest.h"
#include "ipc/log.h"

static unsigned int asked, states;

static void
to_parent(void *arg, enum msg_type type, uint32_t vm_id, const void *payload,
    size_t len, const void *tail, size_t tail_len)
{
	(void)arg;
	(void)vm_id;
	(void)payload;
	(void)len;
	(void)tail;
	(void)tail_len;
	asked += type == MSG_VM_DISKS;
	states += type == MSG_VM_STATE;
}

static bool
begin(void)
{
	asked = states = 0;
	host.to_parent = to_parent;
	return fake_guest_begin();
}

static bool
is_heard(void)
{
	return msg_link_is_open(&p.link);
}

static void
ask_send(void)
{
	const struct msg_vm_send send = { .ask.client = 5 };
	struct msg m = {
		.type = MSG_VM_SEND, .payload = &send, .tail = "", .fd = dup(0)
	};

	guest_ask(g, &m);
	if (m.fd != -1)
		close(m.fd);
}

static void
answer(void)
{
	const struct msg_vm_answer a = { .client = 5 };
	struct msg m = {
		.type = MSG_VM_ANSWER, .payload = &a, .tail = "", .fd = -1
	};

	vmm_from_vm[MSG_VM_ANSWER](&p, &m);
}

static void
disks(enum disks_what what)
{
	const struct msg_vm_disks d = { .what = what };
	struct msg m = {
		.type = MSG_VM_DISKS, .payload = &d, .tail = "", .fd = -1
	};

	vmm_from_vm[MSG_VM_DISKS](&p, &m);
}

static void
done(enum disks_what what, enum vm_error error)
{
	const struct msg_vm_disks_done d = { .what = what, .error = error };
	struct msg m = {
		.type = MSG_VM_DISKS_DONE, .payload = &d, .tail = "", .fd = -1
	};

	guest_disks_done(g, &m);
}

static void
state(void)
{
	const struct msg_vm_state s = { .state = VM_PAUSED };
	struct msg m = {
		.type = MSG_VM_STATE, .payload = &s, .tail = "", .fd = -1
	};

	vmm_from_vm[MSG_VM_STATE](&p, &m);
}

static void
ready(void)
{
	const struct msg_result r = { .error = VM_ERROR_OK };
	struct msg m = {
		.type = MSG_VM_READY, .payload = &r, .tail = "", .fd = -1
	};

	vmm_from_vm[MSG_VM_READY](&p, &m);
}

static void
while_it_is_sent(void)
{
	REQUIRE(begin());
	ask_send();
	for (unsigned int i = 0; i < 3; i++) {
		disks(DISKS_LOOK);
		CHECK_EQ(asked, i + 1);
		done(DISKS_LOOK, VM_ERROR_OK);
	}
	answer();
	CHECK(is_heard());
	disks(DISKS_LOOK);
	CHECK_EQ(asked, 3);
	CHECK(!is_heard());
	fake_guest_end();
}

static void
not_before(void)
{
	REQUIRE(begin());
	disks(DISKS_LOOK);
	CHECK_EQ(asked, 0);
	CHECK(!is_heard());
	fake_guest_end();
}

/* Who has no locks may ask for them until it has them. */
static void
as_long_as_it_has_none(void)
{
	REQUIRE(begin());
	ask_send();
	disks(DISKS_UNLOCK);
	done(DISKS_UNLOCK, VM_ERROR_OK);
	answer();
	disks(DISKS_LOCK);
	done(DISKS_LOCK, VM_ERROR_FILE_BUSY);
	disks(DISKS_LOCK);
	done(DISKS_LOCK, VM_ERROR_OK);
	CHECK_EQ(asked, 3);
	CHECK(is_heard());
	disks(DISKS_LOCK);
	CHECK(!is_heard());
	fake_guest_end();
	/* One that was refused has given nothing up. */
	REQUIRE(begin());
	ask_send();
	disks(DISKS_UNLOCK);
	done(DISKS_UNLOCK, VM_ERROR_CANCELLED);
	answer();
	disks(DISKS_LOCK);
	CHECK(!is_heard());
	fake_guest_end();
}

/* It came from elsewhere, and was kept paused: who lets it run may be sure. */
static void
once_when_it_goes_on(void)
{
	const struct msg_vm_target t = { .id = 3 };
	struct msg m = {
		.type = MSG_VM_UNPAUSE, .payload = &t, .tail = "", .fd = -1
	};

	REQUIRE(begin());
	guest_command(g, &m);
	disks(DISKS_LOCK);
	done(DISKS_LOCK, VM_ERROR_OK);
	CHECK_EQ(asked, 1);
	CHECK(is_heard());
	disks(DISKS_LOCK);
	CHECK_EQ(asked, 1);
	CHECK(!is_heard());
	fake_guest_end();
	REQUIRE(begin());
	m.type = MSG_VM_PAUSE;
	guest_command(g, &m);
	disks(DISKS_LOCK);
	CHECK(!is_heard());
	fake_guest_end();
}

/* Another client's command that comes in between takes nothing away. */
static void
a_pause_in_between(void)
{
	const struct msg_vm_target t = { .id = 3 };
	struct msg m = {
		.type = MSG_VM_UNPAUSE, .payload = &t, .tail = "", .fd = -1
	};

	REQUIRE(begin());
	guest_command(g, &m);
	m.type = MSG_VM_PAUSE;
	guest_command(g, &m);
	disks(DISKS_LOCK);
	CHECK_EQ(asked, 1);
	CHECK(is_heard());
	fake_guest_end();
}

static void
while_it_is_received(void)
{
	REQUIRE(begin());
	g->disks.receives = true;
	disks(DISKS_LOOK);
	done(DISKS_LOOK, VM_ERROR_OK);
	CHECK_EQ(asked, 1);
	ready();
	disks(DISKS_LOOK);
	CHECK_EQ(asked, 1);
	CHECK(!is_heard());
	fake_guest_end();
}

static void
one_at_a_time(void)
{
	REQUIRE(begin());
	ask_send();
	disks(DISKS_LOOK);
	disks(DISKS_LOOK);
	CHECK_EQ(asked, 1);
	CHECK(!is_heard());
	fake_guest_end();
}

static void
a_flood_ends_it(void)
{
	unsigned int i;

	REQUIRE(begin());
	ask_send();
	for (i = 0; i < 10000 && is_heard(); i++) {
		disks(DISKS_LOOK);
		if (is_heard())
			done(DISKS_LOOK, VM_ERROR_OK);
	}
	CHECK(!is_heard());
	CHECK(asked >= 50 && asked < 1000);
	fake_guest_end();
}

/* It may be in doubt about what became of it, once for each send. */
static void
one_state_of_its_own(void)
{
	REQUIRE(begin());
	state();
	CHECK_EQ(states, 0);
	ask_send();
	state();
	state();
	CHECK_EQ(states, 1);
	CHECK(is_heard());
	fake_guest_end();
}

int
main(void)
{
	log_setverbose(0);
	TEST(while_it_is_sent);
	TEST(not_before);
	TEST(as_long_as_it_has_none);
	TEST(once_when_it_goes_on);
	TEST(a_pause_in_between);
	TEST(while_it_is_received);
	TEST(one_at_a_time);
	TEST(a_flood_ends_it);
	TEST(one_state_of_its_own);
	return CHECK_EXIT();
}
