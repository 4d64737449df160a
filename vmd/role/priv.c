/* SPDX-License-Identifier: ISC */
/*
 * Role priv: root reduced to CAP_NET_ADMIN, in an empty root.  Sets up the tap
 * interfaces that the parent names, and no other interface of the host.
 *
 * It serves the parent alone and keeps no state; a request that its table does
 * not allow ends it, and the parent starts another.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "ipc/log.h"
#include "net/link.h"
#include "role/child.h"
#include "role/role.h"

struct priv {
	struct child child;
	struct link *netlink;
};

static int
priv_apply(struct priv *p, const struct msg_link_set *m)
{
	char ifname[VMD_IFNAME_MAX + 1], alias[sizeof(m->alias)];

	MSG_STR(ifname, m->ifname);
	MSG_STR(alias, m->alias);
	if (!link_name_allowed(ifname)) {
		errno = EPERM;
		return -1;
	}
	if (alias[0] != '\0' && link_set_alias(p->netlink, ifname, alias) == -1)
		return -1;
	if ((m->flags & LINK_UP) != 0)
		return link_set_up(p->netlink, ifname, true);
	return 0;
}

static void
priv_link_set(void *arg, struct msg *msg)
{
	struct priv *p = arg;
	const struct msg_link_set *m = msg->payload;
	struct msg_link_done done = { .cookie = m->cookie };

	if (priv_apply(p, m) == -1)
		done.sys_errno = (uint32_t)errno;
	child_send(&p->child, MSG_LINK_DONE, msg->peerid, -1, &done,
	    sizeof(done), NULL, 0);
}

const msg_handler priv_from_parent[MSG__COUNT] = {
	[MSG_LINK_SET] = priv_link_set,
	[MSG_LOG_LEVEL] = child_log_level,
};

int
priv_main(void)
{
	struct priv p;

	memset(&p, 0, sizeof(p));
	child_begin(
	    &p.child, ROLE_PRIV, PEER_PRIV, PEER_PARENT, priv_from_parent, &p);
	child_events(&p.child);
	if ((p.netlink = link_open()) == NULL)
		fatal("priv", "netlink");
	event_base_dispatch(p.child.base);
	return 0;
}
