/* SPDX-License-Identifier: ISC */
/*
 * A console; see console.h.  One loop moves bytes both ways through two small
 * buffers: neither side is read while what it sent before has nowhere to go,
 * so nothing is lost and nothing grows.
 *
 * The lock on the terminal is flock(2)'s, which dies with its holder.
 * TIOCEXCL would not do: root passes it, and on a pseudo terminal whose
 * master is open it outlives a holder that was killed.
 */
#include "console.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "escape.h"
#include "terminal.h"
#include "vmd_limits.h"

#define BUFFER_SIZE 4096
#define LEAVE_MS 1000 /* for input typed before ~. and not yet taken */

struct buffer {
	char data[BUFFER_SIZE];
	size_t len;
};

struct console {
	int tty;
	int in; /* -1 after its end */
	bool on_terminal;
	bool leaving; /* ~. was typed: only what is typed before still goes */
	bool ended; /* the VM's side is closed */
	bool failed;
	struct timespec deadline; /* of leaving */
	struct escape escape;
	struct buffer up; /* to the VM */
	struct buffer down; /* to stdout */
};

enum { SLOT_IN, SLOT_OUT, SLOT_TTY, SLOTS };

static const char help[] = "\r\n"
			   "~.\tleave the console\r\n"
			   "~#\tsend a break\r\n"
			   "~^Z\tsuspend vmctl\r\n"
			   "~~\tsend a tilde\r\n"
			   "~?\tthis text\r\n";

static bool
would_block(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* Writes what fd takes now.  0, or -1 with errno when it takes no more. */
static int
buffer_write(struct buffer *buffer, int fd)
{
	ssize_t n;

	if (buffer->len == 0)
		return 0;
	n = write(fd, buffer->data, buffer->len);
	if (n == -1)
		return would_block(errno) ? 0 : -1;
	buffer->len -= (size_t)n;
	memmove(buffer->data, buffer->data + n, buffer->len);
	return 0;
}

static int
console_open(const char *tty)
{
	int fd = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios modes;

	if (fd == -1) {
		if (errno == EACCES)
			warnx("console %s: permission denied: not the owner "
			      "of this VM",
			    tty);
		else if (errno == ENOENT || errno == EIO)
			warnx("console %s: the VM has ended", tty);
		else
			warn("console %s", tty);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			warnx("console %s is in use by another vmctl", tty);
		else
			warn("console %s: flock", tty);
		close(fd);
		return -1;
	}
	/* Nothing is flushed: output may wait here already. */
	if (tcgetattr(fd, &modes) == -1) {
		warn("console %s", tty);
		close(fd);
		return -1;
	}
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&modes, B115200);
	if (tcsetattr(fd, TCSANOW, &modes) == -1)
		warn("console %s: tcsetattr", tty);
	return fd;
}

/*
 * A break.  On a pseudo terminal tcsendbreak() does nothing; the flush is what
 * its other side, in packet mode, sees as TIOCPKT_FLUSHWRITE.
 */
static void
console_break(struct console *console)
{
	console->up.len = 0;
	tcsendbreak(console->tty, 0);
	tcflush(console->tty, TCOFLUSH);
}

static void
console_leave(struct console *console)
{
	clock_gettime(CLOCK_MONOTONIC, &console->deadline);
	console->deadline.tv_sec += LEAVE_MS / 1000;
	console->leaving = true;
}

static void
console_escape(struct console *console, enum escape_action action)
{
	switch (action) {
	case ESCAPE_LEAVE:
		console_leave(console);
		break;
	case ESCAPE_BREAK:
		console_break(console);
		break;
	case ESCAPE_SUSPEND:
		raise(SIGTSTP);
		break;
	case ESCAPE_HELP:
		fputs(help, stderr);
		break;
	case ESCAPE_NONE:
		break;
	}
}

/* Reads no more than the buffer takes once every byte has become two. */
static void
console_input(struct console *console)
{
	struct buffer *up = &console->up;
	char bytes[BUFFER_SIZE / ESCAPE_OUT];
	ssize_t n, i;
	size_t len;

	n = read(console->in, bytes, (BUFFER_SIZE - up->len) / ESCAPE_OUT);
	if (n == -1 && would_block(errno))
		return;
	if (n <= 0) {
		/* A tilde held back at the end was only a tilde. */
		if (console->escape.tilde)
			up->data[up->len++] = '~';
		console->in = -1;
		if (console->on_terminal)
			console_leave(console);
		return;
	}
	for (i = 0; i < n && !console->leaving; i++) {
		enum escape_action action = escape_byte(
		    &console->escape, bytes[i], up->data + up->len, &len);
		up->len += len;
		console_escape(console, action);
	}
}

static void
console_output(struct console *console)
{
	struct buffer *down = &console->down;
	ssize_t n;

	n = read(console->tty, down->data + down->len, BUFFER_SIZE - down->len);
	if (n > 0)
		down->len += (size_t)n;
	else if (n == 0 || !would_block(errno))
		console->ended = true;
}

/* Milliseconds to wait: for ever, or what is left of the time to leave. */
static int
console_timeout(const struct console *console)
{
	struct timespec now;
	long long left;

	if (!console->leaving)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (console->deadline.tv_sec - now.tv_sec) * 1000LL +
	    (console->deadline.tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

static bool
console_done(const struct console *console)
{
	if (console->failed)
		return true;
	if (console->ended)
		return console->down.len == 0;
	return console->leaving &&
	    (console->up.len == 0 || console_timeout(console) == 0);
}

static void
console_poll_set(const struct console *console, struct pollfd *fds)
{
	bool room = console->up.len + ESCAPE_OUT <= BUFFER_SIZE;

	memset(fds, 0, SLOTS * sizeof(*fds));
	fds[SLOT_IN].fd = room && !console->leaving ? console->in : -1;
	fds[SLOT_IN].events = POLLIN;
	/* Without events too: a reader that went away is an error. */
	fds[SLOT_OUT].fd = STDOUT_FILENO;
	fds[SLOT_OUT].events = console->down.len != 0 ? POLLOUT : 0;
	fds[SLOT_TTY].fd = console->ended ? -1 : console->tty;
	if (console->down.len < BUFFER_SIZE)
		fds[SLOT_TTY].events |= POLLIN;
	if (console->up.len != 0)
		fds[SLOT_TTY].events |= POLLOUT;
	/* A closed terminal is always ready; wait for stdout instead. */
	if (fds[SLOT_TTY].events == 0)
		fds[SLOT_TTY].fd = -1;
}

static void
console_poll_do(struct console *console, const struct pollfd *fds)
{
	if (fds[SLOT_IN].revents != 0)
		console_input(console);
	if ((fds[SLOT_TTY].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
	    (fds[SLOT_TTY].events & POLLIN) != 0)
		console_output(console);
	if ((fds[SLOT_TTY].revents & POLLOUT) != 0 &&
	    buffer_write(&console->up, console->tty) == -1)
		console->up.len = 0; /* nobody is there to get it */
	if (fds[SLOT_OUT].revents == 0)
		return;
	if ((fds[SLOT_OUT].revents & POLLOUT) == 0)
		errno = EPIPE;
	else if (buffer_write(&console->down, STDOUT_FILENO) == 0)
		return;
	console->failed = true;
	terminal_restore();
	warn("standard output");
}

static void
console_loop(struct console *console)
{
	struct pollfd fds[SLOTS];

	while (!console_done(console)) {
		console_poll_set(console, fds);
		if (poll(fds, SLOTS, console_timeout(console)) == -1) {
			if (errno == EINTR)
				continue;
			err(1, "poll");
		}
		console_poll_do(console, fds);
	}
}

/*
 * What has come until now is the user's, even if he leaves.  A VM that never
 * stops talking cannot hold him.
 */
static void
console_drain(struct console *console)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t budget = VMD_CONSOLE_RING, before;

	while (budget > 0) {
		if (console->down.len == 0 && !console->ended)
			console_output(console);
		before = console->down.len;
		if (before == 0 || poll(&out, 1, LEAVE_MS) != 1 ||
		    buffer_write(&console->down, STDOUT_FILENO) == -1)
			return;
		before -= console->down.len;
		budget -= before < budget ? before : budget;
	}
}

int
console_attach(const char *tty)
{
	struct console console = { .in = STDIN_FILENO };

	if (*tty == '\0') {
		warnx("console not found");
		return 1;
	}
	if ((console.tty = console_open(tty)) == -1)
		return 1;
	fprintf(stderr, "Connected to %s (speed 115200), leave with ~.\n", tty);
	console.on_terminal = terminal_raw(STDIN_FILENO) == 0;
	console_loop(&console);
	if (!console.failed)
		console_drain(&console);
	terminal_restore();
	if (!console.failed)
		fputs("\n[EOT]\n", stderr);
	close(console.tty);
	return console.failed;
}
