/* SPDX-License-Identifier: ISC */
/*
 * The roles one binary can play, each in a process of its own.  The name is
 * what stands on the command line behind the hidden option, in log lines and
 * in the printed sandbox tables.
 */
#ifndef ROLE_ID_H
#define ROLE_ID_H

enum role {
	ROLE_PARENT, /* root: opens what others may not, owns the list */
	ROLE_PRIV, /* CAP_NET_ADMIN: links and addresses */
	ROLE_CONTROL, /* the control socket and its clients */
	ROLE_SUPERVISOR, /* spawns and reaps the four below; "vmm" */
	ROLE_VM, /* one guest: vCPUs, chips, PCI configuration */
	ROLE_BLK, /* one disk of one guest */
	ROLE_NET, /* one network interface of one guest */
	ROLE_USERNET, /* the user-mode network of one interface */
	ROLE__MAX
};

/* The bit of a role in a mask of roles. */
#define ROLE_BIT(r) (1U << (r))

/* "parent", "priv", "control", "vmm", "vm", "blk", "net", "usernet". */
const char *role_name(enum role role);
/* The role of that name, or -1. */
int role_find(const char *name);

#endif /* ROLE_ID_H */
