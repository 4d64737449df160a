/* SPDX-License-Identifier: ISC */
/*
 * The processes of one VM; see guest.h.  Runs in vmm.
 */
#include "role/guest.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/log.h"
#include "jail/jail.h"
#include "role/guest_proc.h"

/* A device that died so often so soon after its start stays dead. */
#define DEVICE_DEATHS_MAX 3
#define DEVICE_SOON_MS 6000
/* How long device processes may finish requests after their VM has ended. */
static const struct timeval linger = { .tv_sec = 2 };
/* And how long they may take to die: one that waits in the kernel for a file of
 * a client's may do so for ever. */
static const struct timeval dying = { .tv_sec = 3 };
/* To read a kernel and an initrd takes seconds at most, on any medium that
 * works; the file of a client may lie on one that never answers. */
#define START_S 60
/* A device process that ends may be the first sign that its VM has ended: so
 * long it is waited for the other. */
static const struct timeval respawn_delay = { .tv_usec = 20000 };

/* The files that the VM process itself needs. */
#define VM_KINDS                                           \
	(1U << VM_FILE_KERNEL | 1U << VM_FILE_INITRD |     \
	    1U << VM_FILE_FIRMWARE | 1U << VM_FILE_TTY |   \
	    1U << VM_FILE_TTY_WATCH | 1U << VM_FILE_RING | \
	    1U << VM_FILE_CRASH | 1U << VM_FILE_GDB | VMSPEC_STATE_KINDS)

struct guest *
guest_new(struct guest_host *host, uint32_t id, struct vmspec *spec)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		fatal("guest", "calloc");
	g->host = host;
	g->id = id;
	g->spec = spec;
	g->end.reason = END_DIED;
	g->lines.burst = GUEST_LINES_BURST;
	g->lines.every_ms = GUEST_LINES_MS;
	TAILQ_INIT(&g->procs);
	memset(g->frames, 0xff, sizeof(g->frames));
	return g;
}

void
guest_free(struct guest *g)
{
	struct guest_proc *p;

	while ((p = TAILQ_FIRST(&g->procs)) != NULL)
		guest_proc_free(p);
	for (unsigned int i = 0; i < VMD_NICS_MAX; i++)
		for (unsigned int end = 0; end < 2; end++)
			if (g->frames[i][end] != -1)
				close(g->frames[i][end]);
	if (g->killer != NULL)
		event_free(g->killer);
	if (g->starter != NULL)
		event_free(g->starter);
	vmspec_free(g->spec);
	free(g);
}

/* --- spawning ------------------------------------------------------------- */

/* The first message of a device or usernet process. */
static struct msg_device_start
guest_device_start(
    const struct guest *g, enum device_kind kind, unsigned int index)
{
	struct msg_device_start m = { .kind = kind, .index = index };

	MSG_STR(m.name, g->spec->start.target.name);
	if (kind == DEVICE_BLK)
		m.flags = g->spec->flags[VM_FILE_DISK][index];
	if (kind == DEVICE_NET)
		memcpy(m.mac, g->spec->start.nic[index].mac, sizeof(m.mac));
	return m;
}

/* Gives the VM process its end of a device's socket (takes fd). */
static int
guest_device_link(
    struct guest *g, enum device_kind kind, unsigned int index, int fd)
{
	const struct msg_device_start s = guest_device_start(g, kind, index);
	struct msg_device_link m = {
		.kind = kind, .index = index, .flags = (uint16_t)s.flags
	};

	memcpy(m.mac, s.mac, sizeof(m.mac));
	return msg_send(
	    &g->vm->link, MSG_DEVICE_LINK, g->id, fd, &m, sizeof(m), NULL, 0);
}

static int
guest_backend(const struct guest *g, enum device_kind kind, unsigned int index)
{
	if (kind == DEVICE_BLK)
		return vmspec_get(g->spec, VM_FILE_DISK, index);
	if (kind == DEVICE_NET && g->frames[index][0] != -1)
		return g->frames[index][0];
	if (kind == DEVICE_NET)
		return vmspec_get(g->spec, VM_FILE_TAP, index);
	return -1;
}

/* The rng device has no backend: a device process there is serves it too. */
static int
guest_rng_start(struct guest *g, struct guest_proc *server)
{
	const struct msg_device_start m = guest_device_start(g, DEVICE_RNG, 0);
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	if (msg_send(&server->link, MSG_DEVICE_ADD, g->id, sv[1], &m, sizeof(m),
		NULL, 0) == -1) {
		close(sv[0]);
		return -1;
	}
	return guest_device_link(g, DEVICE_RNG, 0, sv[0]);
}

/* Whether this process is the one that serves the rng device, too. */
static bool
guest_serves_rng(const struct guest_proc *p)
{
	const struct guest_proc *first;

	TAILQ_FOREACH(first, &p->guest->procs, entry)
		if (first->role == ROLE_BLK || first->role == ROLE_NET)
			break;
	return first == p && p->kind != DEVICE_RNG;
}

static int
guest_device_spawn(struct guest_proc *p)
{
	struct guest *g = p->guest;
	const struct msg_device_start m =
	    guest_device_start(g, p->kind, p->index);
	int sv[2], fds[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	fds[0] = sv[1];
	fds[1] = guest_backend(g, p->kind, p->index);
	r = guest_proc_spawn(p, fds, fds[1] == -1 ? 1 : 2);
	close(sv[1]);
	if (r == -1 || MSG_SEND(&p->link, MSG_DEVICE_START, g->id, &m) == -1) {
		close(sv[0]);
		return -1;
	}
	if (guest_device_link(g, p->kind, p->index, sv[0]) == -1)
		return -1;
	return guest_serves_rng(p) ? guest_rng_start(g, p) : 0;
}

static int
guest_usernet_spawn(struct guest_proc *p)
{
	struct guest *g = p->guest;
	const struct msg_device_start m =
	    guest_device_start(g, DEVICE_NET, p->index);

	if (guest_proc_spawn(p, &g->frames[p->index][1], 1) == -1)
		return -1;
	return MSG_SEND(&p->link, MSG_DEVICE_START, g->id, &m);
}

static int
guest_spawn(struct guest_proc *p)
{
	if (p->role == ROLE_VM)
		return guest_proc_spawn(p, NULL, 0);
	if (p->role == ROLE_USERNET)
		return guest_usernet_spawn(p);
	return guest_device_spawn(p);
}

static int
guest_nic_start(struct guest *g, unsigned int index)
{
	/* One datagram is one frame. */
	if (g->spec->start.nic[index].type == NIC_USER) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			g->frames[index]) == -1)
			return -1;
		if (guest_spawn(guest_proc_new(
			g, ROLE_USERNET, DEVICE_NET, index)) == -1)
			return -1;
	}
	return guest_spawn(guest_proc_new(g, ROLE_NET, DEVICE_NET, index));
}

static int
guest_devices_start(struct guest *g)
{
	const struct msg_vm_start *m = &g->spec->start;

	for (unsigned int i = 0; i < m->disks; i++)
		if (guest_spawn(guest_proc_new(g, ROLE_BLK, DEVICE_BLK, i)) ==
		    -1)
			return -1;
	for (unsigned int i = 0; i < m->nics; i++)
		if (guest_nic_start(g, i) == -1)
			return -1;
	if (m->disks + m->nics == 0)
		return guest_spawn(guest_proc_new(g, ROLE_BLK, DEVICE_RNG, 0));
	return 0;
}

/* The VM process fills the disks of a VM that comes with what they hold. */
static uint32_t
guest_vm_kinds(const struct vmspec *s)
{
	return (s->start.receive & RECEIVE_DISKS) != 0
	    ? VM_KINDS | 1U << VM_FILE_DISK
	    : VM_KINDS;
}

/* What a client may have left out of a start request must be there by now. */
static bool
guest_spec_ok(const struct vmspec *s)
{
	if (s->start.memory < VMD_MEMORY_MIN || s->start.cpus == 0)
		return false;
	for (unsigned int i = 0; i < s->start.disks; i++)
		if (vmspec_get(s, VM_FILE_DISK, i) == -1)
			return false;
	for (unsigned int i = 0; i < s->start.nics; i++)
		if (s->start.nic[i].type == NIC_AUTO ||
		    (s->start.nic[i].type == NIC_TAP &&
			vmspec_get(s, VM_FILE_TAP, i) == -1))
			return false;
	return true;
}

/* The VM process has said neither that it is up nor why not. */
static void
guest_starter_cb(int fd, short what, void *arg)
{
	static const char detail[] = "its kernel or initrd cannot be read";
	const struct msg_result m = { .error = VM_ERROR_TIMEOUT,
		.file = VM_FILE_NONE };
	struct guest *g = arg;

	(void)fd;
	(void)what;
	if (g->answered || g->ending)
		return;
	g->answered = true;
	g->host->to_parent(g->host->arg, MSG_VM_READY, g->id, &m, sizeof(m),
	    detail, strlen(detail));
	guest_end(g, END_FAILED);
}

static enum vm_error
guest_limit(struct guest *g)
{
	const struct timeval limit = { .tv_sec = START_S };

	g->starter = evtimer_new(g->host->base, guest_starter_cb, g);
	if (g->starter == NULL || event_add(g->starter, &limit) == -1)
		return VM_ERROR_SPAWN_FAILED;
	return VM_ERROR_OK;
}

enum vm_error
guest_start(struct guest *g)
{
	const struct msg_vm_file kvm = { .kind = VM_FILE_KVM };
	struct msg_vm_pid pid;
	int fd;

	if (!guest_spec_ok(g->spec))
		return VM_ERROR_INVALID;
	g->vm = guest_proc_new(g, ROLE_VM, 0, 0);
	if (guest_spawn(g->vm) == -1 || guest_devices_start(g) == -1) {
		log_warn("guest", "vm %s: cannot start its processes",
		    g->spec->start.target.name);
		return VM_ERROR_SPAWN_FAILED;
	}
	pid.pid = g->vm->pid;
	g->host->to_parent(
	    g->host->arg, MSG_VM_PID, g->id, &pid, sizeof(pid), NULL, 0);
	if ((fd = fcntl(g->host->kvm_fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return VM_ERROR_NO_KVM;
	if (msg_send(&g->vm->link, MSG_VM_FILE, g->id, fd, &kvm, sizeof(kvm),
		NULL, 0) == -1 ||
	    vmspec_send(
		g->spec, &g->vm->link, g->id, guest_vm_kinds(g->spec)) == -1)
		return VM_ERROR_SPAWN_FAILED;
	/* Who reads a pipe is gone when that process is. */
	vmspec_close(g->spec, VMSPEC_STATE_KINDS);
	if ((g->spec->start.given & START_RECEIVE) == 0)
		return guest_limit(g);
	/* As long as its sender takes; whoever began it can end it.  It may
	 * arrive paused. */
	g->disks.receives = g->disks.unlocked = true;
	g->states++;
	return VM_ERROR_OK;
}

void
guest_log_level(struct guest *g, uint32_t level)
{
	const struct msg_log_level m = { .level = level };
	struct guest_proc *p;

	TAILQ_FOREACH(p, &g->procs, entry)
		if (msg_link_is_open(&p->link))
			MSG_SEND(&p->link, MSG_LOG_LEVEL, g->id, &m);
}

/* --- ending --------------------------------------------------------------- */

static void guest_finish(struct guest *);

/* They are dead for all that matters: no vCPU runs, nothing is read or written,
 * and whenever their wait is over the kernel has done with them. */
static void
guest_give_up(struct guest *g)
{
	struct guest_proc *p;

	TAILQ_FOREACH(p, &g->procs, entry) {
		if (p->pid == 0)
			continue;
		log_warnx("guest",
		    "vm %s: %s%u, process %d, is killed and does not end",
		    g->spec->start.target.name, role_name(p->role), p->index,
		    (int)p->pid);
		p->pid = 0;
	}
	g->vm = NULL;
	guest_finish(g);
}

static void
guest_killer_cb(int fd, short what, void *arg)
{
	struct guest *g = arg;
	struct guest_proc *p;

	(void)fd;
	(void)what;
	if (g->killed) {
		guest_give_up(g);
		return;
	}
	g->killed = true;
	TAILQ_FOREACH(p, &g->procs, entry)
		if (p->pid != 0)
			kill(p->pid, SIGKILL);
	if (g->killer != NULL)
		event_add(g->killer, &dying);
}

/* Tells the parent once nothing is left of the VM. */
static void
guest_finish(struct guest *g)
{
	struct guest_host *h = g->host;
	const struct msg_vm_exited end = g->end;
	char detail[sizeof(g->detail)];
	size_t detail_len = g->detail_len;
	uint32_t id = g->id;
	struct guest_proc *p;

	if (g->reaping)
		return;
	TAILQ_FOREACH(p, &g->procs, entry)
		if (p->pid != 0)
			return;
	/* Our own descriptors first: who hears of the end may want the disks
	 * and taps at once. */
	memcpy(detail, g->detail, detail_len);
	h->ended(h->arg, g);
	h->to_parent(
	    h->arg, MSG_VM_EXITED, id, &end, sizeof(end), detail, detail_len);
}

void
guest_end(struct guest *g, enum vm_end reason)
{
	struct guest_proc *p;

	if (g->ending)
		return;
	g->ending = true;
	if (g->end.reason == END_DIED)
		g->end.reason = reason;
	if (g->vm != NULL && g->vm->pid != 0)
		kill(g->vm->pid, SIGKILL);
	/* A device process ends when its links do; a usernet has no work worth
	 * finishing. */
	TAILQ_FOREACH(p, &g->procs, entry) {
		msg_link_fini(&p->link);
		if (p->role == ROLE_USERNET && p->pid != 0)
			kill(p->pid, SIGKILL);
	}
	g->killer = evtimer_new(g->host->base, guest_killer_cb, g);
	if (g->killer == NULL || event_add(g->killer, &linger) == -1)
		guest_killer_cb(-1, 0, g);
	guest_finish(g);
}

/* The VM process is reaped. */
static void
guest_vm_ended(struct guest *g, int status)
{
	g->end.status = status;
	if (WIFSIGNALED(status) && !g->ending)
		log_warnx("guest", "vm %s: its process died of signal %d (%s)",
		    g->spec->start.target.name, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	g->vm = NULL;
	if (g->ending)
		guest_finish(g);
	else
		guest_end(g, END_DIED);
}

/* Devices end with their VM process; who is reaped first is chance. */
static bool
guest_vm_is_up(struct guest *g)
{
	if (g->vm == NULL)
		return false;
	msg_link_drain(&g->vm->link);
	return msg_link_is_open(&g->vm->link) && g->end.reason == END_DIED;
}

static void
guest_respawn_cb(int fd, short what, void *arg)
{
	struct guest_proc *p = arg;
	struct guest *g = p->guest;

	(void)fd;
	(void)what;
	if (g->ending || !guest_vm_is_up(g))
		return;
	log_warnx("guest", "vm %s: %s%u ended: restarted",
	    g->spec->start.target.name, role_name(p->role), p->index);
	if (guest_spawn(p) == -1)
		log_warn("guest", "vm %s: cannot restart %s%u",
		    g->spec->start.target.name, role_name(p->role), p->index);
}

/* A device or usernet process died alone. */
static void
guest_respawn(struct guest_proc *p, int status)
{
	struct guest *g = p->guest;
	bool soon = clock_ms() - p->started_ms < DEVICE_SOON_MS;

	log_debug("guest", "vm %s: %s%u: %s %d", g->spec->start.target.name,
	    role_name(p->role), p->index,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	p->deaths = soon ? p->deaths + 1 : 1;
	if (p->deaths >= DEVICE_DEATHS_MAX) {
		log_warnx("guest", "vm %s: %s%u died too often and stays off",
		    g->spec->start.target.name, role_name(p->role), p->index);
		return;
	}
	if (p->respawn == NULL)
		p->respawn = evtimer_new(g->host->base, guest_respawn_cb, p);
	if (p->respawn == NULL || event_add(p->respawn, &respawn_delay) == -1)
		log_warnx("guest", "out of memory");
}

bool
guest_reaped(struct guest *g, pid_t pid, int status)
{
	struct guest_proc *p;

	TAILQ_FOREACH(p, &g->procs, entry)
		if (p->pid == pid)
			break;
	if (p == NULL)
		return false;
	p->pid = 0;
	/* What it said before it ended is read first; its last word may have
	 * been the last thing the guest waited for. */
	g->reaping = true;
	msg_link_drain(&p->link);
	msg_link_fini(&p->link);
	g->reaping = false;
	if (p->role == ROLE_VM)
		guest_vm_ended(g, status);
	else if (g->ending)
		guest_finish(g);
	else
		guest_respawn(p, status);
	return true;
}
