/* SPDX-License-Identifier: ISC */
/*
 * The console of a VM: between the UART and the master side of its pty.
 *
 * Runs in the VM process, machine lock held.  While nobody has the terminal
 * open, output waits in the ring, which the parent keeps over reboots; an
 * eventfd from the parent tells when somebody opens it.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;
struct uart;
struct watch;
struct watches;

#define TERMINAL_INPUT 64

struct terminal {
	struct console *console;
	struct watches *watches;
	struct uart *uart;
	int tty_fd; /* owned */
	int opened_fd; /* owned: eventfd */
	struct watch *tty_watch; /* NULL: nobody has it open */
	bool full; /* the reader is slower than the guest */
	uint8_t input[TERMINAL_INPUT]; /* read, and not yet taken by the UART */
	size_t input_len;
};

/*
 * Takes tty_fd, opened_fd and ring_fd (CONSOLE_MAPPING bytes, shared memory).
 * -1 with errno.
 */
int terminal_init(struct terminal *, struct watches *, int tty_fd,
    int opened_fd, int ring_fd);
/* The UART that takes the input; borrowed. */
void terminal_set_uart(struct terminal *, struct uart *);
/* For struct uart_host; arg is the terminal. */
void terminal_out(void *arg, const uint8_t *bytes, size_t len);
void terminal_room(void *arg);

#endif /* TERMINAL_H */
