/* SPDX-License-Identifier: ISC */
/*
 * What vmm lets by of what the processes of a VM say.
 */
#include <sys/socket.h>

#include <event2/event.h>
#include <string.h>

#include "check.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/guest.h"
#include "role/guest_proc.h"

static unsigned int lines, ends, states;
static char process[64], text[VMD_LOGLINE_MAX + 1];

static void
to_parent(void *arg, enum msg_type type, uint32_t vm_id, const void *payload,
    size_t len, const void *tail, size_t tail_len)
{
	const struct msg_log_line *l = payload;

	(void)arg;
	CHECK_EQ(vm_id, 7);
	states += type == MSG_VM_STATE;
	if (type == MSG_VM_EXITED || type == MSG_VM_STATE)
		return;
	CHECK_EQ(type, MSG_LOG_LINE);
	CHECK_EQ(len, sizeof(*l));
	lines++;
	memcpy(process, l->process, sizeof(l->process));
	memcpy(text, tail, tail_len);
	text[tail_len] = '\0';
}

/* It is freed by the test. */
static void
ended(void *arg, struct guest *g)
{
	(void)arg;
	(void)g;
	ends++;
}

static struct guest_host host = { .to_parent = to_parent, .ended = ended };

static struct guest *
guest(void)
{
	struct vmspec *s = vmspec_new();

	memcpy(s->start.target.name, "web1", sizeof("web1"));
	lines = 0;
	return guest_new(&host, 7, s);
}

static void
say(struct guest_proc *p, uint32_t level, const char *as, const char *what)
{
	struct msg_log_line l = { .level = level };
	struct msg m = { .type = MSG_LOG_LINE,
		.fd = -1,
		.peerid = 3,
		.payload = &l,
		.tail = what,
		.tail_len = strlen(what) };

	memcpy(l.process, as, strlen(as));
	vmm_from_vm[MSG_LOG_LINE](p, &m);
}

static void
a_line_is_of_who_sent_it(void)
{
	struct guest *g = guest();
	struct guest_proc vm = { .guest = g, .role = ROLE_VM };
	struct guest_proc disk = {
		.guest = g, .role = ROLE_BLK, .kind = DEVICE_BLK, .index = 1
	};
	struct guest_proc rng = {
		.guest = g, .role = ROLE_BLK, .kind = DEVICE_RNG
	};

	say(&vm, LOG_LEVEL_INFO, "control", "uid 0: hello");
	CHECK_STR(process, "vm web1");
	CHECK_STR(text, "uid 0: hello");
	say(&disk, LOG_LEVEL_WARN, "vmd", "x");
	CHECK_STR(process, "blk1/web1");
	say(&rng, LOG_LEVEL_WARN, "", "x");
	CHECK_STR(process, "rng0/web1");
	CHECK_EQ(lines, 3);
	guest_free(g);
}

static void
a_flood_is_held_back(void)
{
	struct guest *g = guest(), *other;
	struct guest_proc p = { .guest = g, .role = ROLE_VM };
	struct guest_proc disk = { .guest = g, .role = ROLE_BLK };
	struct guest_proc bystander = { .role = ROLE_VM };

	for (unsigned int i = 0; i < 10000; i++) {
		say(&p, LOG_LEVEL_WARN, "", "x");
		say(&disk, i % 3, "", "y");
	}
	CHECK(lines >= 100 && lines < 200);
	CHECK(g->lines.held > 1000);
	bystander.guest = other = guest();
	say(&bystander, LOG_LEVEL_WARN, "", "I am served");
	CHECK_EQ(lines, 1);
	guest_free(g);
	guest_free(other);
}

static void
verbose_lines_are_asked_for(void)
{
	struct guest *g = guest();
	struct guest_proc p = { .guest = g, .role = ROLE_VM };

	log_setverbose(0);
	say(&p, LOG_LEVEL_DEBUG, "", "x");
	say(&p, UINT32_MAX, "", "x");
	CHECK_EQ(lines, 0);
	log_setverbose(1);
	say(&p, LOG_LEVEL_DEBUG, "", "x");
	say(&p, LOG_LEVEL_TRACE, "", "x");
	CHECK_EQ(lines, 1);
	log_setverbose(0);
	guest_free(g);
}

/* Each command has one answer at most; a process that goes on is not heard. */
static void
a_state_is_asked_for(void)
{
	static const struct msg_vm_state paused = { .state = VM_PAUSED };
	static const struct msg_vm_target target = { .id = 7 };
	struct guest *g = guest();
	struct msg state = {
		.type = MSG_VM_STATE, .fd = -1, .payload = &paused, .tail = ""
	};
	struct msg pause = {
		.type = MSG_VM_PAUSE, .fd = -1, .payload = &target, .tail = ""
	};

	g->vm = guest_proc_new(g, ROLE_VM, 0, 0);
	states = 0;
	vmm_from_vm[MSG_VM_STATE](g->vm, &state);
	CHECK_EQ(states, 0);
	guest_command(g, &pause);
	guest_command(g, &pause);
	for (unsigned int i = 0; i < 100; i++)
		vmm_from_vm[MSG_VM_STATE](g->vm, &state);
	CHECK_EQ(states, 2);
	guest_free(g);
}

/* Its last word is still in the socket when it is reaped, and no other process
 * is left: the guest ends once, and after that. */
static void
the_last_word_is_read_when_it_is_reaped(void)
{
	static const struct msg_vm_exited word = { .reason = END_POWEROFF };
	struct guest *g = guest();
	struct msg_link sender;
	int sv[2];

	host.base = event_base_new();
	g->vm = guest_proc_new(g, ROLE_VM, 0, 0);
	g->vm->pid = 4711;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	REQUIRE(msg_link_init(&g->vm->link, sv[0], PEER_VMM, PEER_VM,
		    vmm_from_vm, g->vm) == 0);
	REQUIRE(msg_link_init(
		    &sender, sv[1], PEER_VM, PEER_VMM, vmm_from_vm, NULL) == 0);
	CHECK(MSG_SEND(&sender, MSG_VM_EXITING, 0, &word) == 0);
	msg_link_fini(&sender);
	ends = 0;
	CHECK(guest_reaped(g, 4711, 0));
	CHECK_EQ(ends, 1);
	CHECK_EQ(g->end.reason, END_POWEROFF);
	CHECK(g->vm == NULL);
	guest_free(g);
	event_base_free(host.base);
	host.base = NULL;
}

int
main(void)
{
	TEST(a_line_is_of_who_sent_it);
	TEST(a_flood_is_held_back);
	TEST(verbose_lines_are_asked_for);
	TEST(a_state_is_asked_for);
	TEST(the_last_word_is_read_when_it_is_reaped);
	return CHECK_EXIT();
}
