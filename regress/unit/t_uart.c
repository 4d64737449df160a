/* SPDX-License-Identifier: ISC */
/* The UART by the register sequences of a 16550A's drivers. */
#include "chip/uart.h"

#include "check.h"
#include "pc.h"

enum { RBR = 0x3f8, THR = 0x3f8, IER, IIR, FCR = IIR, LCR, MCR, LSR, MSR, SCR };
#define IRQ 4

static struct pc pc;
static struct uart *uart;
static uint8_t sent[4096];
static size_t nsent;
static unsigned int rooms;

static void
out(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	while (len-- > 0 && nsent < sizeof(sent))
		sent[nsent++] = *bytes++;
}

static void
room(void *arg)
{
	(void)arg;
	rooms++;
}

static void
setup(void)
{
	const struct uart_host host = { .out = out, .room = room };

	pc_init(&pc, 1 << 20, 1);
	nsent = 0;
	rooms = 0;
	uart = uart_new(&pc.machine, &host);
}

static void
teardown(void)
{
	uart_free(uart);
	CHECK_EQ(pc_inb(&pc, LSR), 0xff); /* off the bus */
	pc_fini(&pc);
}

static void
test_reset_state(void)
{
	setup();
	CHECK_EQ(pc_inb(&pc, IER), 0);
	CHECK_EQ(pc_inb(&pc, IIR), 0x01);
	CHECK_EQ(pc_inb(&pc, LCR), 0);
	CHECK_EQ(pc_inb(&pc, MCR), 0);
	CHECK_EQ(pc_inb(&pc, LSR), 0x60);
	CHECK_EQ(pc_inb(&pc, MSR), 0xb0);
	CHECK_EQ(pc.edges[IRQ], 0);
	teardown();
}

/* What Linux's 8250 driver does to find out which chip it is. */
static void
test_linux_probe(void)
{
	setup();
	pc_outb(&pc, IER, 0);
	CHECK_EQ(pc_inb(&pc, IER), 0);
	pc_outb(&pc, IER, 0x0f);
	CHECK_EQ(pc_inb(&pc, IER), 0x0f);
	pc_outb(&pc, IER, 0xff);
	CHECK_EQ(pc_inb(&pc, IER), 0x0f);
	pc_outb(&pc, IER, 0);
	/* Loopback: RTS shows as CTS, OUT2 as DCD. */
	pc_outb(&pc, MCR, 0x1a);
	CHECK_EQ(pc_inb(&pc, MSR) & 0xf0, 0x90);
	pc_outb(&pc, MCR, 0);
	pc_outb(&pc, LCR, 0xbf);
	pc_outb(&pc, FCR, 0);
	pc_outb(&pc, LCR, 0);
	pc_outb(&pc, FCR, 1);
	CHECK_EQ(pc_inb(&pc, IIR) >> 6, 3); /* a 16550A */
	/* Not a 16650: no enhanced features register behind LCR 0xbf. */
	pc_outb(&pc, LCR, 0xbf);
	CHECK(pc_inb(&pc, FCR) != 0);
	/* Not a 16750: bit 5 of FCR is not kept. */
	pc_outb(&pc, LCR, 0);
	pc_outb(&pc, FCR, 0x21);
	CHECK_EQ(pc_inb(&pc, IIR) >> 5, 6);
	pc_outb(&pc, LCR, 0x80);
	pc_outb(&pc, FCR, 0x21);
	CHECK_EQ(pc_inb(&pc, IIR) >> 5, 6);
	pc_outb(&pc, LCR, 0);
	/* Not an XScale: no bit 6 in IER. */
	pc_outb(&pc, IER, 0x40);
	CHECK_EQ(pc_inb(&pc, IER), 0);
	/* No THRE bug: enabling raises the interrupt every time. */
	pc_outb(&pc, IER, 0x02);
	CHECK_EQ(pc_inb(&pc, IIR) & 0x0f, 0x02);
	pc_outb(&pc, IER, 0);
	pc_outb(&pc, IER, 0x02);
	CHECK_EQ(pc_inb(&pc, IIR) & 0x0f, 0x02);
	teardown();
}

static void
test_divisor_and_scratch(void)
{
	setup();
	pc_outb(&pc, SCR, 0x5a);
	CHECK_EQ(pc_inb(&pc, SCR), 0x5a);
	pc_outb(&pc, LCR, 0x83);
	CHECK_EQ(pc_inb(&pc, RBR), 1);
	CHECK_EQ(pc_inb(&pc, IER), 0);
	pc_outw(&pc, RBR, 0x1234); /* two registers at once */
	CHECK_EQ(pc_inw(&pc, RBR), 0x1234);
	CHECK_EQ(nsent, 0);
	pc_outb(&pc, LCR, 0x03);
	CHECK_EQ(pc_inb(&pc, LCR), 0x03);
	CHECK_EQ(pc_inb(&pc, IER), 0);
	CHECK_EQ(pc_inb(&pc, RBR), 0);
	teardown();
}

static void
test_transmit(void)
{
	const char *text = "hello";
	size_t i;

	setup();
	for (i = 0; i < 5; i++) {
		CHECK_EQ(pc_inb(&pc, LSR) & 0x60, 0x60);
		pc_outb(&pc, THR, (uint8_t)text[i]);
	}
	CHECK_EQ(nsent, 5);
	CHECK(memcmp(sent, text, 5) == 0);
	CHECK_EQ(pc.edges[IRQ], 0);
	teardown();
}

static void
test_transmit_interrupt(void)
{
	int i;

	setup();
	pc_outb(&pc, IER, 0x02);
	CHECK(pc.level[IRQ]);
	CHECK_EQ(pc_inb(&pc, IIR), 0x02);
	/* Reading IIR is the acknowledgement. */
	CHECK(!pc.level[IRQ]);
	CHECK_EQ(pc_inb(&pc, IIR), 0x01);
	/* A burst raises the line once, not once a byte. */
	pc.edges[IRQ] = 0;
	for (i = 0; i < 16; i++)
		pc_outb(&pc, THR, 'x');
	CHECK_EQ(pc.edges[IRQ], 1);
	CHECK(pc.level[IRQ]);
	pc_outb(&pc, IER, 0);
	CHECK(!pc.level[IRQ]);
	teardown();
}

static void
test_receive_without_fifo(void)
{
	setup();
	pc_outb(&pc, IER, 0x01);
	CHECK_EQ(uart_input(uart, (const uint8_t *)"ab", 2), 1);
	CHECK(pc.level[IRQ]);
	CHECK_EQ(pc_inb(&pc, IIR), 0x04);
	CHECK_EQ(pc_inb(&pc, LSR), 0x61);
	CHECK_EQ(rooms, 0);
	CHECK_EQ(pc_inb(&pc, RBR), 'a');
	CHECK_EQ(rooms, 1);
	CHECK(!pc.level[IRQ]);
	CHECK_EQ(pc_inb(&pc, LSR), 0x60);
	CHECK_EQ(uart_input(uart, (const uint8_t *)"b", 1), 1);
	CHECK_EQ(pc_inb(&pc, RBR), 'b');
	CHECK_EQ(rooms, 1); /* nothing had been refused */
	teardown();
}

static void
test_receive_fifo(void)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };
	uint8_t bytes[32];
	unsigned int i, j;

	setup();
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	pc_outb(&pc, IER, 0x01);
	for (i = 0; i < 4; i++) {
		pc_outb(&pc, FCR, (uint8_t)(0x03 | i << 6));
		CHECK_EQ(uart_input(uart, bytes, levels[i]), levels[i]);
		CHECK_EQ(pc_inb(&pc, IIR), 0xc4);
		pc_inb(&pc, RBR);
		/* Below the level it is the time-out's turn. */
		CHECK_EQ(pc_inb(&pc, IIR), levels[i] > 1 ? 0xcc : 0xc1);
		for (j = 1; j < levels[i]; j++)
			CHECK_EQ(pc_inb(&pc, RBR), j);
		CHECK_EQ(pc_inb(&pc, IIR), 0xc1);
		CHECK(!pc.level[IRQ]);
	}
	/* 16 bytes and no more, in order, and then there is room. */
	CHECK_EQ(uart_input(uart, bytes, 32), 16);
	for (j = 0; j < 16; j++)
		CHECK_EQ(pc_inb(&pc, RBR), j);
	CHECK_EQ(rooms, 1);
	CHECK_EQ(uart_input(uart, bytes + 16, 16), 16);
	pc_outb(&pc, FCR, 0x03); /* clear */
	CHECK_EQ(pc_inb(&pc, LSR), 0x60);
	CHECK(!pc.level[IRQ]);
	/* Switching the FIFO off clears it as well. */
	uart_input(uart, bytes, 8);
	pc_outb(&pc, FCR, 0);
	CHECK_EQ(pc_inb(&pc, LSR), 0x60);
	CHECK_EQ(pc_inb(&pc, IIR), 0x01);
	teardown();
}

static void
test_loopback(void)
{
	int i;

	setup();
	pc_outb(&pc, FCR, 0x01);
	pc_outb(&pc, MCR, 0x10);
	CHECK_EQ(pc_inb(&pc, MSR), 0x0b); /* CTS, DSR and DCD went away */
	CHECK_EQ(pc_inb(&pc, MSR), 0);
	pc_outb(&pc, THR, 'l');
	CHECK_EQ(nsent, 0);
	CHECK_EQ(pc_inb(&pc, RBR), 'l');
	CHECK_EQ(uart_input(uart, (const uint8_t *)"x", 1), 0);
	for (i = 0; i < 17; i++)
		pc_outb(&pc, THR, 'o');
	CHECK_EQ(pc_inb(&pc, LSR), 0x63); /* overrun */
	CHECK_EQ(pc_inb(&pc, LSR), 0x61); /* said once */
	pc_outb(&pc, FCR, 0x03);
	/* Modem interrupt: RI only when it ends. */
	pc_outb(&pc, IER, 0x08);
	pc_outb(&pc, MCR, 0x14);
	CHECK(!pc.level[IRQ]);
	pc_outb(&pc, MCR, 0x10);
	CHECK(pc.level[IRQ]);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc0);
	CHECK_EQ(pc_inb(&pc, MSR), 0x04);
	CHECK(!pc.level[IRQ]);
	CHECK_EQ(rooms, 0);
	pc_outb(&pc, MCR, 0);
	CHECK_EQ(rooms, 1); /* the x can come again */
	teardown();
}

static void
test_priorities(void)
{
	int i;

	setup();
	pc_outb(&pc, FCR, 0x01);
	pc_outb(&pc, MCR, 0x10);
	for (i = 0; i < 17; i++)
		pc_outb(&pc, THR, 'o');
	pc_outb(&pc, IER, 0x0f);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc6);
	pc_inb(&pc, LSR);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc4);
	pc_outb(&pc, FCR, 0x03);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc2);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc0);
	pc_inb(&pc, MSR);
	CHECK_EQ(pc_inb(&pc, IIR), 0xc1);
	CHECK(!pc.level[IRQ]);
	teardown();
}

/* The room callback feeds the UART from within the guest's read. */
static const uint8_t *feed;
static size_t feed_left;

static void
room_feeds(void *arg)
{
	size_t n = uart_input(uart, feed, feed_left);

	(void)arg;
	feed += n;
	feed_left -= n;
}

static void
test_paste(void)
{
	const struct uart_host host = { .out = out, .room = room_feeds };
	uint8_t text[1000], got[1000];
	size_t i, n = 0;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	pc_init(&pc, 1 << 20, 1);
	uart = uart_new(&pc.machine, &host);
	REQUIRE(uart != NULL);
	pc_outb(&pc, FCR, 0x81);
	pc_outb(&pc, IER, 0x01);
	feed = text;
	feed_left = sizeof(text);
	room_feeds(NULL);
	while (n < sizeof(got) && pc.level[IRQ])
		while (n < sizeof(got) && pc_inb(&pc, LSR) & 1)
			got[n++] = pc_inb(&pc, RBR);
	CHECK_EQ(n, sizeof(got));
	CHECK(memcmp(text, got, sizeof(got)) == 0);
	CHECK(!pc.level[IRQ]);
	teardown();
}

int
main(void)
{
	TEST(test_reset_state);
	TEST(test_linux_probe);
	TEST(test_divisor_and_scratch);
	TEST(test_transmit);
	TEST(test_transmit_interrupt);
	TEST(test_receive_without_fifo);
	TEST(test_receive_fifo);
	TEST(test_loopback);
	TEST(test_priorities);
	TEST(test_paste);
	return CHECK_EXIT();
}
