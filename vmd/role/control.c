/* SPDX-License-Identifier: ISC */
/*
 * Role control: the control socket and its clients.  Runs as the unprivileged
 * user with an empty root; it holds the listening socket, the clients' sockets
 * and its link to the parent, nothing else.
 *
 * It learns from the kernel who a client is and tells the parent once, checks
 * each message against its row, and passes it on.  A client has one request
 * under way at a time; one that breaks a rule, or is silent for too long
 * without waiting for an answer, is dropped, and the others never notice.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/closer.h"
#include "ipc/log.h"
#include "jail/jail.h"
#include "role/child.h"
#include "role/role.h"
#include "vm_error.h"

#define CLIENTS_PER_UID 64
#define CLIENT_IDLE_S 60
#define ACCEPT_PAUSE_S 1
#define CLIENT_QUEUE_MAX (256 * 1024)
/* Linux 4.13; the C library may be older. */
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	struct msg_link link;
	struct event *idle;
	uint32_t id;
	uid_t uid;
	bool pending; /* a request is unanswered */
};

struct control {
	struct child child;
	TAILQ_HEAD(clients, client) clients;
	struct event *listener;
	struct event *resume;
	unsigned int count;
	uint32_t last_id;
	struct log_limit refused; /* somebody may try as often as he likes */
};

static const struct timeval idle_time = { .tv_sec = CLIENT_IDLE_S };
static const struct timeval pause_time = { .tv_sec = ACCEPT_PAUSE_S };

static struct client *
control_find(struct control *c, uint32_t id)
{
	struct client *cl;

	TAILQ_FOREACH(cl, &c->clients, entry)
		if (cl->id == id)
			return cl;
	return NULL;
}

static void
client_free(struct client *cl, bool tell_parent)
{
	struct control *c = cl->control;

	if (tell_parent)
		child_send(
		    &c->child, MSG_CLIENT_CLOSE, cl->id, -1, NULL, 0, NULL, 0);
	TAILQ_REMOVE(&c->clients, cl, entry);
	c->count--;
	msg_link_fini(&cl->link);
	if (cl->idle != NULL)
		event_free(cl->idle);
	free(cl);
}

static void
client_gone(void *arg, const char *why)
{
	struct client *cl = arg;

	log_debug("control", "client %u of uid %u: %s", cl->id, cl->uid, why);
	client_free(cl, true);
}

static void
client_idle_cb(int fd, short what, void *arg)
{
	struct client *cl = arg;

	(void)fd;
	(void)what;
	if (cl->pending)
		event_add(cl->idle, &idle_time);
	else
		client_gone(cl, "silent for too long");
}

/* Answers without the parent; the client then has nothing to wait for. */
static void
client_refuse(struct client *cl, enum vm_error error)
{
	const struct msg_result r = { .error = error };

	MSG_SEND(&cl->link, MSG_RESULT, VMD_PROTOCOL, &r);
}

/* A part of a request: more follows, the answer comes after the last. */
static void
client_part(void *arg, struct msg *m)
{
	struct client *cl = arg;

	if (m->peerid != VMD_PROTOCOL) {
		client_refuse(cl, VM_ERROR_PROTOCOL);
		client_gone(cl, "speaks another version of the protocol");
		return;
	}
	if (cl->pending) {
		client_gone(cl, "sent a request before the last was answered");
		return;
	}
	/* Others would wait for them, too. */
	if (m->fd != -1 && closer_waiting() >= CLOSER_MANY) {
		client_gone(cl, "too many files of clients hang");
		return;
	}
	event_add(cl->idle, &idle_time);
	child_forward(&cl->control->child, m, cl->id);
}

/* A whole request, or the last part of one. */
static void
client_request(void *arg, struct msg *m)
{
	struct client *cl = arg;
	struct control *c = cl->control;
	uint32_t id = cl->id;

	client_part(cl, m);
	if ((cl = control_find(c, id)) != NULL)
		cl->pending = true;
}

const msg_handler control_from_client[MSG__COUNT] = {
	[MSG_VM_START] = client_part,
	[MSG_VM_FILE] = client_part,
	[MSG_VM_CMDLINE] = client_part,
	[MSG_VM_START_END] = client_request,
	[MSG_VM_STOP] = client_request,
	[MSG_VM_WAIT] = client_request,
	[MSG_VM_PAUSE] = client_request,
	[MSG_VM_UNPAUSE] = client_request,
	[MSG_VM_DUMP] = client_request,
	[MSG_VM_SEND] = client_request,
	[MSG_VM_GDB] = client_request,
	[MSG_VM_STATS] = client_request,
	[MSG_STATUS] = client_request,
	[MSG_RELOAD] = client_request,
	[MSG_RESET] = client_request,
	[MSG_LOG_LEVEL] = client_request,
};

static unsigned int
control_count_uid(const struct control *c, uid_t uid)
{
	const struct client *cl;
	unsigned int n = 0;

	TAILQ_FOREACH(cl, &c->clients, entry)
		n += cl->uid == uid;
	return n;
}

/* Besides the one that SO_PEERCRED tells; root may do anything without. */
static size_t
client_groups(int fd, const struct ucred *cred, gid_t groups[VMD_GROUPS_MAX])
{
	socklen_t len = VMD_GROUPS_MAX * sizeof(groups[0]);

	if (cred->uid == 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
		return len / sizeof(groups[0]);
	log_debug("control", "uid %u: its groups do not count: %s", cred->uid,
	    errno == ERANGE ? "too many" : strerror(errno));
	return 0;
}

/* Takes fd. */
static int
client_new(struct control *c, int fd, const struct ucred *cred)
{
	struct client *cl = calloc(1, sizeof(*cl));
	const struct msg_client_open m = {
		.uid = cred->uid, .gid = cred->gid, .pid = cred->pid
	};
	gid_t groups[VMD_GROUPS_MAX];
	size_t ngroups = client_groups(fd, cred, groups);

	if (cl == NULL ||
	    msg_link_init(&cl->link, fd, PEER_CONTROL, PEER_CLIENT,
		control_from_client, cl) == -1) {
		free(cl);
		close(fd);
		return -1;
	}
	imsgbuf_set_maxqueue(&cl->link.ibuf, CLIENT_QUEUE_MAX);
	msg_link_on_gone(&cl->link, client_gone);
	cl->control = c;
	cl->uid = cred->uid;
	do {
		cl->id = ++c->last_id;
	} while (cl->id == 0 || control_find(c, cl->id) != NULL);
	TAILQ_INSERT_TAIL(&c->clients, cl, entry);
	c->count++;
	cl->idle = evtimer_new(c->child.base, client_idle_cb, cl);
	if (cl->idle == NULL || event_add(cl->idle, &idle_time) == -1 ||
	    msg_link_attach(&cl->link, c->child.base) == -1) {
		client_free(cl, false);
		return -1;
	}
	child_send(&c->child, MSG_CLIENT_OPEN, cl->id, -1, &m, sizeof(m),
	    groups, ngroups * sizeof(groups[0]));
	return 0;
}

static void
control_accept_cb(int listen_fd, short what, void *arg)
{
	struct control *c = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	(void)what;
	fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
			log_warn("control", "accept paused");
			event_del(c->listener);
			event_add(c->resume, &pause_time);
		}
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    c->count >= VMD_CLIENTS_MAX ||
	    (cred.uid != 0 &&
		control_count_uid(c, cred.uid) >= CLIENTS_PER_UID)) {
		log_guest(&c->refused, "control",
		    "client of uid %u refused: too many", cred.uid);
		close(fd);
		return;
	}
	if (client_new(c, fd, &cred) == -1)
		log_warnx("control", "client refused: out of memory");
}

static void
control_resume_cb(int fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	event_add(c->listener, NULL);
}

/* A client that does not read its answers loses them and its connection. */
static void
control_answer(void *arg, struct msg *m)
{
	struct control *c = arg;
	struct client *cl = control_find(c, m->peerid);

	if (cl == NULL)
		return;
	if (!msg_is_part(m->type))
		cl->pending = false;
	event_add(cl->idle, &idle_time);
	if (msg_forward(&cl->link, m, VMD_PROTOCOL) == -1)
		client_gone(cl, "does not take its answer");
}

static void
control_client_close(void *arg, struct msg *m)
{
	struct control *c = arg;
	struct client *cl = control_find(c, m->peerid);

	if (cl != NULL)
		client_free(cl, false);
}

const msg_handler control_from_parent[MSG__COUNT] = {
	[MSG_RESULT] = control_answer,
	[MSG_STATUS_VM] = control_answer,
	[MSG_STATUS_END] = control_answer,
	[MSG_STATS_ROW] = control_answer,
	[MSG_VM_PROGRESS] = control_answer,
	[MSG_SEND_PROGRESS] = control_answer,
	[MSG_CLIENT_CLOSE] = control_client_close,
	[MSG_LOG_LEVEL] = child_log_level,
};

int
control_main(void)
{
	struct control c;

	memset(&c, 0, sizeof(c));
	TAILQ_INIT(&c.clients);
	child_begin(&c.child, ROLE_CONTROL, PEER_CONTROL, PEER_PARENT,
	    control_from_parent, &c);
	child_events(&c.child);
	c.listener = event_new(c.child.base, JAIL_FD_EXTRA,
	    EV_READ | EV_PERSIST, control_accept_cb, &c);
	c.resume = evtimer_new(c.child.base, control_resume_cb, &c);
	if (c.listener == NULL || c.resume == NULL ||
	    event_add(c.listener, NULL) == -1)
		fatalx("control", "out of memory");
	if (jail_seal(ROLE_CONTROL) == -1)
		fatal("control", "cannot seal the sandbox");
	event_base_dispatch(c.child.base);
	return 0;
}
