/* SPDX-License-Identifier: ISC */
/*
 * See uart.h.  Runs in the VM process, called by vCPU threads and the event
 * loop with the machine lock held.  Everything the guest writes is masked to
 * what a 16550A keeps.  The transmitter is infinitely fast: THR is empty again
 * as soon as a byte is written.  So is the receiver's clock: the character
 * time-out of a FIFO below its trigger level has passed at once, hence no
 * timer.
 */
#include "chip/uart.h"

#include <stdbool.h>
#include <stdlib.h>

#include "boot/layout.h"
#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/state.h"

#define UART_REGISTERS 8
#define UART_FIFO 16

#define IER_RX 0x01 /* received data */
#define IER_TX 0x02 /* THR empty */
#define IER_LINE 0x04
#define IER_MODEM 0x08
#define IER_MASK 0x0f

#define IIR_NONE 0x01
#define IIR_MODEM 0x00
#define IIR_TX 0x02
#define IIR_RX 0x04
#define IIR_LINE 0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO 0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02

#define LCR_DLAB 0x80

#define MCR_LOOP 0x10
#define MCR_MASK 0x1f

#define LSR_DATA 0x01
#define LSR_OVERRUN 0x02
#define LSR_TX_EMPTY 0x60 /* THR and shift register */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80

struct uart {
	struct machine *machine;
	struct uart_host host;
	uint8_t ier, lcr, mcr, scratch;
	uint8_t fcr; /* FCR_ENABLE and the trigger level */
	uint8_t divisor[2];
	uint8_t msr; /* state in the high half, changes in the low */
	bool overrun;
	bool tx_pending; /* THR got empty, and IIR has not said so yet */
	bool irq;
	bool want_room;
	uint8_t fifo[UART_FIFO];
	unsigned int first, count;
};

static unsigned int
uart_capacity(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static unsigned int
uart_trigger(const struct uart *uart)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

/* The identification of the pending interrupt of the highest priority. */
static uint8_t
uart_iir(const struct uart *uart)
{
	if (uart->ier & IER_LINE && uart->overrun)
		return IIR_LINE;
	if (uart->ier & IER_RX && uart->count > 0)
		return uart->count >= uart_trigger(uart) ? IIR_RX : IIR_TIMEOUT;
	if (uart->ier & IER_TX && uart->tx_pending)
		return IIR_TX;
	if (uart->ier & IER_MODEM && uart->msr & 0x0f)
		return IIR_MODEM;
	return IIR_NONE;
}

static void
uart_update(struct uart *uart)
{
	bool level = uart_iir(uart) != IIR_NONE;

	if (level == uart->irq)
		return;
	uart->irq = level;
	uart->machine->irq(uart->machine->arg, LAYOUT_UART_IRQ, level);
}

static void
uart_push(struct uart *uart, uint8_t byte)
{
	if (uart->count >= uart_capacity(uart)) {
		uart->overrun = true;
		return;
	}
	uart->fifo[(uart->first + uart->count++) % UART_FIFO] = byte;
}

/* Tells the host when it waits and the guest can take bytes again.  The host
 * may call uart_input() from within. */
static void
uart_offer_room(struct uart *uart)
{
	if (!uart->want_room || uart->count > 0 || uart->mcr & MCR_LOOP)
		return;
	uart->want_room = false;
	if (uart->host.room != NULL)
		uart->host.room(uart->host.arg);
}

static void
uart_clear_rx(struct uart *uart)
{
	uart->first = uart->count = 0;
}

/* The modem lines: those of a present, ready terminal, or our own outputs when
 * looped back. */
static uint8_t
uart_lines(const struct uart *uart)
{
	if (!(uart->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((uart->mcr & 0x02 ? MSR_CTS : 0) |
	    (uart->mcr & 0x01 ? MSR_DSR : 0) | (uart->mcr & 0x04 ? MSR_RI : 0) |
	    (uart->mcr & 0x08 ? MSR_DCD : 0));
}

/* A line that changes leaves its mark (of RI only the end). */
static void
uart_modem_lines(struct uart *uart)
{
	uint8_t lines = uart_lines(uart), changes;

	changes = (lines ^ uart->msr) & 0xf0;
	if (lines & MSR_RI)
		changes &= (uint8_t)~MSR_RI;
	uart->msr = (uint8_t)(lines | (uart->msr & 0x0f) | changes >> 4);
}

/* --- registers -------------------------------------------------------------
 */

static uint8_t
uart_rbr_read(struct uart *uart)
{
	uint8_t byte = 0;

	if (uart->lcr & LCR_DLAB)
		return uart->divisor[0];
	if (uart->count > 0) {
		byte = uart->fifo[uart->first];
		uart->first = (uart->first + 1) % UART_FIFO;
		uart->count--;
		uart_offer_room(uart);
	}
	return byte;
}

static void
uart_thr_write(struct uart *uart, uint8_t value)
{
	if (uart->lcr & LCR_DLAB) {
		uart->divisor[0] = value;
		return;
	}
	uart->tx_pending = true;
	if (uart->mcr & MCR_LOOP)
		uart_push(uart, value);
	else
		uart->host.out(uart->host.arg, &value, 1);
}

static uint8_t
uart_ier_read(struct uart *uart)
{
	return uart->lcr & LCR_DLAB ? uart->divisor[1] : uart->ier;
}

static void
uart_ier_write(struct uart *uart, uint8_t value)
{
	if (uart->lcr & LCR_DLAB) {
		uart->divisor[1] = value;
		return;
	}
	/* Enabling the interrupt of a THR that is empty raises it. */
	if ((uart->ier ^ value) & IER_TX)
		uart->tx_pending = value & IER_TX;
	uart->ier = value & IER_MASK;
}

static uint8_t
uart_iir_read(struct uart *uart)
{
	uint8_t iir = uart_iir(uart);

	if (iir == IIR_TX)
		uart->tx_pending = false;
	return iir | (uart->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static void
uart_fcr_write(struct uart *uart, uint8_t value)
{
	if ((value ^ uart->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX)
		uart_clear_rx(uart);
	uart->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | 0xc0) : 0;
	uart_offer_room(uart);
}

static uint8_t
uart_lcr_read(struct uart *uart)
{
	return uart->lcr;
}

static void
uart_lcr_write(struct uart *uart, uint8_t value)
{
	uart->lcr = value;
}

static uint8_t
uart_mcr_read(struct uart *uart)
{
	return uart->mcr;
}

static void
uart_mcr_write(struct uart *uart, uint8_t value)
{
	uart->mcr = value & MCR_MASK;
	uart_modem_lines(uart);
	uart_offer_room(uart);
}

static uint8_t
uart_lsr_read(struct uart *uart)
{
	uint8_t lsr = LSR_TX_EMPTY;

	if (uart->count > 0)
		lsr |= LSR_DATA;
	if (uart->overrun)
		lsr |= LSR_OVERRUN;
	uart->overrun = false;
	return lsr;
}

static uint8_t
uart_msr_read(struct uart *uart)
{
	uint8_t msr = uart->msr;

	uart->msr &= 0xf0;
	return msr;
}

static uint8_t
uart_scratch_read(struct uart *uart)
{
	return uart->scratch;
}

static void
uart_scratch_write(struct uart *uart, uint8_t value)
{
	uart->scratch = value;
}

static void
uart_ignore_write(struct uart *uart, uint8_t value)
{
	(void)uart;
	(void)value;
}

static const struct {
	uint8_t (*read)(struct uart *);
	void (*write)(struct uart *, uint8_t);
} registers[UART_REGISTERS] = {
	{ uart_rbr_read, uart_thr_write },
	{ uart_ier_read, uart_ier_write },
	{ uart_iir_read, uart_fcr_write },
	{ uart_lcr_read, uart_lcr_write },
	{ uart_mcr_read, uart_mcr_write },
	{ uart_lsr_read, uart_ignore_write },
	{ uart_msr_read, uart_ignore_write },
	{ uart_scratch_read, uart_scratch_write },
};

static uint64_t
uart_read(void *arg, uint64_t offset, unsigned int len)
{
	struct uart *uart = arg;
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < len; i++)
		value |= (uint64_t)registers[offset + i].read(uart) << (i * 8);
	uart_update(uart);
	return value;
}

static void
uart_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct uart *uart = arg;
	unsigned int i;

	for (i = 0; i < len; i++)
		registers[offset + i].write(uart, (uint8_t)(value >> (i * 8)));
	uart_update(uart);
}

static const struct bus_ops uart_ops = { uart_read, uart_write };

/* --- state -----------------------------------------------------------------
 */

/* Whether the host waits for room is the host's. */
static const struct state_field uart_fields[] = {
	STATE_BITS(struct uart, ier, IER_MASK),
	STATE_ANY(struct uart, lcr),
	STATE_BITS(struct uart, mcr, MCR_MASK),
	STATE_ANY(struct uart, scratch),
	STATE_BITS(struct uart, fcr, FCR_ENABLE | 0xc0),
	STATE_ARRAY(struct uart, divisor),
	STATE_ANY(struct uart, msr),
	STATE_BOOL(struct uart, overrun),
	STATE_BOOL(struct uart, tx_pending),
	STATE_ARRAY(struct uart, fifo),
	STATE_MAX(struct uart, first, UART_FIFO - 1),
	STATE_MAX(struct uart, count, UART_FIFO),
};
static const struct state_table uart_table =
    STATE_TABLE("uart", 1, uart_fields);

int
uart_save(struct uart *uart, struct state_buf *buf)
{
	return state_save(buf, &uart_table, uart);
}

int
uart_load(struct uart *uart, struct state_buf *buf)
{
	struct uart copy = *uart;

	if (state_load(buf, &uart_table, &copy) == -1 ||
	    state_check(buf, &uart_table, "fcr",
		copy.fcr & FCR_ENABLE || copy.fcr == 0) == -1 ||
	    state_check(buf, &uart_table, "count",
		copy.count <= uart_capacity(&copy)) == -1 ||
	    state_check(buf, &uart_table, "msr",
		(copy.msr & 0xf0) == uart_lines(&copy)) == -1)
		return -1;
	if (buf->check)
		return 0;
	*uart = copy;
	uart_offer_room(uart);
	uart_update(uart);
	return 0;
}

struct uart *
uart_new(struct machine *machine, const struct uart_host *host)
{
	struct uart *uart = calloc(1, sizeof(*uart));

	if (uart == NULL)
		return NULL;
	uart->machine = machine;
	uart->host = *host;
	uart->divisor[0] = 1; /* 115200 */
	uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	if (bus_add(machine->bus, BUS_PIO, LAYOUT_UART_PORT, UART_REGISTERS,
		"uart", &uart_ops, uart) == -1) {
		free(uart);
		return NULL;
	}
	return uart;
}

void
uart_free(struct uart *uart)
{
	if (uart == NULL)
		return;
	bus_remove(uart->machine->bus, BUS_PIO, LAYOUT_UART_PORT);
	free(uart);
}

size_t
uart_input(struct uart *uart, const uint8_t *bytes, size_t len)
{
	size_t taken = 0;

	if (!(uart->mcr & MCR_LOOP))
		while (taken < len && uart->count < uart_capacity(uart))
			uart_push(uart, bytes[taken++]);
	uart->want_room = taken < len;
	uart_update(uart);
	return taken;
}
