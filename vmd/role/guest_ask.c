/* SPDX-License-Identifier: ISC */
/*
 * Questions to the process of a VM, and how much it may answer.  Runs in vmm.
 *
 * The process may be its guest's by now.  It is listened to as long as somebody
 * asks, and may say about as much as an honest one would: then a client that
 * waits gets every part, and nobody's queue is filled.  One that says more, or
 * what nobody asked, is ended.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "role/answer.h"
#include "ipc/clock.h"
#include "role/guest.h"
#include "role/guest_proc.h"
#include "vm_error.h"

/* Answers in the place of the VM process. */
static void
guest_ask_refuse(struct guest *g, const struct msg *m, int error)
{
	static const char detail[] = "the VM's process does not listen";
	const struct msg_vm_ask *ask = m->payload;
	const struct msg_vm_answer a = { .client = ask->client,
		.error = VM_ERROR_FAILED,
		.sys_errno = (uint32_t)error };

	g->host->to_parent(g->host->arg, MSG_VM_ANSWER, g->id, &a, sizeof(a),
	    detail, sizeof(detail) - 1);
}

void
guest_ask(struct guest *g, struct msg *m)
{
	struct guest_asks *asks = &g->asks;

	/* Those before were never answered. */
	if (asks->open == VMD_CLIENTS_MAX) {
		guest_ask_refuse(g, m, 0);
		return;
	}
	if (msg_forward(&g->vm->link, m, g->id) == -1) {
		guest_ask_refuse(g, m, errno);
		return;
	}
	if (asks->open++ == 0)
		asks->filled_ms = clock_ms();
	asks->credit += ANSWER_PARTS;
	/* One that cannot know what became of the VM pauses it. */
	if (m->type == MSG_VM_SEND) {
		g->disks.sends++;
		g->states++;
	}
}

static bool
guest_ask_part_pass(struct guest_asks *asks)
{
	int64_t credit = (clock_ms() - asks->filled_ms) / ANSWER_PARTS_MS;
	unsigned int room = asks->open * ANSWER_PARTS - asks->credit;

	if (asks->open == 0)
		return false;
	asks->filled_ms += credit * ANSWER_PARTS_MS;
	asks->credit += credit < room ? (unsigned int)credit : room;
	if (asks->credit == 0)
		return false;
	asks->credit--;
	return true;
}

void
guest_ask_break(struct guest_proc *p, const char *why)
{
	log_warnx("guest", "vm %s: its process %s: ended",
	    p->guest->spec->start.target.name, why);
	msg_link_fini(&p->link);
	if (p->pid != 0)
		kill(p->pid, SIGKILL);
}

void
guest_ask_part(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;

	if (guest_ask_part_pass(&p->guest->asks))
		guestmsg_to_parent(p, m);
	else
		guest_ask_break(p, "says more than it was asked");
}

void
guest_ask_answer(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;
	struct guest_asks *asks = &p->guest->asks;

	if (asks->open == 0) {
		guest_ask_break(p, "answers what nobody asked");
		return;
	}
	if (--asks->open == 0)
		p->guest->disks.sends = 0;
	if (asks->credit > asks->open * ANSWER_PARTS)
		asks->credit = asks->open * ANSWER_PARTS;
	guestmsg_to_parent(p, m);
}
