/* SPDX-License-Identifier: ISC */
/*
 * Network interfaces over rtnetlink.  Runs in priv, which has CAP_NET_ADMIN
 * and nothing else; the requests come from the parent.  Each function that
 * changes something refuses names link_name_allowed() does not accept.
 *
 * All: 0, or -1 with errno (EPERM the name, ENODEV no such interface, and
 * what the kernel says).  One thread per handle.
 */
#ifndef LINK_H
#define LINK_H

#include <sys/socket.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_ALIAS_MAX 255

struct link;

/* An owned handle with a netlink socket of its own, or NULL with errno. */
struct link *link_open(void);
/* Takes a handle, NULL included. */
void link_close(struct link *link);

/*
 * Whether priv touches an interface of that name: tap, bridge, veb or vmd,
 * followed by at least one of [A-Za-z0-9_-], shorter than IFNAMSIZ.
 */
bool link_name_allowed(const char *name);

/* The index of an interface: lookup only, any name that fits. */
int link_index(struct link *link, const char *name, uint32_t *index);
int link_set_up(struct link *link, const char *name, bool up);
/* The description of OpenBSD: "vm<id>-if<index>-<name>". */
int link_set_alias(struct link *link, const char *name, const char *alias);
int link_set_mac(struct link *link, const char *name, const uint8_t mac[6]);
int link_set_mtu(struct link *link, const char *name, uint32_t mtu);
/* Puts an interface into a bridge; NULL takes it out. */
int link_set_master(struct link *link, const char *name, const char *master);
/* Adds an IPv4 or IPv6 address; EEXIST when it is there already. */
int link_add_address(struct link *link, const char *name,
    const struct sockaddr *address, unsigned int prefix);

#endif /* LINK_H */
