/* SPDX-License-Identifier: ISC */
/*
 * What the process of a VM that moves asks the parent about the locks of its
 * disks.  Runs in vmm.
 *
 * The process may be its guest's by now.  It is listened to while the VM is
 * sent or received, as long as it has given the locks up, and once when it is
 * to run again, one question at a time and not as often as it likes; one that
 * asks more is ended.
 */
#include "role/guest.h"
#include "vm_error.h"

/* Questions at once, and then one each so often: a receiver asks for locks
 * again and again that its sender is about to give up. */
#define DISKS_BURST 100
#define DISKS_MS 10

void
guest_disks_ask(void *arg, struct msg *m)
{
	struct guest_proc *p = arg;
	struct guest_disks *d = &p->guest->disks;

	d->limit.burst = DISKS_BURST;
	d->limit.every_ms = DISKS_MS;
	if (d->sends == 0 && !d->receives && !d->unlocked && !d->unpaused)
		guest_ask_break(p, "asks for disks when it does not move");
	else if (d->asked)
		guest_ask_break(p, "asks for disks twice");
	else if (!log_limit_pass(&d->limit))
		guest_ask_break(p, "asks for disks too often");
	else {
		d->asked = true;
		d->unpaused = false;
		guestmsg_to_parent(p, m);
	}
}

void
guest_disks_done(struct guest *g, struct msg *m)
{
	const struct msg_vm_disks_done *done = m->payload;

	g->disks.asked = false;
	if (done->error == VM_ERROR_OK && done->what == DISKS_UNLOCK)
		g->disks.unlocked = true;
	if (done->error == VM_ERROR_OK && done->what == DISKS_LOCK)
		g->disks.unlocked = false;
	msg_forward(&g->vm->link, m, g->id);
}
