/* SPDX-License-Identifier: ISC */
/*
 * The terminal of a VM; see vmtty.h.  Runs in the parent, the only process that
 * may make ptys and give them away.
 */
#include "role/vmtty.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "chip/console.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"

int
vmtty_watch_init(struct vmtty_watch *w)
{
	TAILQ_INIT(&w->ttys);
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return w->inotify_fd == -1 ? -1 : 0;
}

static void
vmtty_opened(struct vmtty_watch *w, int wd)
{
	const uint64_t one = 1;
	struct vmtty *t;

	TAILQ_FOREACH(t, &w->ttys, entry)
		if (t->wd == wd && write(t->opened_fd, &one, sizeof(one)) == -1)
			log_warn("console", "%s", t->path);
}

void
vmtty_watch_read(struct vmtty_watch *w)
{
	char buf[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	ssize_t n;

	while ((n = read(w->inotify_fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n; p += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)(void *)p;
			if ((ev->mask & IN_OPEN) != 0)
				vmtty_opened(w, ev->wd);
		}
}

void
vmtty_init(struct vmtty *t)
{
	t->watch = NULL;
	t->wd = -1;
	t->master_fd = t->opened_fd = t->ring_fd = -1;
	t->path[0] = '\0';
}

/*
 * The slave starts raw: with echo on, whoever opens it would send the guest's
 * own output back to it.
 */
static int
vmtty_setup_slave(int fd, uid_t uid, int64_t gid)
{
	struct termios tio;
	struct group *tty = NULL;
	mode_t mode = 0600;

	if (tcgetattr(fd, &tio) == -1)
		return -1;
	cfmakeraw(&tio);
	cfsetspeed(&tio, B115200);
	if (tcsetattr(fd, TCSANOW, &tio) == -1)
		return -1;
	/* An ordinary user's daemon cannot give terminals away, and need not.
	 */
	if (geteuid() != 0)
		return fchmod(fd, 0600);
	if (gid != -1)
		mode = 0660;
	else if ((tty = getgrnam("tty")) != NULL) {
		gid = (int64_t)tty->gr_gid;
		mode = 0620;
	}
	if (fchown(fd, uid, gid == -1 ? (gid_t)-1 : (gid_t)gid) == -1)
		return -1;
	return fchmod(fd, mode);
}

static int
vmtty_open_slave(const struct vmtty *t, uid_t uid, int64_t gid)
{
	int fd = open(t->path, O_RDWR | O_NOCTTY | O_CLOEXEC), r, saved;

	if (fd == -1)
		return -1;
	r = vmtty_setup_slave(fd, uid, gid);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static int
vmtty_open_ring(void)
{
	int fd = memfd_create("vmd-console", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (ftruncate(fd, CONSOLE_MAPPING) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ==
		-1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
vmtty_try_open(struct vmtty *t, struct vmtty_watch *w, uid_t uid, int64_t gid)
{
	t->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->master_fd == -1 || unlockpt(t->master_fd) == -1)
		return -1;
	if ((errno = ptsname_r(t->master_fd, t->path, sizeof(t->path))) != 0)
		return -1;
	if (vmtty_open_slave(t, uid, gid) == -1)
		return -1;
	if ((t->opened_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1 ||
	    (t->wd = inotify_add_watch(w->inotify_fd, t->path, IN_OPEN)) == -1)
		return -1;
	t->watch = w;
	TAILQ_INSERT_TAIL(&w->ttys, t, entry);
	return (t->ring_fd = vmtty_open_ring()) == -1 ? -1 : 0;
}

int
vmtty_open(struct vmtty *t, struct vmtty_watch *w, uid_t uid, int64_t gid)
{
	int saved;

	if (vmtty_try_open(t, w, uid, gid) == 0)
		return 0;
	saved = errno;
	vmtty_close(t);
	errno = saved;
	return -1;
}

void
vmtty_close(struct vmtty *t)
{
	if (t->watch != NULL) {
		inotify_rm_watch(t->watch->inotify_fd, t->wd);
		TAILQ_REMOVE(&t->watch->ttys, t, entry);
	}
	if (t->master_fd != -1)
		close(t->master_fd);
	if (t->opened_fd != -1)
		close(t->opened_fd);
	if (t->ring_fd != -1)
		close(t->ring_fd);
	vmtty_init(t);
}

/* --- what is left to read ---------------------------------------------------
 */

struct vmtty_rest {
	struct event *timer;
	int master_fd;
	int slave_fd;
	unsigned int rounds;
};

static const struct timeval rest_round = { .tv_usec = 20000 };
#define REST_ROUNDS 50

static bool
vmtty_is_read(int slave_fd)
{
	int n;

	return ioctl(slave_fd, FIONREAD, &n) == -1 || n == 0;
}

static void
vmtty_rest_cb(int fd, short what, void *arg)
{
	struct vmtty_rest *r = arg;

	(void)fd;
	(void)what;
	if (++r->rounds < REST_ROUNDS && !vmtty_is_read(r->slave_fd)) {
		event_add(r->timer, &rest_round);
		return;
	}
	event_free(r->timer);
	close(r->slave_fd);
	close(r->master_fd);
	free(r);
}

/* Takes both descriptors. */
static void
vmtty_rest(int master_fd, int slave_fd, struct event_base *base)
{
	struct vmtty_rest *r = calloc(1, sizeof(*r));

	if (r == NULL ||
	    (r->timer = evtimer_new(base, vmtty_rest_cb, r)) == NULL)
		fatalx("console", "out of memory");
	r->master_fd = master_fd;
	r->slave_fd = slave_fd;
	event_add(r->timer, &rest_round);
}

void
vmtty_release(struct vmtty *t, struct event_base *base)
{
	int slave_fd = -1;

	if (t->path[0] != '\0')
		slave_fd =
		    open(t->path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (slave_fd != -1 && !vmtty_is_read(slave_fd)) {
		vmtty_rest(t->master_fd, slave_fd, base);
		t->master_fd = -1;
	} else if (slave_fd != -1)
		close(slave_fd);
	vmtty_close(t);
}

int
vmtty_give(const struct vmtty *t, struct vmspec *s)
{
	int tty = fcntl(t->master_fd, F_DUPFD_CLOEXEC, 0);
	int opened = fcntl(t->opened_fd, F_DUPFD_CLOEXEC, 0);
	int ring = fcntl(t->ring_fd, F_DUPFD_CLOEXEC, 0);

	vmspec_put(s, VM_FILE_TTY, 0, tty, 0);
	vmspec_put(s, VM_FILE_TTY_WATCH, 0, opened, 0);
	vmspec_put(s, VM_FILE_RING, 0, ring, 0);
	return tty == -1 || opened == -1 || ring == -1 ? -1 : 0;
}
