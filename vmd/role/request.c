/* SPDX-License-Identifier: ISC */
/*
 * What clients ask: who may, and the answer.
 *
 * Runs in the parent.  The client's uid and groups are what control learned
 * from the kernel when the client connected: no data base of users is asked,
 * which might take its time.  Every request gets exactly one RESULT or
 * STATUS_END.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

/* What a defined VM may be started with. */
#define START_ON_TOP                                                 \
	(START_KERNEL | START_INITRD | START_CMDLINE | START_DEBUG | \
	    START_RECEIVE)

struct msg_result
request_result(const struct vment *v, enum vm_error error)
{
	struct msg_result r = { .error = error };

	if (v != NULL) {
		r.vm_id = v->id;
		strlcpy(r.name, v->name, sizeof(r.name));
		strlcpy(r.tty, v->tty.path, sizeof(r.tty));
	}
	return r;
}

void
request_answer(struct parent *p, uint32_t client, const struct msg_result *r,
    const char *detail)
{
	msg_send(parent_link(p, PROC_CONTROL), MSG_RESULT, client, -1, r,
	    sizeof(*r), detail, strnlen(detail, VMD_DETAIL_MAX));
}

void
request_answer_waiters(struct parent *p, struct vment *v, enum waiter_for what,
    const struct msg_result *r, const char *detail)
{
	uint32_t client;

	while (vment_next_waiter(v, what, &client))
		request_answer(p, client, r, detail);
}

static void
request_answer_error(
    struct parent *p, struct session *s, struct vment *v, enum vm_error error)
{
	const struct msg_result r = request_result(v, error);

	request_answer(p, s->id, &r, "");
}

/* --- who may ---------------------------------------------------------------
 */

bool
request_is_admin(const struct parent *p, const struct session *s)
{
	return s->uid == 0 || s->uid == p->uid;
}

static bool
request_in_group(const struct session *s, gid_t gid)
{
	for (unsigned int i = 0; i < s->ngroups; i++)
		if (s->groups[i] == gid)
			return true;
	return s->gid == gid;
}

/* root and the daemon's user always; a running VM belongs to whoever started
 * it, a stopped one to its owner; and to the members of the owning group. */
static bool
request_may(
    const struct parent *p, const struct session *s, const struct vment *v)
{
	if (request_is_admin(p, s))
		return true;
	if (s->uid == (v->run != NULL ? v->started_by : v->uid))
		return true;
	return v->gid != -1 && request_in_group(s, (gid_t)v->gid);
}

/* Finds the VM of a request; NULL after the client was told why not. */
static struct vment *
request_vm(
    struct parent *p, struct session *s, const struct msg_vm_target *target)
{
	struct vment *v = vmlist_find(&p->vms, target);

	if (v == NULL)
		request_answer_error(p, s, NULL, VM_ERROR_NOT_FOUND);
	else if (!request_may(p, s, v)) {
		log_info("control", "uid %u: request denied for vm %s", s->uid,
		    v->name);
		request_answer_error(p, s, v, VM_ERROR_PERMISSION);
		v = NULL;
	}
	return v;
}

struct vment *
request_running_vm(
    struct parent *p, struct session *s, const struct msg_vm_target *target)
{
	struct vment *v = request_vm(p, s, target);

	if (v != NULL && vment_is_stopped(v)) {
		request_answer_error(p, s, v, VM_ERROR_NOT_RUNNING);
		v = NULL;
	}
	return v;
}

/* --- sessions --------------------------------------------------------------
 */

static void
request_client_open(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_client_open *open = m->payload;
	size_t ngroups = m->tail_len / sizeof(gid_t);
	struct session *s;

	/* A control process that keeps its rules has no more, and no twins. */
	if (parent_session(p, m->peerid) != NULL ||
	    p->nsessions == VMD_CLIENTS_MAX) {
		log_warnx("control", "it announced a client too many: ended");
		/* What it said before it ended is read after that. */
		if (p->proc[PROC_CONTROL].pid != 0)
			kill(p->proc[PROC_CONTROL].pid, SIGKILL);
		return;
	}
	s = calloc(1, sizeof(*s) + ngroups * sizeof(s->groups[0]));
	if (s == NULL)
		fatal("control", "calloc");
	s->id = m->peerid;
	s->uid = open->uid;
	s->gid = open->gid;
	s->ngroups = (unsigned int)ngroups;
	if (ngroups > 0)
		memcpy(s->groups, m->tail, ngroups * sizeof(s->groups[0]));
	TAILQ_INSERT_TAIL(&p->sessions, s, entry);
	p->nsessions++;
}

void
request_session_close(struct parent *p, struct session *s)
{
	struct vment *v;

	TAILQ_FOREACH(v, &p->vms.vms, entry) {
		ask_cancel(p, v, s->id);
		vmreceive_left(p, v, s->id);
		vment_forget_client(v, s->id);
	}
	TAILQ_REMOVE(&p->sessions, s, entry);
	p->nsessions--;
	vmspec_free(s->spec);
	free(s);
}

static void
request_client_close(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);

	if (s != NULL)
		request_session_close(p, s);
}

/* --- start -----------------------------------------------------------------
 */

static void
request_start(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);

	if (s == NULL)
		return;
	vmspec_free(s->spec);
	s->spec = vmspec_new();
	s->spec_error = vmspec_begin(s->spec, m);
}

static void
request_start_file(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	const struct msg_vm_file *f = m->payload;
	/* What the request must have said of a file, for whether the client
	 * may give it depends on that; the parent opens all others. */
	static const uint32_t given[VM_FILE__COUNT] = {
		[VM_FILE_KERNEL] = START_KERNEL,
		[VM_FILE_INITRD] = START_INITRD,
		[VM_FILE_DISK] = START_DISKS,
		[VM_FILE_STATE] = START_RECEIVE,
		[VM_FILE_STATE_HEAD] = START_RECEIVE,
		[VM_FILE_STATE_ACK] = START_RECEIVE,
	};

	if (s == NULL || s->spec == NULL || s->spec_error != VM_ERROR_OK)
		return;
	if (f->kind >= VM_FILE__COUNT ||
	    (s->spec->start.given & given[f->kind]) == 0)
		s->spec_error = VM_ERROR_INVALID;
	else
		s->spec_error = vmspec_file(s->spec, m);
}

static void
request_start_cmdline(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);

	if (s != NULL && s->spec != NULL && s->spec_error == VM_ERROR_OK)
		s->spec_error = vmspec_cmdline(s->spec, m);
}

/* The VM to start: a defined one, or a new one where the client may. */
static enum vm_error
request_start_vm(struct parent *p, struct session *s, struct vment **vp)
{
	const struct msg_vm_start *m = &s->spec->start;
	struct vment *v = vmlist_find(&p->vms, &m->target);

	*vp = v;
	if (v != NULL) {
		if (!request_may(p, s, v))
			return VM_ERROR_PERMISSION;
		if (v->state == VM_STOPPING)
			return VM_ERROR_STOPPING;
		if (!vment_is_stopped(v))
			return VM_ERROR_RUNNING;
		if (vmreceive_is(m) && !vmsend_may(p, s, v))
			return VM_ERROR_NO_SEND;
		return (m->given & ~(uint32_t)START_ON_TOP) != 0
		    ? VM_ERROR_ALREADY_DEFINED
		    : VM_ERROR_OK;
	}
	if (m->target.id != 0 || m->given == 0)
		return VM_ERROR_NOT_FOUND;
	if (!request_is_admin(p, s))
		return VM_ERROR_NEEDS_ROOT;
	*vp = vmlist_add(&p->vms, m->target.name, s->uid);
	return *vp != NULL ? VM_ERROR_OK : VM_ERROR_TOO_MANY;
}

static void
request_start_end(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	char detail[VMD_DETAIL_MAX + 1] = "";
	struct msg_result r;
	struct vment *v = NULL;
	struct vmspec *spec;
	enum vm_error error;

	if (s == NULL)
		return;
	error = s->spec != NULL ? s->spec_error : VM_ERROR_INVALID;
	if (error == VM_ERROR_OK && p->ending)
		error = VM_ERROR_SHUTDOWN;
	if (error == VM_ERROR_OK)
		error = request_start_vm(p, s, &v);
	spec = s->spec;
	s->spec = NULL;
	if (error != VM_ERROR_OK) {
		vmspec_free(spec);
		request_answer_error(p, s, v, error);
		return;
	}
	error = vmstart_start(p, v, spec, s->uid, &r, detail, sizeof(detail));
	if (error == VM_ERROR_OK) {
		v->move.receiver = s->id;
		vment_wait(v, s->id, WAIT_START);
		return;
	}
	request_answer(p, s->id, &r, detail);
	if (!v->defined)
		vmlist_remove(&p->vms, v);
}

/* --- the others ------------------------------------------------------------
 */

static void
request_stop(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_stop *stop = m->payload;
	struct session *s = parent_session(p, m->peerid);
	bool force = (stop->flags & STOP_FORCE) != 0;
	struct vment *v;

	if (s == NULL || (v = request_running_vm(p, s, &stop->target)) == NULL)
		return;
	if (v->stop_asked && !force && (stop->flags & STOP_WAIT) == 0) {
		request_answer_error(p, s, v, VM_ERROR_STOPPING);
		return;
	}
	if ((stop->flags & STOP_WAIT) != 0)
		vment_wait(v, s->id, WAIT_END);
	else
		request_answer_error(p, s, v, VM_ERROR_OK);
	if (!v->stop_asked || force)
		vmstart_stop(p, v, force);
}

static void
request_wait(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	struct vment *v;

	if (s != NULL && (v = request_running_vm(p, s, m->payload)) != NULL)
		vment_wait(v, s->id, WAIT_END);
}

static void
request_pause(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	struct msg_vm_target t = { 0 };
	bool pause = m->type == MSG_VM_PAUSE;
	struct vment *v;

	if (s == NULL || (v = request_running_vm(p, s, m->payload)) == NULL)
		return;
	if (v->state == (pause ? VM_PAUSED : VM_RUNNING)) {
		request_answer_error(
		    p, s, v, pause ? VM_ERROR_PAUSED : VM_ERROR_NOT_PAUSED);
		return;
	}
	if (v->state != (pause ? VM_RUNNING : VM_PAUSED)) {
		request_answer_error(p, s, v,
		    v->state == VM_STOPPING ? VM_ERROR_STOPPING
					    : VM_ERROR_NOT_RUNNING);
		return;
	}
	vment_wait(v, s->id, pause ? WAIT_PAUSE : WAIT_UNPAUSE);
	t.id = v->id;
	MSG_SEND(parent_link(p, PROC_VMM), m->type, v->id, &t);
}

/* Where a debugger finds the VM: for those who can open that socket. */
static void
request_gdb(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	struct msg_result r;
	struct vment *v;

	if (s == NULL || (v = request_running_vm(p, s, m->payload)) == NULL)
		return;
	if (!request_is_admin(p, s) && s->uid != v->started_by)
		r = request_result(v, VM_ERROR_PERMISSION);
	else if (v->gdb[0] == '\0')
		r = request_result(v, VM_ERROR_NO_GDB);
	else
		r = request_result(v, VM_ERROR_OK);
	request_answer(p, m->peerid, &r, r.error == VM_ERROR_OK ? v->gdb : "");
}

/* Resident memory of a process in bytes, 0 when it cannot be read. */
static uint64_t
request_memory_used(pid_t pid)
{
	char path[64];
	unsigned long long size, resident = 0;
	FILE *f;

	if (pid == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * 4096;
}

static void
request_status(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct msg_link *control = parent_link(p, PROC_CONTROL);
	const struct vment *v;

	TAILQ_FOREACH(v, &p->vms.vms, entry) {
		const struct vmspec *spec = v->run != NULL ? v->run : v->def;
		struct msg_status_vm vm = { .id = v->id,
			.pid = v->pid,
			.state = v->state,
			.uid = v->run != NULL ? v->started_by : v->uid,
			.gid = v->gid,
			.flags = vment_is_awaited(v) ? STATUS_WAITING : 0 };

		if (spec != NULL) {
			vm.memory = spec->start.memory;
			vm.cpus = spec->start.cpus;
		}
		vm.memory_used = request_memory_used(v->pid);
		strlcpy(vm.name, v->name, sizeof(vm.name));
		strlcpy(vm.tty, v->tty.path, sizeof(vm.tty));
		MSG_SEND(control, MSG_STATUS_VM, m->peerid, &vm);
	}
	MSG_SEND_EMPTY(control, MSG_STATUS_END, m->peerid);
}

/* Requests for root alone: NULL after the client was told. */
static struct session *
request_admin(struct parent *p, const struct msg *m)
{
	struct session *s = parent_session(p, m->peerid);

	if (s != NULL && !request_is_admin(p, s)) {
		log_info("control", "uid %u: denied request %s", s->uid,
		    msg_name(m->type));
		request_answer_error(p, s, NULL, VM_ERROR_NEEDS_ROOT);
		s = NULL;
	}
	return s;
}

static void
request_reload(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = request_admin(p, m);
	struct msg_result r = { .error = VM_ERROR_OK };
	char first[VMD_DETAIL_MAX + 1] = "";

	if (s == NULL)
		return;
	if (reload_conf(p, first, sizeof(first)) == -1)
		r.error = VM_ERROR_CONFIG;
	request_answer(p, m->peerid, &r, first);
}

static void
request_reset(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_reset *reset = m->payload;
	struct session *s = request_admin(p, m);
	struct vment *v;

	if (s == NULL)
		return;
	if ((reset->what & RESET_VMS) != 0)
		TAILQ_FOREACH(v, &p->vms.vms, entry)
			if (!vment_is_stopped(v))
				vmstart_stop(p, v, true);
	request_answer_error(p, s, NULL, VM_ERROR_OK);
}

static void
request_log_level(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_log_level *level = m->payload;
	struct session *s = request_admin(p, m);

	if (s == NULL)
		return;
	log_setverbose((int)(level->level & 3));
	for (int i = 0; i < PROC__COUNT; i++)
		if (msg_link_is_open(&p->proc[i].link))
			MSG_SEND(&p->proc[i].link, MSG_LOG_LEVEL, 0, level);
	request_answer_error(p, s, NULL, VM_ERROR_OK);
}

const msg_handler parent_from_control[MSG__COUNT] = {
	[MSG_CLIENT_OPEN] = request_client_open,
	[MSG_CLIENT_CLOSE] = request_client_close,
	[MSG_VM_START] = request_start,
	[MSG_VM_FILE] = request_start_file,
	[MSG_VM_CMDLINE] = request_start_cmdline,
	[MSG_VM_START_END] = request_start_end,
	[MSG_VM_STOP] = request_stop,
	[MSG_VM_WAIT] = request_wait,
	[MSG_VM_PAUSE] = request_pause,
	[MSG_VM_UNPAUSE] = request_pause,
	[MSG_VM_DUMP] = ask_request,
	[MSG_VM_SEND] = ask_request,
	[MSG_VM_GDB] = request_gdb,
	[MSG_VM_STATS] = ask_request,
	[MSG_STATUS] = request_status,
	[MSG_RELOAD] = request_reload,
	[MSG_RESET] = request_reset,
	[MSG_LOG_LEVEL] = request_log_level,
	[MSG_LOG_LINE] = parent_log_line,
};
