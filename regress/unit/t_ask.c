/* SPDX-License-Identifier: ISC */
/*
 * Questions to VM processes, as the parent passes them on: only who asked gets
 * an answer, only from the VM that was asked, and exactly one RESULT.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <string.h>
#include <unistd.h>

#include "check.h"
#include "role/parent.h"

/* The other ends: what control and vmm get. */
struct peer {
	struct msg_link link;
	unsigned int calls; /* of any kind */
	unsigned int results;
	unsigned int parts;
	uint32_t peerid;
	struct msg_vm_ask ask;
	struct msg_result result;
	size_t tail_len;
};

static struct parent parent;
static struct peer control, vmm;
static struct vment *v, *other;

static void
got(void *arg, struct msg *m)
{
	struct peer *p = arg;

	p->calls++;
	p->peerid = m->peerid;
	p->tail_len = m->tail_len;
	if (m->type == MSG_RESULT) {
		p->results++;
		memcpy(&p->result, m->payload, sizeof(p->result));
	} else if (m->type == MSG_STATS_ROW)
		p->parts++;
	else if (m->type == MSG_VM_STATS)
		memcpy(&p->ask, m->payload, sizeof(p->ask));
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_RESULT] = got,
	[MSG_STATS_ROW] = got,
	[MSG_VM_STATS] = got,
};

static bool
join(int proc, struct peer *peer, enum msg_peer who)
{
	struct parent_proc *pp = &parent.proc[proc];
	int sv[2];

	memset(peer, 0, sizeof(*peer));
	pp->parent = &parent;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0 &&
	    msg_link_init(&pp->link, sv[0], PEER_PARENT, who, handlers, pp) ==
	    0 &&
	    msg_link_init(
		&peer->link, sv[1], who, PEER_PARENT, handlers, peer) == 0;
}

static void
client(uint32_t id, uid_t uid)
{
	const struct msg_client_open open = { .uid = uid };
	struct msg m = { .type = MSG_CLIENT_OPEN,
		.peerid = id,
		.payload = &open,
		.fd = -1 };

	parent_from_control[MSG_CLIENT_OPEN](&parent.proc[PROC_CONTROL], &m);
}

static void
client_left(uint32_t id)
{
	struct msg m = { .type = MSG_CLIENT_CLOSE, .peerid = id, .fd = -1 };

	parent_from_control[MSG_CLIENT_CLOSE](&parent.proc[PROC_CONTROL], &m);
}

/* What has arrived at both ends by now. */
static void
settle(void)
{
	struct peer *peers[] = { &control, &vmm };

	for (unsigned int i = 0; i < 2; i++) {
		peers[i]->calls = peers[i]->results = peers[i]->parts = 0;
		msg_link_flush(
		    &parent.proc[i == 0 ? PROC_CONTROL : PROC_VMM].link);
		msg_link_drain(&peers[i]->link);
	}
}

static void
ask(uint32_t id, const struct vment *of)
{
	const struct msg_vm_ask a = { .target.id = of->id,
		.client = 99, /* forged */
		.flags = 5 };
	struct msg m = {
		.type = MSG_VM_STATS, .peerid = id, .payload = &a, .fd = -1
	};

	m.tail = "";
	parent_from_control[MSG_VM_STATS](&parent.proc[PROC_CONTROL], &m);
	settle();
}

static void
from_vm(enum msg_type type, const struct vment *of, const void *payload,
    const char *tail)
{
	struct msg m = { .type = type,
		.peerid = of->id,
		.payload = payload,
		.tail = tail,
		.tail_len = strlen(tail),
		.fd = -1 };

	parent_from_vmm[type](&parent.proc[PROC_VMM], &m);
}

static void
part(const struct vment *of, uint32_t id)
{
	const struct msg_stats_row row = { .client = id, .name = "x" };

	from_vm(MSG_STATS_ROW, of, &row, "");
	settle();
}

static void
answer(const struct vment *of, uint32_t id, uint32_t error, const char *detail)
{
	const struct msg_vm_answer a = {
		.client = id, .error = error, .sys_errno = 28
	};

	from_vm(MSG_VM_ANSWER, of, &a, detail);
	settle();
}

static struct vment *
running(const char *name)
{
	struct vment *vm = vmlist_add(&parent.vms, name, 1000);

	vment_event(vm, EVENT_START);
	vment_event(vm, EVENT_READY);
	return vm;
}

static bool
begin(void)
{
	memset(&parent, 0, sizeof(parent));
	TAILQ_INIT(&parent.sessions);
	vmlist_init(&parent.vms);
	v = running("web1");
	other = running("web2");
	if (!join(PROC_CONTROL, &control, PEER_CONTROL) ||
	    !join(PROC_VMM, &vmm, PEER_VMM))
		return false;
	client(7, 0);
	client(8, 1000);
	return true;
}

static void
end(void)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&parent.sessions)) != NULL)
		request_session_close(&parent, s);
	vmlist_fini(&parent.vms);
	msg_link_fini(&parent.proc[PROC_CONTROL].link);
	msg_link_fini(&parent.proc[PROC_VMM].link);
	msg_link_fini(&control.link);
	msg_link_fini(&vmm.link);
}

static void
a_question_and_its_answer(void)
{
	REQUIRE(begin());
	ask(7, v);
	CHECK_EQ(vmm.calls, 1);
	CHECK_EQ(vmm.peerid, v->id);
	CHECK_EQ(vmm.ask.client, 7);
	CHECK_EQ(vmm.ask.flags, 5);
	CHECK_EQ(vmm.ask.target.id, v->id);
	CHECK_EQ(control.calls, 0);
	part(v, 7);
	CHECK_EQ(control.parts, 1);
	CHECK_EQ(control.peerid, 7);
	answer(v, 7, VM_ERROR_NO_MEMORY, "why");
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.peerid, 7);
	CHECK_EQ(control.result.error, VM_ERROR_NO_MEMORY);
	CHECK_EQ(control.result.sys_errno, 28);
	CHECK_EQ(control.result.vm_id, v->id);
	CHECK_EQ(control.tail_len, 3);
	/* Once is enough. */
	part(v, 7);
	CHECK_EQ(control.calls, 0);
	answer(v, 7, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	end();
}

static void
nobody_hears_what_he_did_not_ask(void)
{
	REQUIRE(begin());
	ask(7, v);
	part(v, 8);
	CHECK_EQ(control.calls, 0);
	part(other, 7);
	CHECK_EQ(control.calls, 0);
	answer(other, 7, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	answer(v, 0, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	/* One that waits for something else of this VM. */
	vment_wait(v, 8, WAIT_END);
	answer(v, 8, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	CHECK(vment_has_waiter(v, 8, WAIT_END));
	/* An error that is none. */
	answer(v, 7, 4000000000U, "");
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_FAILED);
	end();
}

static void
not_every_question_is_passed_on(void)
{
	struct vment *third;

	REQUIRE(begin());
	client(9, 2000);
	ask(9, v);
	CHECK_EQ(vmm.calls, 0);
	CHECK_EQ(control.result.error, VM_ERROR_PERMISSION);
	third = vmlist_add(&parent.vms, "third", 0);
	ask(7, third);
	CHECK_EQ(control.result.error, VM_ERROR_NOT_RUNNING);
	vment_event(third, EVENT_START);
	ask(7, third);
	CHECK_EQ(vmm.calls, 0);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_NOT_RUNNING);
	/* vmm does not listen. */
	msg_link_fini(&parent.proc[PROC_VMM].link);
	ask(7, v);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_FAILED);
	CHECK(!vment_has_waiter(v, 7, WAIT_ANSWER));
	end();
}

static void
a_vm_that_ends_answers(void)
{
	REQUIRE(begin());
	ask(7, v);
	ask(8, other);
	ask_ended(&parent, v);
	settle();
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.peerid, 7);
	CHECK_EQ(control.result.error, VM_ERROR_NOT_RUNNING);
	answer(v, 7, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	end();
}

static void
a_client_that_left_is_forgotten(void)
{
	REQUIRE(begin());
	ask(7, v);
	client_left(7);
	part(v, 7);
	answer(v, 7, VM_ERROR_OK, "");
	CHECK_EQ(control.calls, 0);
	end();
}

/* A control process that does not read: the answers of VMs leave room in its
 * queue for those of the daemon. */
static void
parts_leave_room(void)
{
	const struct msg_stats_row row = { .client = 7, .name = "x" };
	struct imsgbuf *queue;

	REQUIRE(begin());
	queue = &parent.proc[PROC_CONTROL].link.ibuf;
	ask(7, v);
	for (unsigned int i = 0; i < 10000; i++)
		from_vm(MSG_STATS_ROW, v, &row, "");
	CHECK(queue->wqueued < queue->wmax - 10000);
	CHECK(!vment_has_waiter(v, 7, WAIT_ANSWER));
	control.results = 0;
	while (imsgbuf_queuelen(queue) > 0) {
		imsgbuf_write(queue);
		msg_link_read(&control.link);
	}
	msg_link_drain(&control.link);
	CHECK(control.parts > 100);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_FAILED);
	end();
}

/* What a control process said before it ended is read when it is reaped: there
 * is nobody to end, and pid 0 would be all processes of the daemon. */
static void
a_client_announced_twice_by_the_dead(void)
{
	int status;
	pid_t pid;

	REQUIRE(begin());
	CHECK_EQ(parent.proc[PROC_CONTROL].pid, 0);
	if ((pid = fork()) == 0) {
		if (setpgid(0, 0) == -1)
			_exit(1);
		client(7, 0);
		_exit(parent.nsessions == 2 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	end();
}

int
main(void)
{
	TEST(a_question_and_its_answer);
	TEST(nobody_hears_what_he_did_not_ask);
	TEST(not_every_question_is_passed_on);
	TEST(a_vm_that_ends_answers);
	TEST(a_client_that_left_is_forgotten);
	TEST(parts_leave_room);
	TEST(a_client_announced_twice_by_the_dead);
	return CHECK_EXIT();
}
