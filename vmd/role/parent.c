/* SPDX-License-Identifier: ISC */
/*
 * Role parent: the daemon's first process.  Runs as root, or as the ordinary
 * user who started it; owns the list of VMs, the control socket's name and its
 * three children control, priv and vmm, which it starts again when they die.
 *
 * This file is about processes, the socket and signals; see parent.h for the
 * others.
 */
#include "role/parent.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/closer.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/gdbsock.h"
#include "role/notify.h"

#define ENDING_S 10
#define REAP_MS 1000
#define REAP_STEP_MS 2
/*
 * A child that dies so soon after its start, so often, ends a daemon in which
 * it has never been up: nothing would come of it.  Later there may be VMs,
 * which do not depend on whether somebody has found a way to end control: it is
 * started again after a while, which gets longer.
 */
#define CHILD_SOON_MS 2000
#define CHILD_DEATHS_MAX 5
#define RESPAWN_S 1
#define RESPAWN_MAX_S 30

static void parent_respawn(struct parent_proc *);
static void parent_respawn_later(struct parent_proc *, time_t seconds);

struct session *
parent_session(struct parent *p, uint32_t id)
{
	struct session *s;

	TAILQ_FOREACH(s, &p->sessions, entry)
		if (s->id == id)
			return s;
	return NULL;
}

struct msg_link *
parent_link(struct parent *p, int proc)
{
	return &p->proc[proc].link;
}

void
parent_log_line(void *arg, struct msg *m)
{
	const struct msg_log_line *l = m->payload;
	char process[sizeof(l->process) + 1];

	(void)arg;
	MSG_STR(process, l->process);
	/* A child cannot end the daemon by a word. */
	log_relay(l->level == LOG_LEVEL_FATAL ? LOG_LEVEL_WARN : l->level,
	    process, m->tail, m->tail_len);
}

/* --- children --------------------------------------------------------------
 */

/* A child that breaks the rules is killed; its end is seen by waitpid(2). */
static void
parent_child_gone(void *arg, const char *why)
{
	struct parent_proc *c = arg;

	if (!c->parent->ending)
		log_debug("vmd", "%s: %s", role_name(c->role), why);
	msg_link_fini(&c->link);
	if (c->pid != 0)
		kill(c->pid, SIGKILL);
}

/* What else died with a child. */
static void
parent_child_lost(struct parent_proc *c)
{
	struct parent *p = c->parent;
	struct session *s;

	if (c == &p->proc[PROC_CONTROL])
		while ((s = TAILQ_FIRST(&p->sessions)) != NULL)
			request_session_close(p, s);
	if (c == &p->proc[PROC_VMM]) {
		p->kvm_sent = false;
		vmlife_all_ended(p);
	}
}

static void
parent_child_reaped(struct parent_proc *c, int status)
{
	struct parent *p = c->parent;
	bool soon = clock_ms() - c->started_ms < CHILD_SOON_MS;

	c->pid = 0;
	/* Its last words first. */
	msg_link_drain(&c->link);
	msg_link_fini(&c->link);
	parent_child_lost(c);
	if (p->ending)
		return;
	c->deaths = soon ? c->deaths + 1 : 1;
	c->was_up |= !soon;
	log_warnx("vmd", "%s ended (%s %d)", role_name(c->role),
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (c->deaths < CHILD_DEATHS_MAX)
		parent_respawn(c);
	else if (c->was_up) {
		time_t s = 1 << (c->deaths - CHILD_DEATHS_MAX);

		if (s >= RESPAWN_MAX_S)
			s = RESPAWN_MAX_S, c->deaths--;
		log_warnx("vmd", "%s does not stay up: next try in %d s",
		    role_name(c->role), (int)s);
		parent_respawn_later(c, s);
	} else {
		log_warnx("vmd", "%s does not stay up: the daemon ends",
		    role_name(c->role));
		parent_end(p);
	}
}

static void
parent_sigchld_cb(int sig, short what, void *arg)
{
	struct parent *p = arg;
	pid_t pid;
	int status;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < PROC__COUNT; i++)
			if (p->proc[i].pid == pid)
				parent_child_reaped(&p->proc[i], status);
}

/* -1 with errno when the host has no more processes or descriptors. */
static int
parent_spawn(struct parent_proc *c)
{
	struct parent *p = c->parent;
	const struct msg_log_level level = { .level =
						 (uint32_t)log_getverbose() };
	struct jail_spawn js = {
		.js_role = c->role,
		.js_root_fd = p->root_fd,
		.js_exe_fd = p->exe_fd,
		.js_uid = c->role == ROLE_PRIV ? JAIL_SAME_UID : p->jail_uid,
		.js_gid = p->jail_gid,
		.js_flags = p->options->jail_debug ? JAIL_DEBUG : 0,
	};
	int sv[2], pidfd;

	if (c->role == ROLE_CONTROL) {
		js.js_fds = &p->listen_fd;
		js.js_nfds = 1;
	}
	if (c->role == ROLE_SUPERVISOR) {
		js.js_fds = &p->root_fd;
		js.js_nfds = 1;
		js.js_flags |= p->vmm_jail_flags;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	js.js_sock = sv[1];
	c->pid = jail_spawn(&js, &pidfd);
	close(sv[1]);
	if (c->pid == -1) {
		c->pid = 0;
		close(sv[0]);
		return -1;
	}
	close(pidfd);
	c->started_ms = clock_ms();
	if (msg_link_init(
		&c->link, sv[0], PEER_PARENT, c->peer, c->handlers, c) == -1 ||
	    msg_link_attach(&c->link, p->base) == -1)
		fatal("vmd", "cannot talk to %s", role_name(c->role));
	msg_link_on_gone(&c->link, parent_child_gone);
	MSG_SEND(&c->link, MSG_LOG_LEVEL, 0, &level);
	return 0;
}

static void
parent_respawn_cb(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	parent_respawn(arg);
}

static void
parent_respawn_later(struct parent_proc *c, time_t seconds)
{
	const struct timeval later = { .tv_sec = seconds };

	if (event_base_once(c->parent->base, -1, EV_TIMEOUT, parent_respawn_cb,
		c, &later) == -1)
		fatalx("vmd", "out of memory");
}

/* A host that is short of something now is not the end of the VMs. */
static void
parent_respawn(struct parent_proc *c)
{
	if (c->parent->ending)
		return;
	if (parent_spawn(c) == 0) {
		if (c->role == ROLE_PRIV)
			vmstart_taps_again(c->parent);
		return;
	}
	log_warn("vmd", "cannot start %s, trying again", role_name(c->role));
	parent_respawn_later(c, RESPAWN_S);
}

static void
parent_spawn_all(struct parent *p)
{
	static const struct {
		enum role role;
		enum msg_peer peer;
		const msg_handler *handlers;
	} rows[PROC__COUNT] = {
		[PROC_CONTROL] = { ROLE_CONTROL, PEER_CONTROL,
		    parent_from_control },
		[PROC_PRIV] = { ROLE_PRIV, PEER_PRIV, parent_from_priv },
		[PROC_VMM] = { ROLE_SUPERVISOR, PEER_VMM, parent_from_vmm },
	};

	for (int i = 0; i < PROC__COUNT; i++) {
		struct parent_proc *c = &p->proc[i];

		c->parent = p;
		c->role = rows[i].role;
		c->peer = rows[i].peer;
		c->handlers = rows[i].handlers;
		c->link.fd = -1;
		/* An ordinary user's daemon has no taps to set up. */
		if ((i != PROC_PRIV || p->is_root) && parent_spawn(c) == -1)
			fatal("vmd", "cannot start %s", role_name(c->role));
	}
}

/* --- the end ----------------------------------------------------------------
 */

void
parent_vms_ended(struct parent *p)
{
	struct vment *v;

	TAILQ_FOREACH(v, &p->vms.vms, entry)
		if (!vment_is_stopped(v))
			return;
	event_base_loopbreak(p->base);
}

static void
parent_ending_cb(int fd, short what, void *arg)
{
	struct parent *p = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(p->base);
}

void
parent_end(struct parent *p)
{
	const struct timeval limit = { .tv_sec = ENDING_S };
	struct vment *v;

	if (p->ending)
		return;
	log_info("vmd", "terminating");
	p->ending = true;
	notify_stopping(p->notify_fd);
	TAILQ_FOREACH(v, &p->vms.vms, entry)
		if (!vment_is_stopped(v))
			vmstart_stop(p, v, true);
	p->ending_timer = evtimer_new(p->base, parent_ending_cb, p);
	if (p->ending_timer != NULL)
		event_add(p->ending_timer, &limit);
	parent_vms_ended(p);
}

/* Children end when their links do; one that does not is made to. */
static void
parent_reap_all(struct parent *p)
{
	const struct timespec pause = { .tv_nsec = REAP_STEP_MS * 1000000 };
	int64_t until = clock_ms() + REAP_MS;

	/* In this order: the next daemon may begin when the socket is gone. */
	gdbsock_sweep(p->gdb_folder);
	parent_socket_remove(p);
	for (int i = 0; i < PROC__COUNT; i++)
		msg_link_fini(&p->proc[i].link);
	for (int i = 0; i < PROC__COUNT; i++) {
		pid_t pid = p->proc[i].pid;

		while (pid != 0 && waitpid(pid, NULL, WNOHANG) == 0) {
			if (clock_ms() > until)
				kill(pid, SIGKILL);
			/* The kernel holds it, for a client's file. */
			if (clock_ms() > until + REAP_MS)
				break;
			nanosleep(&pause, NULL);
		}
	}
}

static void
parent_signal_cb(int sig, short what, void *arg)
{
	struct parent *p = arg;

	(void)what;
	if (sig != SIGHUP)
		parent_end(p);
	else if (reload_conf(p, NULL, 0) == 0)
		log_info("vmd", "configuration reloaded");
}

/* --- the beginning ----------------------------------------------------------
 */

static void
parent_tty_cb(int fd, short what, void *arg)
{
	struct parent *p = arg;

	(void)fd;
	(void)what;
	vmtty_watch_read(&p->tty_watch);
}

static void
parent_ttys(struct parent *p)
{
	struct event *ev;

	if (vmtty_watch_init(&p->tty_watch) == -1)
		fatal("vmd", "inotify");
	ev = event_new(p->base, p->tty_watch.inotify_fd, EV_READ | EV_PERSIST,
	    parent_tty_cb, p);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("vmd", "out of memory");
}

static void
parent_signals(struct parent *p)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	struct event *ev;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	for (size_t i = 0; i < (sizeof(signals) / sizeof(signals[0])); i++) {
		ev = evsignal_new(p->base, signals[i], parent_signal_cb, p);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatalx("vmd", "out of memory");
	}
	ev = evsignal_new(p->base, SIGCHLD, parent_sigchld_cb, p);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("vmd", "out of memory");
}

/*
 * Whom vmm leaves behind when it dies is reaped here, and no host's init need
 * do it.  Each VM costs about ten descriptors, here and in vmm, so the limit
 * is the hard one.
 */
static void
parent_limits(void)
{
	struct rlimit rl;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		log_warn("vmd", "cannot be a subreaper");
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static void
parent_user(struct parent *p)
{
	struct passwd *pw;

	p->uid = geteuid();
	p->is_root = p->uid == 0;
	p->jail_uid = JAIL_SAME_UID;
	p->jail_gid = (gid_t)-1;
	if (!p->is_root)
		return;
	if ((pw = getpwnam(VMD_USER)) == NULL)
		fatalx("vmd",
		    "user %s does not exist: make it with "
		    "systemd-sysusers, or useradd -r %s",
		    VMD_USER, VMD_USER);
	p->jail_uid = pw->pw_uid;
	p->jail_gid = pw->pw_gid;
	p->vmm_jail_flags = jail_probe(p->jail_uid, p->jail_gid);
}

/*
 * Goes to the background.  The process that the user started stays until the
 * daemon serves its socket, so that its exit status is the truth.  Returns the
 * descriptor to report that on.
 */
static int
parent_daemonize(void)
{
	char ready;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal("vmd", "pipe");
	switch (fork()) {
	case -1:
		fatal("vmd", "fork");
	case 0:
		close(fds[0]);
		if (setsid() == -1)
			fatal("vmd", "setsid");
		return fds[1];
	default:
		close(fds[1]);
		_exit(read(fds[0], &ready, 1) == 1 ? 0 : 1);
	}
}

static void
parent_background(int ready_fd)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1 || dup2(fd, 0) == -1 || dup2(fd, 1) == -1 ||
	    dup2(fd, 2) == -1 || chdir("/") == -1)
		fatal("vmd", "/dev/null");
	close(fd);
	log_init("vmd", LOG_TO_SYSLOG);
	if (write(ready_fd, "", 1) == -1)
		log_warn("vmd", "nobody waits for the daemon to be ready");
	close(ready_fd);
}

static void
parent_jail(struct parent *p)
{
	struct jail_params params = { .jp_uid = JAIL_SAME_UID,
		.jp_gid = (gid_t)-1,
		.jp_root_fd = -1,
		.jp_exe_fd = p->exe_fd,
		.jp_flags = p->options->jail_debug ? JAIL_DEBUG : 0 };
	struct jail_report report;
	char text[512];

	if (jail_enter(ROLE_PARENT, &params, &report) == -1)
		fatal("jail", "cannot close the sandbox of the parent");
	if (report.jr_missing != 0)
		log_debug("jail", "%s",
		    jail_report_text(&report, text, sizeof(text)));
}

int
parent_main(const struct parent_options *o)
{
	struct parent p;
	int ready_fd = -1;

	if (o->check_only)
		return reload_check(o);
	memset(&p, 0, sizeof(p));
	p.options = o;
	p.conf_path = reload_path(o);
	if (!o->foreground)
		p.conf_path = parent_absolute(p.conf_path);
	vmlist_init(&p.vms);
	TAILQ_INIT(&p.sessions);
	log_init("vmd", LOG_TO_STDERR);
	log_setverbose(o->verbose);
	parent_user(&p);
	p.socket_path = parent_socket_path(o);
	p.gdb_folder = gdbsock_folder(p.socket_path);
	if (!o->foreground)
		ready_fd = parent_daemonize();
	if ((p.exe_fd = jail_open_self()) == -1 ||
	    (p.root_fd = jail_empty_dir(NULL)) == -1)
		fatal("vmd", "cannot prepare the sandbox");
	parent_limits();
	parent_listen(&p);
	gdbsock_sweep(p.gdb_folder);
	p.notify_fd = notify_open();
	if ((p.base = event_base_new()) == NULL)
		fatalx("vmd", "no event loop");
	parent_signals(&p);
	parent_ttys(&p);
	parent_spawn_all(&p);
	parent_jail(&p);
	if (closer_start(2 * CLOSER_MANY) == -1)
		fatal("vmd", "no thread");
	if (reload_conf(&p, NULL, 0) == -1) {
		log_warnx("vmd", "the configuration has errors");
		parent_reap_all(&p);
		return 1;
	}
	log_info("vmd", "startup, socket %s", p.socket_path);
	if (ready_fd != -1)
		parent_background(ready_fd);
	notify_ready(p.notify_fd);
	event_base_dispatch(p.base);
	parent_reap_all(&p);
	vmlist_fini(&p.vms);
	return 0;
}
