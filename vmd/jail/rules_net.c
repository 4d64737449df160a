/* SPDX-License-Identifier: ISC */
/*
 * Rows for sockets: clients of control, netlink of priv, the taps, and the
 * connections usernet makes for a guest.
 */
#include "jail/table.h"

#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define FAMILY(f) ARG_INT(0, f)

static const struct jail_row rows[] = {
	/* The control socket; parent makes it, control serves it. */
	ROW_IF(P, RUN, socket, "control socket, syslog, user database",
	    FAMILY(AF_UNIX)),
	ROW(P, RUN, bind, "control socket"),
	ROW(P, RUN, listen, "control socket"),
	ROW(P, RUN, connect, "is another daemon there; syslog"),
	ROW(P, RUN, sendto, "syslog"),
	ROW(P, RUN, recvfrom, "user database"),
	ROW(P, RUN, getsockopt, "sockets"),
	ROW(P, RUN, setsockopt, "sockets"),
	ROW(P, RUN, getsockname, "sockets"),
	ROW(C, RUN, accept4, "clients"),
	ROW(C, RUN, accept, "clients"),
	ROW(C, RUN, getsockname, "clients"),
	ROW(C, RUN, getpeername, "clients"),
	ROW_IF(C, RUN, getsockopt, "who is the client", ARG_INT(1, SOL_SOCKET)),
	ROW_IF(C, RUN, setsockopt, "bounds of the buffers",
	    ARG_INT(1, SOL_SOCKET)),

	/* vm: the socket for debuggers, which the parent made. */
	ROW(V, RUN, accept4, "a debugger"),
	ROW_IF(V, RUN, getsockopt, "who is the debugger",
	    ARG_INT(1, SOL_SOCKET), ARG_INT(2, SO_PEERCRED)),

	/* priv: one netlink socket. */
	ROW_IF(R, SETUP, socket, "rtnetlink", FAMILY(AF_NETLINK),
	    ARG_INT(2, NETLINK_ROUTE)),
	ROW(R, SETUP, bind, "rtnetlink"),
	ROW(R, SETUP, getsockname, "rtnetlink: its port"),
	ROW(R, SETUP, setsockopt, "rtnetlink: errors with text"),
	ROW(R, RUN, sendto, "rtnetlink"),
	ROW(R, RUN, recvfrom, "rtnetlink"),

	/* Taps. */
	ROW_IF(P, RUN, ioctl, "tap: make", ARG_INT(1, TUNSETIFF)),
	ROW_IF(P, RUN, ioctl, "tap: which", ARG_INT(1, TUNGETIFF)),
	ROW_IF(P, RUN, ioctl, "tap: header", ARG_INT(1, TUNSETVNETHDRSZ)),
	ROW_IF(P, RUN, ioctl, "tap: offloads", ARG_INT(1, TUNSETOFFLOAD)),
	ROW_IF(P, RUN, ioctl, "tap: features", ARG_INT(1, TUNGETFEATURES)),
	ROW_IF(N, SETUP, ioctl, "tap: header of virtio 1",
	    ARG_INT(1, TUNSETVNETHDRSZ)),
	ROW_IF(N, SETUP, getsockopt, "does the socket keep frames apart",
	    ARG_INT(1, SOL_SOCKET), ARG_INT(2, SO_TYPE)),
	ROW_IF(N, SETUP, ioctl, "tap: header", ARG_INT(1, TUNSETVNETHDRSZ)),
	ROW_IF(N | U, SETUP, getsockopt, "kind of the socket of frames",
	    ARG_INT(1, SOL_SOCKET)),
	ROW_IF(N, RUN, ioctl, "offloads the guest has chosen",
	    ARG_INT(1, TUNSETOFFLOAD)),

	/* usernet: what libslirp does for a guest. */
	/*
	 * Any type: for a ping that the host does not grant, libslirp tries
	 * a raw socket next, and is to get the kernel's EPERM for the
	 * capability it lacks, not the end.
	 */
	ROW_IF(U, RUN, socket, "TCP, UDP, ping", FAMILY(AF_INET)),
	ROW_IF(U, RUN, socket, "TCP, UDP, ping", FAMILY(AF_INET6)),
	ROW(U, RUN, connect, "the guest's connections"),
	ROW(U, RUN, bind, "UDP and forwarded ports"),
	ROW(U, RUN, listen, "forwarded ports"),
	ROW(U, RUN, accept, "forwarded ports"),
	ROW(U, RUN, accept4, "forwarded ports"),
	ROW(U, RUN, sendto, "the guest's packets"),
	ROW(U, RUN, recvfrom, "answers"),
	ROW(U, RUN, getsockopt, "state of a connection"),
	ROW(U, RUN, setsockopt, "options of a connection"),
	ROW(U, RUN, getsockname, "ports"),
	ROW(U, RUN, getpeername, "ports"),
	ROW_IF(U, RUN, ioctl, "bytes to read", ARG_INT(1, FIONREAD)),
	ROW_IF(U, RUN, ioctl, "non-blocking", ARG_INT(1, FIONBIO)),
};

const struct jail_rules jail_rules_net = { rows,
	sizeof(rows) / sizeof(rows[0]) };
