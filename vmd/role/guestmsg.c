/* SPDX-License-Identifier: ISC */
/*
 * What the processes of a VM say to vmm: how a start went, the state, the last
 * word, lines of the log.  Runs in vmm.
 *
 * They may all be a guest's by now: each speaks for its own VM and under its
 * own name only, and not as much as it likes.
 */
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "role/guest.h"

void
guestmsg_to_parent(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;
	struct guest_host *h = p->guest->host;

	h->to_parent(h->arg, m->type, p->guest->id, m->payload,
	    msg_payload_size(m->type), m->tail, m->tail_len);
}

void
guest_command(struct guest *g, struct msg *m)
{
	g->states++;
	if (m->type == MSG_VM_UNPAUSE)
		g->disks.unpaused = true;
	msg_forward(&g->vm->link, m, g->id);
}

/* One for each command at most, for the parent does something for it. */
static void
guestmsg_state(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;

	if (p->guest->states == 0)
		return;
	p->guest->states--;
	guestmsg_to_parent(arg, m);
}

static void
guestmsg_ready(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;

	if (p->guest->answered)
		return;
	p->guest->answered = true;
	p->guest->disks.receives = false;
	guestmsg_to_parent(arg, m);
}

/* Once: the parent makes a file of it. */
static void
guestmsg_dumped(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;

	if (p->guest->dumped)
		return;
	p->guest->dumped = true;
	guestmsg_to_parent(arg, m);
}

/* The last word of a VM process: why it ends.  That nothing is left of it is
 * seen by waitpid(2). */
static void
guestmsg_exiting(void *arg, struct msg *m)
{
	struct guest *g = ((struct guest_proc *)arg)->guest;
	const struct msg_vm_exited *e = m->payload;

	if (g->ending || e->reason > END_DIED)
		return;
	g->end = *e;
	g->detail_len =
	    m->tail_len < sizeof(g->detail) ? m->tail_len : sizeof(g->detail);
	memcpy(g->detail, m->tail, g->detail_len);
	/* The kernel may not let it end: one of its threads waits for a file.
	 */
	guest_end(g, g->end.reason);
}

/* As it calls itself where nobody else can: "vm web1", "blk0/web1". */
static const char *
guestmsg_sender(const struct guest_proc *p, char name[VMD_NAME_MAX + 32])
{
	const char *vm = p->guest->spec->start.target.name;
	const char *what = p->kind == DEVICE_RNG ? "rng" : role_name(p->role);

	if (p->role == ROLE_VM)
		snprintf(name, VMD_NAME_MAX + 32, "vm %s", vm);
	else
		snprintf(
		    name, VMD_NAME_MAX + 32, "%s%u/%s", what, p->index, vm);
	return name;
}

/*
 * A line of the log.  Whose it is, is what we know and not what it says, and
 * whoever a guest has taken over does not fill the host's disk with it: lines
 * that are always logged are counted, those of the verbose levels go no
 * further unless asked for.
 */
static void
guestmsg_log_line(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;
	struct guest *g = p->guest;
	const struct msg_log_line *l = m->payload;
	struct msg_log_line line = { .level = l->level };
	char name[VMD_NAME_MAX + 32];

	if (l->level > (uint32_t)(LOG_LEVEL_INFO + log_getverbose()))
		return;
	if (l->level <= LOG_LEVEL_INFO) {
		if (!log_limit_pass(&g->lines))
			return;
		if (g->lines.held > 0)
			log_warnx("guest", "vm %s: %u lines held back",
			    g->spec->start.target.name, g->lines.held);
		g->lines.held = 0;
	}
	strlcpy(line.process, guestmsg_sender(p, name), sizeof(line.process));
	g->host->to_parent(g->host->arg, MSG_LOG_LINE, g->id, &line,
	    sizeof(line), m->tail, m->tail_len);
}

const msg_handler vmm_from_vm[MSG__COUNT] = {
	[MSG_VM_READY] = guestmsg_ready,
	[MSG_VM_STATE] = guestmsg_state,
	[MSG_VM_DUMPED] = guestmsg_dumped,
	[MSG_VM_EXITING] = guestmsg_exiting,
	[MSG_VM_DISKS] = guest_disks_ask,
	[MSG_VM_PROGRESS] = guest_ask_part,
	[MSG_SEND_PROGRESS] = guest_ask_part,
	[MSG_STATS_ROW] = guest_ask_part,
	[MSG_VM_ANSWER] = guest_ask_answer,
	[MSG_LOG_LINE] = guestmsg_log_line,
};

const msg_handler vmm_from_device[MSG__COUNT] = {
	[MSG_LOG_LINE] = guestmsg_log_line,
};

const msg_handler vmm_from_usernet[MSG__COUNT] = {
	[MSG_LOG_LINE] = guestmsg_log_line,
};
