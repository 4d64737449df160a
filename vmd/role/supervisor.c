/* SPDX-License-Identifier: ISC */
/*
 * Role supervisor, process title "vmm": spawns the processes of VMs, reaps
 * them, and passes messages between them and the parent.  Runs as the
 * unprivileged user; it may execute its own binary and nothing else, and holds
 * the descriptor of /dev/kvm for the VM processes it spawns.
 *
 * It opens nothing: what a VM is made of comes from the parent as descriptors.
 */
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "jail/jail.h"
#include "role/child.h"
#include "role/guest.h"
#include "role/role.h"

struct supervisor {
	struct child child;
	struct guest_host host;
	TAILQ_HEAD(guests, guest) guests;
	struct vmspec *spec; /* being received for spec_id */
	uint32_t spec_id;
	enum vm_error spec_error;
	int kvm_fd;
};

static struct guest *
supervisor_find(struct supervisor *s, uint32_t id)
{
	struct guest *g;

	TAILQ_FOREACH(g, &s->guests, entry)
		if (g->id == id)
			return g;
	return NULL;
}

static void
supervisor_to_parent(void *arg, enum msg_type type, uint32_t vm_id,
    const void *payload, size_t len, const void *tail, size_t tail_len)
{
	struct supervisor *s = arg;

	child_send(&s->child, type, vm_id, -1, payload, len, tail, tail_len);
}

static void
supervisor_ended(void *arg, struct guest *g)
{
	struct supervisor *s = arg;

	TAILQ_REMOVE(&s->guests, g, entry);
	guest_free(g);
}

static void
supervisor_sigchld_cb(int sig, short what, void *arg)
{
	struct supervisor *s = arg;
	struct guest *g, *next;
	pid_t pid;
	int status;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH_SAFE(g, &s->guests, entry, next)
			if (guest_reaped(g, pid, status))
				break;
	}
}

static void
supervisor_kvm(void *arg, struct msg *m)
{
	struct supervisor *s = arg;

	if (s->kvm_fd != -1)
		close(s->kvm_fd);
	s->kvm_fd = s->host.kvm_fd = m->fd;
	m->fd = -1;
}

static void
supervisor_vm_start(void *arg, struct msg *m)
{
	struct supervisor *s = arg;

	vmspec_free(s->spec);
	s->spec = vmspec_new();
	s->spec_id = m->peerid;
	s->spec_error = vmspec_begin(s->spec, m);
}

/* The parts of a description come one after the other; one VM at a time. */
static bool
supervisor_spec_open(const struct supervisor *s, const struct msg *m)
{
	return s->spec != NULL && s->spec_id == m->peerid &&
	    s->spec_error == VM_ERROR_OK;
}

static void
supervisor_vm_file(void *arg, struct msg *m)
{
	struct supervisor *s = arg;

	if (supervisor_spec_open(s, m))
		s->spec_error = vmspec_file(s->spec, m);
}

static void
supervisor_vm_cmdline(void *arg, struct msg *m)
{
	struct supervisor *s = arg;

	if (supervisor_spec_open(s, m))
		s->spec_error = vmspec_cmdline(s->spec, m);
}

static void
supervisor_vm_start_end(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	enum vm_error error = s->spec_error;
	struct guest *g;

	if (s->spec == NULL || s->spec_id != m->peerid ||
	    supervisor_find(s, m->peerid) != NULL) {
		log_warnx("vmm", "vm %u: start out of order", m->peerid);
		return;
	}
	g = guest_new(&s->host, m->peerid, s->spec);
	s->spec = NULL;
	TAILQ_INSERT_TAIL(&s->guests, g, entry);
	if (error == VM_ERROR_OK)
		error = guest_start(g);
	if (error != VM_ERROR_OK) {
		g->end.reason = END_FAILED;
		g->end.error = error;
		guest_end(g, END_FAILED);
	}
}

static void
supervisor_vm_stop(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	const struct msg_vm_stop *stop = m->payload;
	struct guest *g = supervisor_find(s, m->peerid);

	if (g == NULL)
		return;
	if ((stop->flags & STOP_FORCE) != 0)
		guest_end(g, END_FORCED);
	else if (g->vm != NULL)
		guest_command(g, m);
}

static void
supervisor_command(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	struct guest *g = supervisor_find(s, m->peerid);

	if (g != NULL && g->vm != NULL)
		guest_command(g, m);
}

static void
supervisor_disks_done(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	struct guest *g = supervisor_find(s, m->peerid);

	if (g != NULL && g->vm != NULL)
		guest_disks_done(g, m);
}

/* What needs no answer. */
static void
supervisor_pass(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	struct guest *g = supervisor_find(s, m->peerid);

	if (g != NULL && g->vm != NULL)
		msg_forward(&g->vm->link, m, g->id);
}

static void
supervisor_ask(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	struct guest *g = supervisor_find(s, m->peerid);

	/* One that is about to end needs no answer: its end is one. */
	if (g != NULL && g->vm != NULL)
		guest_ask(g, m);
}

static void
supervisor_log_level(void *arg, struct msg *m)
{
	struct supervisor *s = arg;
	const struct msg_log_level *level = m->payload;
	struct guest *g;

	child_log_level(arg, m);
	s->host.verbose = log_getverbose();
	TAILQ_FOREACH(g, &s->guests, entry)
		guest_log_level(g, level->level);
}

const msg_handler vmm_from_parent[MSG__COUNT] = {
	[MSG_VM_START] = supervisor_vm_start,
	[MSG_VM_FILE] = supervisor_vm_file,
	[MSG_VM_CMDLINE] = supervisor_vm_cmdline,
	[MSG_VM_START_END] = supervisor_vm_start_end,
	[MSG_VM_STOP] = supervisor_vm_stop,
	[MSG_VM_PAUSE] = supervisor_command,
	[MSG_VM_UNPAUSE] = supervisor_command,
	[MSG_VM_DUMP] = supervisor_ask,
	[MSG_VM_CANCEL] = supervisor_pass,
	[MSG_VM_STATS] = supervisor_ask,
	[MSG_VM_SEND] = supervisor_ask,
	[MSG_VM_CONFIG] = supervisor_pass,
	[MSG_VM_DISK_DATA] = supervisor_pass,
	[MSG_VM_DISKS_DONE] = supervisor_disks_done,
	[MSG_KVM] = supervisor_kvm,
	[MSG_LOG_LEVEL] = supervisor_log_level,
};

int
supervisor_main(void)
{
	struct supervisor s;
	struct event *sigchld;

	memset(&s, 0, sizeof(s));
	s.kvm_fd = s.host.kvm_fd = -1;
	TAILQ_INIT(&s.guests);
	child_begin(&s.child, ROLE_SUPERVISOR, PEER_VMM, PEER_PARENT,
	    vmm_from_parent, &s);
	child_events(&s.child);
	s.host.base = s.child.base;
	s.host.parent = &s.child.up;
	s.host.to_parent = supervisor_to_parent;
	s.host.ended = supervisor_ended;
	s.host.arg = &s;
	s.host.root_fd = JAIL_FD_EXTRA;
	s.host.exe_fd = JAIL_FD_EXE;
	sigchld =
	    evsignal_new(s.child.base, SIGCHLD, supervisor_sigchld_cb, &s);
	if (sigchld == NULL || event_add(sigchld, NULL) == -1)
		fatalx("vmm", "out of memory");
	event_base_dispatch(s.child.base);
	return 0;
}
