/* SPDX-License-Identifier: ISC */
/*
 * The console of a VM; see terminal.h.  Runs in the VM process.
 */
#include "role/terminal.h"

#include <sys/epoll.h>
#include <sys/mman.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "chip/console.h"
#include "chip/uart.h"
#include "ipc/log.h"
#include "role/watch.h"

static void
terminal_detach(struct terminal *t)
{
	watch_remove(t->watches, t->tty_watch);
	t->tty_watch = NULL;
	t->full = false;
}

/* Events to wait for: input only while the UART takes it. */
static uint32_t
terminal_events(const struct terminal *t)
{
	return (t->input_len == 0 ? EPOLLIN : 0U) | (t->full ? EPOLLOUT : 0U);
}

static void
terminal_flush(struct terminal *t)
{
	int r = console_flush(t->console, t->tty_fd);
	bool full = r == 1;

	if (r == -1)
		terminal_detach(t);
	else if (full != t->full) {
		t->full = full;
		watch_change(t->watches, t->tty_watch, terminal_events(t));
	}
}

static void
terminal_feed(struct terminal *t)
{
	size_t n = uart_input(t->uart, t->input, t->input_len);

	memmove(t->input, t->input + n, t->input_len - n);
	t->input_len -= n;
}

static void
terminal_ready(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	ssize_t n;

	if ((events & EPOLLIN) != 0 && t->input_len == 0) {
		n = read(t->tty_fd, t->input, sizeof(t->input));
		if (n > 0) {
			t->input_len = (size_t)n;
			terminal_feed(t);
			if (t->input_len > 0)
				watch_change(t->watches, t->tty_watch,
				    terminal_events(t));
		}
	}
	if ((events & EPOLLOUT) != 0)
		terminal_flush(t);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && t->tty_watch != NULL)
		terminal_detach(t);
}

void
terminal_room(void *arg)
{
	struct terminal *t = arg;

	if (t->input_len == 0)
		return;
	terminal_feed(t);
	if (t->input_len == 0 && t->tty_watch != NULL)
		watch_change(t->watches, t->tty_watch, terminal_events(t));
}

void
terminal_out(void *arg, const uint8_t *bytes, size_t len)
{
	struct terminal *t = arg;

	console_output(t->console, bytes, len);
	if (t->tty_watch != NULL && !t->full)
		terminal_flush(t);
}

/* A master hangs up while no slave is open. */
static bool
terminal_is_open(const struct terminal *t)
{
	struct pollfd p = { .fd = t->tty_fd, .events = POLLIN };

	return poll(&p, 1, 0) != -1 && (p.revents & POLLHUP) == 0;
}

static void
terminal_attach(struct terminal *t)
{
	if (t->tty_watch != NULL || !terminal_is_open(t))
		return;
	t->tty_watch = watch_add(
	    t->watches, t->tty_fd, terminal_events(t), terminal_ready, t);
	if (t->tty_watch == NULL)
		log_warn("console", "cannot watch the terminal");
	else
		terminal_flush(t);
}

static void
terminal_opened(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	uint64_t count;

	(void)events;
	/* How often does not matter: the terminal is asked. */
	if (read(t->opened_fd, &count, sizeof(count)) == -1)
		return;
	terminal_attach(t);
}

int
terminal_init(struct terminal *t, struct watches *watches, int tty_fd,
    int opened_fd, int ring_fd)
{
	void *ring;

	memset(t, 0, sizeof(*t));
	t->watches = watches;
	t->tty_fd = tty_fd;
	t->opened_fd = opened_fd;
	ring = mmap(NULL, CONSOLE_MAPPING, PROT_READ | PROT_WRITE, MAP_SHARED,
	    ring_fd, 0);
	if (ring == MAP_FAILED)
		return -1;
	close(ring_fd);
	if ((t->console = console_new(ring)) == NULL)
		return -1;
	if (watch_add(watches, opened_fd, EPOLLIN, terminal_opened, t) == NULL)
		return -1;
	terminal_attach(t);
	return 0;
}

void
terminal_set_uart(struct terminal *t, struct uart *uart)
{
	t->uart = uart;
}
