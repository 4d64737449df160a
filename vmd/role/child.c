/* SPDX-License-Identifier: ISC */
/*
 * The common beginning of the spawned roles; see child.h.  Runs in each of
 * them, first with what jail_spawn() left, then inside the jail.
 */
#include "role/child.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ipc/closer.h"
#include "ipc/log.h"
#include "jail/jail.h"

/* Called with the log's lock held: it must not log. */
static void
child_log_sink(
    enum log_level level, const char *process, const char *line, void *arg)
{
	struct child *c = arg;
	struct msg_log_line m = { .level = level };

	strlcpy(m.process, process, sizeof(m.process));
	child_send(c, MSG_LOG_LINE, c->vm_id, -1, &m, sizeof(m), line,
	    strnlen(line, VMD_LOGLINE_MAX));
}

void
child_send(struct child *c, enum msg_type type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len)
{
	msg_trace(&c->up, type, len + tail_len, fd != -1);
	pthread_mutex_lock(&c->lock);
	if (msg_send(&c->up, type, peerid, fd, payload, len, tail, tail_len) ==
		0 ||
	    msg_link_is_open(&c->up))
		msg_link_flush(&c->up);
	pthread_mutex_unlock(&c->lock);
}

void
child_forward(struct child *c, struct msg *m, uint32_t peerid)
{
	int fd = m->fd;

	m->fd = -1;
	child_send(c, m->type, peerid, fd, m->payload,
	    msg_payload_size(m->type), m->tail, m->tail_len);
}

void
child_log_level(void *arg, struct msg *m)
{
	const struct msg_log_level *level = m->payload;

	(void)arg;
	log_setverbose((int)(level->level & 3));
}

static void
child_up_gone(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	/* The link is gone, so there is nobody to tell. */
	_exit(0);
}

static void
child_read_cb(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	msg_link_read(arg);
}

static void
child_signals(void)
{
	/* A terminal's ^C, or a service manager's end of all processes, is for
	 * the parent, which ends everybody in order. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
}

/* Those that clients' descriptors come to, and how many may hang there. */
static const unsigned int closers[ROLE__MAX] = {
	[ROLE_CONTROL] = 1,
	[ROLE_SUPERVISOR] = 2 * CLOSER_MANY,
	[ROLE_VM] = 1,
};

void
child_begin(struct child *c, enum role role, enum msg_peer self,
    enum msg_peer spawner, const msg_handler *handlers, void *arg)
{
	struct jail_params params;
	struct jail_report report;
	char text[512];

	memset(c, 0, sizeof(*c));
	c->role = role;
	pthread_mutex_init(&c->lock, NULL);
	log_init(role_name(role), LOG_TO_STDERR);
	setproctitle("%s", role_name(role));
	child_signals();
	if (jail_params_get(&params) == -1)
		fatalx("vmd", "this role is not for users to start");
	if (jail_enter(role, &params, &report) == -1)
		fatal(
		    "jail", "cannot close the sandbox of %s", role_name(role));
	if (closers[role] != 0 && closer_start(closers[role]) == -1)
		fatal("vmd", "cannot start %s: no thread", role_name(role));
	if (msg_link_init(
		&c->up, JAIL_FD_SOCKET, self, spawner, handlers, arg) == -1)
		fatal("vmd", "cannot start %s", role_name(role));
	c->up.quiet = true;
	msg_link_on_gone(&c->up, child_up_gone);
	log_set_sink(child_log_sink, c);
	/* vmm says it for the processes it spawns. */
	if (report.jr_missing != 0 && role == ROLE_SUPERVISOR)
		log_info("jail", "%s",
		    jail_report_text(&report, text, sizeof(text)));
}

void
child_events(struct child *c)
{
	struct event_config *config = event_config_new();

	/* What libevent needs is epoll; it must not look for more. */
	if (config == NULL ||
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == -1 ||
	    (c->base = event_base_new_with_config(config)) == NULL)
		fatalx("vmd", "cannot start %s: no event loop",
		    role_name(c->role));
	event_config_free(config);
	c->reader = event_new(c->base, msg_link_fd(&c->up),
	    EV_READ | EV_PERSIST, child_read_cb, &c->up);
	if (c->reader == NULL || event_add(c->reader, NULL) == -1)
		fatalx("vmd", "cannot start %s: no event loop",
		    role_name(c->role));
}
