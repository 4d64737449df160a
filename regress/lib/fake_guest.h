/* SPDX-License-Identifier: ISC */
/*
 * vmm's side of a VM without vmm: its guest, and a VM process that is a socket.
 * What would go to the parent goes where the test says.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "ipc/vmspec.h"
#include "role/guest.h"

#define FAKE_GUEST_ID 3

static struct guest_host host;
static struct guest *g;
static struct guest_proc p;
static int vm_end = -1; /* the VM process's end of its socket */

/* Before it: host.to_parent. */
static inline bool
fake_guest_begin(void)
{
	struct vmspec *s = vmspec_new();
	int sv[2];

	strlcpy(s->start.target.name, "web1", sizeof(s->start.target.name));
	g = guest_new(&host, FAKE_GUEST_ID, s);
	memset(&p, 0, sizeof(p));
	p.guest = g;
	p.role = ROLE_VM;
	g->vm = &p;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return false;
	vm_end = sv[1];
	return msg_link_init(
		   &p.link, sv[0], PEER_VMM, PEER_VM, vmm_from_vm, &p) == 0;
}

static inline void
fake_guest_end(void)
{
	msg_link_fini(&p.link);
	close(vm_end);
	guest_free(g);
}

#endif /* FAKE_GUEST_H */
