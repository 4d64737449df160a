/* SPDX-License-Identifier: ISC */
/*
 * One process of a VM: its spawning, its link to vmm, its record.  Runs in vmm;
 * what the processes of a VM are to each other is guest.c's.
 */
#include "role/guest_proc.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/log.h"
#include "jail/jail.h"
#include "role/guest.h"
#include "role/role.h"

void
guest_proc_free(struct guest_proc *p)
{
	TAILQ_REMOVE(&p->guest->procs, p, entry);
	msg_link_fini(&p->link);
	if (p->respawn != NULL)
		event_free(p->respawn);
	free(p);
}

/* The link to a process is gone: what it was is told by its end. */
static void
guest_proc_gone(void *arg, const char *why)
{
	struct guest_proc *p = arg;

	log_debug("guest", "vm %s: link to %s: %s",
	    p->guest->spec->start.target.name, role_name(p->role), why);
	msg_link_fini(&p->link);
	if (p->pid != 0 && strcmp(why, "end of stream") != 0)
		kill(p->pid, SIGKILL);
}

static const struct {
	enum msg_peer peer;
	const msg_handler *handlers;
} guest_roles[ROLE__MAX] = {
	[ROLE_VM] = { PEER_VM, vmm_from_vm },
	[ROLE_BLK] = { PEER_DEVICE, vmm_from_device },
	[ROLE_NET] = { PEER_DEVICE, vmm_from_device },
	[ROLE_USERNET] = { PEER_USERNET, vmm_from_usernet },
};

int
guest_proc_spawn(struct guest_proc *p, const int *fds, size_t nfds)
{
	struct guest_host *h = p->guest->host;
	const struct msg_log_level level = { .level = (uint32_t)h->verbose };
	int sv[2], pidfd;
	struct jail_spawn js = {
		.js_role = p->role,
		.js_root_fd = h->root_fd,
		.js_exe_fd = h->exe_fd,
		.js_fds = fds,
		.js_nfds = nfds,
		.js_uid = JAIL_SAME_UID,
		.js_gid = (gid_t)-1,
		.js_flags = h->jail_flags,
	};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	js.js_sock = sv[1];
	p->pid = jail_spawn(&js, &pidfd);
	close(sv[1]);
	if (p->pid == -1) {
		p->pid = 0;
		close(sv[0]);
		return -1;
	}
	close(pidfd);
	p->started_ms = clock_ms();
	if (msg_link_init(&p->link, sv[0], PEER_VMM, guest_roles[p->role].peer,
		guest_roles[p->role].handlers, p) == -1) {
		close(sv[0]);
		return -1;
	}
	msg_link_on_gone(&p->link, guest_proc_gone);
	if (msg_link_attach(&p->link, h->base) == -1)
		return -1;
	return MSG_SEND(&p->link, MSG_LOG_LEVEL, p->guest->id, &level);
}

struct guest_proc *
guest_proc_new(
    struct guest *g, enum role role, enum device_kind kind, unsigned int index)
{
	struct guest_proc *p = calloc(1, sizeof(*p));

	if (p == NULL)
		fatal("guest", "calloc");
	p->guest = g;
	p->role = role;
	p->kind = kind;
	p->index = index;
	p->link.fd = -1;
	TAILQ_INSERT_TAIL(&g->procs, p, entry);
	return p;
}
