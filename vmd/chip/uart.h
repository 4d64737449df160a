/* SPDX-License-Identifier: ISC */
/*
 * A 16550A UART at COM1's place.
 */
#ifndef UART_H
#define UART_H

#include <stddef.h>
#include <stdint.h>

struct machine;
struct uart;
struct state_buf;

struct uart_host {
	/* What the guest sent, at once, in order. */
	void (*out)(void *arg, const uint8_t *bytes, size_t len);
	/* There is room again after uart_input() took less than it was given.
	 * May be NULL. */
	void (*room)(void *arg);
	void *arg;
};

/* Copies host.  Returns owned; NULL with errno (bus_add's too). */
struct uart *uart_new(struct machine *, const struct uart_host *);
void uart_free(struct uart *);

/*
 * Bytes from the console's user.  Returns how many were taken; when fewer than
 * len, room is called once the guest has read some.
 */
size_t uart_input(struct uart *, const uint8_t *bytes, size_t len);

/*
 * State as in pci/state.h: registers and received bytes.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int uart_save(struct uart *, struct state_buf *);
int uart_load(struct uart *, struct state_buf *);

#endif /* UART_H */
