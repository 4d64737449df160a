/* SPDX-License-Identifier: ISC */
/*
 * Raw mode and back; see terminal.h.  A signal handler must reach the saved
 * modes, so they are variables of this file.  It calls only functions that
 * POSIX lists as safe there.  SIGKILL alone leaves a raw terminal behind.
 */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int terminal_fd = -1;
static struct termios saved, raw;
static volatile sig_atomic_t is_raw;

/* From the background tcsetattr() would stop the program before it is done. */
static void
set_modes(const struct termios *modes)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;
	int error = errno;

	sigaction(SIGTTOU, &ignore, &old);
	tcsetattr(terminal_fd, TCSANOW, modes);
	sigaction(SIGTTOU, &old, NULL);
	errno = error;
}

void
terminal_restore(void)
{
	if (!is_raw)
		return;
	set_modes(&saved);
	is_raw = 0;
}

/* The handler is gone again (SA_RESETHAND): the signal now does its work. */
static void
on_end(int sig)
{
	terminal_restore();
	raise(sig);
}

static void
on_stop(int sig)
{
	(void)sig;
	terminal_restore();
	raise(SIGSTOP);
}

/* In the background the terminal is the shell's; then this comes once more. */
static void
on_continue(int sig)
{
	int error = errno;

	(void)sig;
	if (!is_raw && tcgetpgrp(terminal_fd) == getpgrp()) {
		is_raw = 1;
		set_modes(&raw);
	}
	errno = error;
}

/* A signal that was ignored before (nohup) stays so. */
static void
catch_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	struct sigaction old;

	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	sigfillset(&action.sa_mask);
	sigaction(sig, &action, NULL);
}

int
terminal_raw(int fd)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM,
		SIGUSR1, SIGUSR2, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
		SIGXCPU };
	size_t i;

	if (tcgetattr(fd, &saved) == -1)
		return -1;
	terminal_fd = fd;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		catch_signal(ends[i], on_end, (int)SA_RESETHAND);
	catch_signal(SIGTSTP, on_stop, 0);
	catch_signal(SIGCONT, on_continue, 0);
	atexit(terminal_restore);
	is_raw = 1;
	/* From the background this stops the program until it is not. */
	while (tcsetattr(fd, TCSANOW, &raw) == -1)
		if (errno != EINTR)
			return -1;
	return 0;
}
