/* SPDX-License-Identifier: ISC */
/*
 * Role usernet: the user-mode network of one interface, libslirp behind a
 * socket of Ethernet frames.
 *
 * Holds the socket of frames and the connections it makes for the guest in the
 * host's network; never guest memory.  The guest gets 10.0.2.15 by DHCP, a
 * router at 10.0.2.2, a name server at 10.0.2.3, and the same by IPv6 below
 * fec0::/64.  The router's address leads to the host itself, to services on
 * 127.0.0.1 too: a guest with this network is trusted as far as the user whose
 * connections these are.
 *
 * libslirp brings glib along, which no other role should pay for.  So it is
 * loaded here, after the exec and before the jail closes.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/log.h"
#include "jail/jail.h"
#include "role/child.h"
#include "role/role.h"

#define FD_FRAMES JAIL_FD_EXTRA
#define LIBRARY "libslirp.so.0"
#define FRAME_MAX 65536
#define BATCH 64 /* frames of the guest before its connections' turn */
#define TIMERS_MAX 8
#define POLL_FIXED 2 /* the link to vmm and the frames */

struct usernet_timer {
	SlirpTimerCb fire; /* NULL: this one is free */
	void *arg;
	int64_t at_ms; /* -1: not armed */
};

/* What we use of libslirp. */
static struct {
	Slirp *(*new)(const SlirpConfig *, const SlirpCb *, void *);
	void (*fill)(Slirp *, uint32_t *, SlirpAddPollCb, void *);
	void (*poll)(Slirp *, int, SlirpGetREventsCb, void *);
	void (*input)(Slirp *, const uint8_t *, int);
} lib;

static const struct {
	const char *name;
	void *where;
} lib_symbols[] = {
	{ "slirp_new", &lib.new },
	{ "slirp_pollfds_fill", &lib.fill },
	{ "slirp_pollfds_poll", &lib.poll },
	{ "slirp_input", &lib.input },
};

struct usernet {
	struct child child;
	Slirp *slirp;
	char vm[VMD_NAME_MAX + 1];
	struct log_limit limit;
	struct usernet_timer timer[TIMERS_MAX];
	struct pollfd *fds;
	unsigned int nfds, maxfds;
	uint8_t frame[FRAME_MAX];
};

/* NULL, or why the library cannot be used. */
static const char *
usernet_load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL)
		return dlerror();
	for (size_t i = 0; i < sizeof(lib_symbols) / sizeof(lib_symbols[0]);
	     i++) {
		void *symbol = dlsym(handle, lib_symbols[i].name);

		if (symbol == NULL)
			return dlerror();
		memcpy(lib_symbols[i].where, &symbol, sizeof(symbol));
	}
	return NULL;
}

/* --- what libslirp asks of us ------------------------------------------------
 */

static ssize_t
usernet_send(const void *buf, size_t len, void *arg)
{
	(void)arg;
	/* A guest that takes no frames loses them, as on a wire. */
	send(FD_FRAMES, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return (ssize_t)len;
}

static void
usernet_guest_error(const char *text, void *arg)
{
	struct usernet *u = arg;

	log_guest(&u->limit, "usernet", "vm %s: %s", u->vm, text);
}

static int64_t
usernet_clock(void *arg)
{
	(void)arg;
	return clock_ns();
}

static void *
usernet_timer_new(SlirpTimerCb fire, void *arg, void *opaque)
{
	struct usernet *u = opaque;

	for (unsigned int i = 0; i < TIMERS_MAX; i++) {
		struct usernet_timer *t = &u->timer[i];

		if (t->fire != NULL)
			continue;
		*t = (struct usernet_timer) {
			.fire = fire, .arg = arg, .at_ms = -1
		};
		return t;
	}
	fatalx("usernet", "libslirp wants more timers than there are");
}

static void
usernet_timer_free(void *timer, void *arg)
{
	struct usernet_timer *t = timer;

	(void)arg;
	t->fire = NULL;
}

static void
usernet_timer_mod(void *timer, int64_t at_ms, void *arg)
{
	struct usernet_timer *t = timer;

	(void)arg;
	t->at_ms = at_ms;
}

static void
usernet_fd(int fd, void *arg)
{
	/* The set of descriptors is made anew in each round. */
	(void)fd;
	(void)arg;
}

static void
usernet_notify(void *arg)
{
	/* There is one thread, and it is awake. */
	(void)arg;
}

static const SlirpCb usernet_callbacks = {
	.send_packet = usernet_send,
	.guest_error = usernet_guest_error,
	.clock_get_ns = usernet_clock,
	.timer_new = usernet_timer_new,
	.timer_free = usernet_timer_free,
	.timer_mod = usernet_timer_mod,
	.register_poll_fd = usernet_fd,
	.unregister_poll_fd = usernet_fd,
	.notify = usernet_notify,
};

/* --- the event loop
 * ----------------------------------------------------------- */

static const struct {
	int slirp;
	short poll;
} usernet_events[] = {
	{ SLIRP_POLL_IN, POLLIN },
	{ SLIRP_POLL_OUT, POLLOUT },
	{ SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR },
	{ SLIRP_POLL_HUP, POLLHUP },
};
#define NEVENTS (sizeof(usernet_events) / sizeof(usernet_events[0]))

/* Entry number of a descriptor in the set of this round. */
static int
usernet_add_fd(struct usernet *u, int fd, short events)
{
	if (u->nfds == u->maxfds) {
		unsigned int max = u->maxfds == 0 ? 16 : 2 * u->maxfds;

		u->fds = reallocarray(u->fds, max, sizeof(*u->fds));
		if (u->fds == NULL)
			fatal("usernet", "poll set");
		u->maxfds = max;
	}
	u->fds[u->nfds] = (struct pollfd) { .fd = fd, .events = events };
	return (int)u->nfds++;
}

static int
usernet_add_poll(int fd, int events, void *arg)
{
	short wanted = 0;

	for (size_t i = 0; i < NEVENTS; i++)
		if (events & usernet_events[i].slirp)
			wanted |= usernet_events[i].poll;
	return usernet_add_fd(arg, fd, wanted);
}

static int
usernet_get_events(int index, void *arg)
{
	struct usernet *u = arg;
	int events = 0;

	if (index < 0 || (unsigned int)index >= u->nfds)
		return 0;
	for (size_t i = 0; i < NEVENTS; i++)
		if (u->fds[index].revents & usernet_events[i].poll)
			events |= usernet_events[i].slirp;
	return events;
}

/* Milliseconds until the next timer, at most timeout. */
static int
usernet_timeout(const struct usernet *u, uint32_t timeout)
{
	int64_t now = usernet_clock(NULL) / 1000000;
	int64_t wait = timeout > INT32_MAX ? -1 : (int64_t)timeout;

	for (unsigned int i = 0; i < TIMERS_MAX; i++) {
		const struct usernet_timer *t = &u->timer[i];
		int64_t left = t->at_ms > now ? t->at_ms - now : 0;

		if (t->fire != NULL && t->at_ms != -1 &&
		    (wait == -1 || left < wait))
			wait = left;
	}
	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static void
usernet_fire(struct usernet *u)
{
	int64_t now = usernet_clock(NULL) / 1000000;

	for (unsigned int i = 0; i < TIMERS_MAX; i++) {
		struct usernet_timer *t = &u->timer[i];

		if (t->fire == NULL || t->at_ms == -1 || t->at_ms > now)
			continue;
		t->at_ms = -1;
		t->fire(t->arg);
	}
}

static void
usernet_frames(struct usernet *u)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		ssize_t n =
		    recv(FD_FRAMES, u->frame, sizeof(u->frame), MSG_DONTWAIT);

		if (n <= 0)
			return;
		lib.input(u->slirp, u->frame, (int)n);
	}
}

static void
usernet_round(struct usernet *u)
{
	uint32_t timeout = UINT32_MAX;
	int n;

	u->nfds = 0;
	usernet_add_fd(u, msg_link_fd(&u->child.up), POLLIN);
	/* No frames before we know what we are. */
	usernet_add_fd(u, u->slirp == NULL ? -1 : FD_FRAMES, POLLIN);
	if (u->slirp != NULL)
		lib.fill(u->slirp, &timeout, usernet_add_poll, u);
	n = poll(u->fds, u->nfds, usernet_timeout(u, timeout));
	if (n == -1 && errno != EINTR)
		fatal("usernet", "poll");
	if (u->slirp != NULL)
		lib.poll(u->slirp, n == -1, usernet_get_events, u);
	usernet_fire(u);
	if (n > 0 && u->fds[1].revents != 0)
		usernet_frames(u);
	/* Last, as it may be the end of this process. */
	if (n > 0 && u->fds[0].revents != 0)
		msg_link_read(&u->child.up);
}

/* --- start
 * -------------------------------------------------------------------- */

static void
usernet_open(struct usernet *u)
{
	SlirpConfig c = {
		.version = 1,
		.in_enabled = true,
		/* What listens on the host's loopback address trusts whoever
		 * reaches it; a guest is not to be trusted. */
		.disable_host_loopback = true,
		.in6_enabled = true,
		.vprefix_len = 64,
	};

	inet_pton(AF_INET, "10.0.2.0", &c.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &c.vnetmask);
	inet_pton(AF_INET, "10.0.2.2", &c.vhost);
	inet_pton(AF_INET, "10.0.2.15", &c.vdhcp_start);
	inet_pton(AF_INET, "10.0.2.3", &c.vnameserver);
	inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &c.vhost6);
	inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
	u->slirp = lib.new(&c, &usernet_callbacks, u);
	if (u->slirp == NULL)
		fatalx("usernet", "vm %s: libslirp does not start", u->vm);
}

static void
usernet_start(void *arg, struct msg *msg)
{
	struct usernet *u = arg;
	const struct msg_device_start *m = msg->payload;

	if (u->slirp != NULL)
		fatalx("usernet", "started twice");
	u->child.vm_id = msg->peerid;
	MSG_STR(u->vm, m->name);
	log_procname("usernet%u/%s", m->index, u->vm);
	usernet_open(u);
	if (jail_seal(u->child.role) == -1)
		fatal("jail", "vm %s: cannot seal the sandbox of usernet%u",
		    u->vm, m->index);
}

const msg_handler usernet_from_vmm[MSG__COUNT] = {
	[MSG_LOG_LEVEL] = child_log_level,
	[MSG_DEVICE_START] = usernet_start,
};

int
usernet_main(void)
{
	static struct usernet u;
	const char *why = usernet_load();

	child_begin(&u.child, ROLE_USERNET, PEER_USERNET, PEER_VMM,
	    usernet_from_vmm, &u);
	if (why != NULL)
		fatalx("usernet",
		    "user-mode networks need libslirp, which cannot be used "
		    "here: %s",
		    why);
	for (;;)
		usernet_round(&u);
}
