/* SPDX-License-Identifier: ISC */
/*
 * What each role is: namespaces, children, capabilities, user, root, limits.
 * Facts only; jail_enter() and jail_spawn() act on them, in the process of
 * the role and in that of its spawner.
 */
#include "jail/table.h"

#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "vmd_limits.h"

#define CAP(c) (1ULL << (c))
#define NS_COMMON (CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)
#define NS_ALONE (NS_COMMON | CLONE_NEWNET | CLONE_NEWPID)
#define NET_TCP 0x3 /* LANDLOCK_ACCESS_NET_BIND_TCP | _CONNECT_TCP */

const struct jail_role jail_roles[ROLE__MAX] = {
	/*
	 * Root's daemon opens files of any owner (DAC_*), gives ptys and
	 * sockets away (CHOWN, FOWNER), makes its children's namespaces
	 * (SYS_ADMIN, SYS_CHROOT), users (SETUID, SETGID) and capability
	 * sets (SETPCAP), taps (NET_ADMIN), and ends them (KILL).
	 */
	[ROLE_PARENT] = { .name = "parent",
	    .spawns = R | C | S,
	    .caps = CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) |
		CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) | CAP(CAP_KILL) |
		CAP(CAP_SETGID) | CAP(CAP_SETUID) | CAP(CAP_SETPCAP) |
		CAP(CAP_NET_ADMIN) | CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_ADMIN) },
	/* In the host's network, whose links it changes. */
	[ROLE_PRIV] = { .name = "priv",
	    .namespaces = NS_COMMON | CLONE_NEWPID,
	    .caps = CAP(CAP_NET_ADMIN),
	    .empty_root = true,
	    .dies_with_parent = true,
	    .landlock = true,
	    .landlock_net = NET_TCP },
	[ROLE_CONTROL] = { .name = "control",
	    .namespaces = NS_ALONE,
	    .drop_user = true,
	    .empty_root = true,
	    .dies_with_parent = true,
	    .landlock = true,
	    .landlock_net = NET_TCP },
	/*
	 * Keeps the host's network and process namespaces: usernet inherits
	 * the first, and were it the init of a process namespace its end
	 * would take every VM with it at once, without a word.
	 */
	[ROLE_SUPERVISOR] = { .name = "vmm",
	    .namespaces = NS_COMMON,
	    .spawns = V | B | N | U,
	    .drop_user = true,
	    .dies_with_parent = true,
	    .landlock = true },
	[ROLE_VM] = { .name = "vm",
	    .namespaces = NS_ALONE,
	    .empty_root = true,
	    .dies_with_parent = true,
	    .landlock = true,
	    .landlock_net = NET_TCP },
	[ROLE_BLK] = { .name = "blk",
	    .namespaces = NS_ALONE,
	    .empty_root = true,
	    .dies_with_parent = true,
	    .landlock = true,
	    .landlock_net = NET_TCP },
	[ROLE_NET] = { .name = "net",
	    .namespaces = NS_ALONE,
	    .empty_root = true,
	    .dies_with_parent = true,
	    .landlock = true,
	    .landlock_net = NET_TCP },
	/*
	 * libslirp reads the name servers from resolv.conf whenever it has
	 * changed: the root stays and Landlock leaves that file only.
	 * jail_enter() takes the root away where there is no Landlock.
	 */
	[ROLE_USERNET] = { .name = "usernet",
	    .namespaces = NS_COMMON | CLONE_NEWPID,
	    .dies_with_parent = true,
	    .landlock = true },
};

#define LIMIT(roles_, resource_, value_, reason_)                        \
	{                                                                \
		.roles = (roles_), .resource = RLIMIT_##resource_,       \
		.name = #resource_, .value = (value_), .reason = reason_ \
	}

const struct jail_limit jail_limits[] = {
	LIMIT(ALL, CORE, 0, "a core file would hold guest memory"),
	LIMIT(R, NOFILE, 64, "two sockets and the event loop"),
	LIMIT(C, NOFILE, 1024, "bounds the clients served at once"),
	LIMIT(V, NOFILE, 2048, "64 vCPUs, their eventfds, devices"),
	LIMIT(B, NOFILE, 256, "one image chain, its eventfds, the ring"),
	LIMIT(N, NOFILE, 64, "one tap and its eventfds"),
	LIMIT(U, NOFILE, 4096, "bounds the guest's connections"),
	LIMIT(V, FSIZE, VMD_MEMORY_MAX + (1ULL << 30),
	    "guest memory; less once its size is known"),
	LIMIT(R | N | U, NPROC, 1, "neither forks nor has threads"),
	LIMIT(SPAWNED & ~S, MSGQUEUE, 0, "no message queues"),
};
const size_t jail_limits_count = sizeof(jail_limits) / sizeof(jail_limits[0]);

const char *
role_name(enum role role)
{
	return role < ROLE__MAX ? jail_roles[role].name : "unknown";
}

int
role_find(const char *name)
{
	for (int i = 0; i < ROLE__MAX; i++)
		if (strcmp(jail_roles[i].name, name) == 0)
			return i;
	return -1;
}

uint32_t
jail_descendants(enum role role)
{
	uint32_t below = jail_roles[role].spawns;

	for (unsigned int i = 0; i < ROLE__MAX; i++)
		if (jail_roles[role].spawns & ROLE_BIT(i))
			below |= jail_roles[i].spawns;
	return below;
}
