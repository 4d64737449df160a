/* SPDX-License-Identifier: ISC */
/*
 * What becomes of VMs: vmm tells how a start went, what state a VM is in, and
 * that it has ended.  Those who wait for that are answered here.
 *
 * Runs in the parent.  Who hears that a VM has ended, or that it could not be
 * started, may rely on nothing of it being left.
 */
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/clock.h"
#include "ipc/vmspec.h"
#include "role/gdbsock.h"
#include "role/parent.h"

static void
vmlife_vm_pid(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_pid *pid = m->payload;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);

	if (v != NULL && !vment_is_stopped(v))
		v->pid = pid->pid;
}

/* The VM is up. */
static void
vmlife_started(struct parent *p, struct vment *v, enum vm_error error)
{
	const struct msg_result r = request_result(v, error);

	if (!vmreceive_ready(p, v) || !vment_event(v, EVENT_READY))
		return;
	log_info(
	    "vm", "%s (vm %u) started, tty %s", v->name, v->id, v->tty.path);
	request_answer_waiters(p, v, WAIT_START, &r, "");
}

/* It will never be: whoever started it hears why once nothing of it is left. */
static void
vmlife_failed(struct vment *v, const struct msg_result *ready, const char *tail,
    int tail_len)
{
	const char *path = NULL;

	if (ready->file < VM_FILE__COUNT && ready->index < VMSPEC_INDEX_MAX)
		path = v->run->path[ready->file][ready->index];
	log_warnx("vm", "%s (vm %u): %s%s%s%s%.*s%s%s", v->name, v->id,
	    path != NULL ? path : vm_file_text(ready->file),
	    ready->file != VM_FILE_NONE ? " " : "", vm_error_text(ready->error),
	    tail_len > 0 ? ": " : "", tail_len, tail,
	    ready->sys_errno != 0 ? ": " : "",
	    ready->sys_errno != 0 ? strerror((int)ready->sys_errno) : "");
	v->failure = request_result(v, ready->error);
	v->failure.sys_errno = ready->sys_errno;
	v->failure.file = ready->file;
	v->failure.index = ready->index;
	snprintf(v->failure_detail, sizeof(v->failure_detail), "%s%s%.*s",
	    path != NULL ? path : "", path != NULL && tail_len > 0 ? ": " : "",
	    tail_len, tail);
}

static void
vmlife_vm_ready(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_result *ready = m->payload;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);

	if (v == NULL || v->run == NULL)
		return;
	/* One that has arrived may not be sure that it is the only one. */
	if (ready->error == VM_ERROR_OK)
		vmlife_started(p, v,
		    v->move.receiving && m->tail_len > 0
			? VM_ERROR_RECEIVE_DOUBT
			: VM_ERROR_OK);
	else
		vmlife_failed(v, ready, m->tail, (int)m->tail_len);
}

static void
vmlife_vm_state(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_state *s = m->payload;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);
	bool paused = s->state == VM_PAUSED;
	struct msg_result r;

	if (v == NULL || v->run == NULL)
		return;
	if (s->error == VM_ERROR_OK)
		vment_event(v, paused ? EVENT_PAUSED : EVENT_RESUMED);
	else
		/* It is as it was: which of the two has failed? */
		paused = paused ? s->error == VM_ERROR_PAUSED
				: s->error != VM_ERROR_NOT_PAUSED;
	r = request_result(v, s->error);
	request_answer_waiters(
	    p, v, paused ? WAIT_PAUSE : WAIT_UNPAUSE, &r, "");
}

/* The VM is no more: those who wait hear of it, what it had is closed. */
static void
vmlife_ended(struct parent *p, struct vment *v, const struct msg_result *r,
    const char *detail)
{
	vment_event(v, EVENT_EXIT);
	v->pid = 0;
	vmspec_free(v->run);
	v->run = NULL;
	vmtty_release(&v->tty, p->base);
	gdbsock_remove(p->gdb_folder, v->gdb);
	if (v->failure.error != VM_ERROR_OK)
		request_answer_waiters(
		    p, v, WAIT_START, &v->failure, v->failure_detail);
	request_answer_waiters(p, v, WAIT_START, r, detail);
	request_answer_waiters(p, v, WAIT_PAUSE, r, detail);
	request_answer_waiters(p, v, WAIT_UNPAUSE, r, detail);
	request_answer_waiters(p, v, WAIT_END, r, detail);
	vmsend_ended(p, v);
	ask_ended(p, v);
	if (!v->defined)
		vmlist_remove(&p->vms, v);
	if (p->ending)
		parent_vms_ended(p);
}

/* The guest reset itself: the same VM again, in fresh processes. */
static bool
vmlife_again(struct parent *p, struct vment *v)
{
	struct msg_result r;
	uint32_t disk;

	if (v->stop_asked || p->ending)
		return false;
	/* What it gave up may be another's by now. */
	if (v->move.unlocked &&
	    vmdisks_lock(v->run, &v->move.busy, &disk) != VM_ERROR_OK)
		return false;
	if (!vment_may_restart(v, clock_ms() - v->crash.ms)) {
		log_warnx(
		    "vm", "%s (vm %u): restarted too quickly", v->name, v->id);
		return false;
	}
	log_info("vm", "%s (vm %u) is reset", v->name, v->id);
	r = request_result(v, VM_ERROR_NOT_RUNNING);
	request_answer_waiters(p, v, WAIT_PAUSE, &r, "");
	request_answer_waiters(p, v, WAIT_UNPAUSE, &r, "");
	ask_ended(p, v);
	v->pid = 0;
	memset(&v->move, 0, sizeof(v->move));
	vment_event(v, EVENT_EXIT);
	vment_event(v, EVENT_START);
	return vmstart_again(p, v) == 0;
}

static const struct {
	const char *text;
	enum vm_error error; /* for those who wait for its end */
} ends[] = {
	[END_POWEROFF] = { "switched itself off", VM_ERROR_OK },
	[END_REBOOT] = { "reset itself", VM_ERROR_OK },
	[END_FAULT] = { "reset itself", VM_ERROR_OK },
	[END_CRASH] = { "crashed", VM_ERROR_DIED },
	[END_SENT] = { "was sent", VM_ERROR_OK },
	[END_FORCED] = { "was ended", VM_ERROR_OK },
	[END_FAILED] = { "could not be started", VM_ERROR_FAILED },
	[END_DIED] = { "died", VM_ERROR_DIED },
};

static void
vmlife_vm_exited(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_exited *e = m->payload;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);
	char detail[VMD_DETAIL_MAX + 1];
	struct msg_result r;

	if (v == NULL || v->run == NULL ||
	    e->reason >= (sizeof(ends) / sizeof(ends[0])))
		return;
	crash_finish(v);
	if ((e->reason == END_REBOOT || e->reason == END_FAULT ||
		e->reason == END_CRASH) &&
	    vmlife_again(p, v))
		return;
	snprintf(detail, sizeof(detail), "%.*s", (int)m->tail_len, m->tail);
	log_info("vm", "%s (vm %u) %s%s%s", v->name, v->id,
	    ends[e->reason].text, detail[0] != '\0' ? ": " : "", detail);
	r = request_result(v,
	    e->error != VM_ERROR_OK && e->error != VM_ERROR_TIMEOUT
		? e->error
		: ends[e->reason].error);
	v->move.sent = e->reason == END_SENT && !v->move.copy;
	/* The processes are gone, but the kernel may hold on to a disk for a
	 * while after the end of a process that had it in an I/O ring. */
	vmdisks_unlock(v->run);
	vmlife_ended(p, v, &r, detail);
}

/* A tap of a VM is set up, or is not. */
static void
vmlife_link_done(void *arg, struct msg *m)
{
	const struct msg_link_done *done = m->payload;
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct vment *v = vmlist_find_id(&p->vms, done->cookie);

	if (v != NULL && v->taps_asked > 0)
		v->taps_asked--;
	if (done->sys_errno != 0)
		log_warnx("vm", "%s: cannot set up its tap: %s",
		    v != NULL ? v->name : "?", strerror((int)done->sys_errno));
}

void
vmlife_all_ended(struct parent *p)
{
	struct vment *v, *next;

	TAILQ_FOREACH_SAFE(v, &p->vms.vms, entry, next) {
		struct msg_result r = request_result(v, VM_ERROR_DIED);

		if (v->run != NULL)
			vmlife_ended(p, v, &r, "vmm is gone");
	}
}

const msg_handler parent_from_vmm[MSG__COUNT] = {
	[MSG_VM_PID] = vmlife_vm_pid,
	[MSG_VM_READY] = vmlife_vm_ready,
	[MSG_VM_STATE] = vmlife_vm_state,
	[MSG_VM_EXITED] = vmlife_vm_exited,
	[MSG_VM_DUMPED] = crash_dumped,
	[MSG_VM_DISKS] = vmdisks_request,
	[MSG_VM_PROGRESS] = ask_part,
	[MSG_SEND_PROGRESS] = ask_part,
	[MSG_STATS_ROW] = ask_part,
	[MSG_VM_ANSWER] = ask_answer,
	[MSG_LOG_LINE] = parent_log_line,
};

const msg_handler parent_from_priv[MSG__COUNT] = {
	[MSG_LINK_DONE] = vmlife_link_done,
	[MSG_LOG_LINE] = parent_log_line,
};
