/* SPDX-License-Identifier: ISC */
/*
 * See legacy.h.  Runs in the VM process with the machine lock held.  There is
 * no keyboard: its controller is always ready to be written to (so that
 * software which resets through it does not wait) and never has anything to
 * read (so that none drains it for ever).
 */
#include "chip/legacy.h"

#include <stdlib.h>

#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/state.h"

#define KBD_DATA 0x60
#define KBD_COMMAND 0x64
#define PORT_92 0x92
#define PORT_POST 0x80
#define PORT_DEBUG 0x402

#define KBD_STATUS 0x14 /* self-test passed, not locked, buffers empty */
#define KBD_WRITE_OUTPUT 0xd1 /* the next data byte: bit 0 low is reset */
#define KBD_PULSE 0xf0 /* pulse the output lines whose bits are 0 */
#define DEBUG_PRESENT 0xe9
#define DEBUG_LINE 160

struct legacy {
	struct machine *machine;
	void (*debug)(void *arg, const char *line);
	void *debug_arg;
	uint8_t kbd_command;
	size_t used;
	char line[DEBUG_LINE];
};

static void
legacy_reset(struct legacy *legacy)
{
	legacy->machine->power(legacy->machine->arg, POWER_RESET);
}

static uint64_t
legacy_zero_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return 0;
}

static uint64_t
kbd_status_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return KBD_STATUS;
}

static void
kbd_command_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct legacy *legacy = arg;

	(void)offset;
	(void)len;
	legacy->kbd_command = (uint8_t)value;
	if ((value & 0xf1) == KBD_PULSE)
		legacy_reset(legacy);
}

static void
kbd_data_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct legacy *legacy = arg;

	(void)offset;
	(void)len;
	if (legacy->kbd_command == KBD_WRITE_OUTPUT && !(value & 1))
		legacy_reset(legacy);
	legacy->kbd_command = 0;
}

/* A20 is always on. */
static uint64_t
port92_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return 0x02;
}

static void
port92_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)offset;
	(void)len;
	if (value & 1)
		legacy_reset(arg);
}

static void
post_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)arg;
	(void)offset;
	(void)len;
	(void)value;
}

static uint64_t
debug_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return DEBUG_PRESENT;
}

static void
debug_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct legacy *legacy = arg;
	uint8_t byte = (uint8_t)value;

	(void)offset;
	(void)len;
	if (byte != '\n' && byte != '\r')
		legacy->line[legacy->used++] =
		    byte >= ' ' && byte < 0x7f ? (char)byte : '?';
	if (legacy->used == DEBUG_LINE - 1 ||
	    (byte == '\n' && legacy->used > 0)) {
		legacy->line[legacy->used] = '\0';
		legacy->used = 0;
		legacy->debug(legacy->debug_arg, legacy->line);
	}
}

static const struct legacy_port {
	uint16_t port;
	const char *name;
	struct bus_ops ops;
} ports[] = {
	{ KBD_DATA, "i8042-data", { legacy_zero_read, kbd_data_write } },
	{ KBD_COMMAND, "i8042", { kbd_status_read, kbd_command_write } },
	{ PORT_POST, "post", { legacy_zero_read, post_write } },
	{ PORT_92, "port92", { port92_read, port92_write } },
	{ PORT_DEBUG, "debug", { debug_read, debug_write } },
};
#define NPORTS (sizeof(ports) / sizeof(ports[0]))

static const struct state_field legacy_fields[] = {
	STATE_ANY(struct legacy, kbd_command),
};
static const struct state_table legacy_table =
    STATE_TABLE("legacy", 1, legacy_fields);

int
legacy_save(struct legacy *legacy, struct state_buf *buf)
{
	return state_save(buf, &legacy_table, legacy);
}

int
legacy_load(struct legacy *legacy, struct state_buf *buf)
{
	struct legacy copy = *legacy;

	if (state_load(buf, &legacy_table, &copy) == -1)
		return -1;
	if (!buf->check)
		*legacy = copy;
	return 0;
}

struct legacy *
legacy_new(struct machine *machine, void (*debug)(void *arg, const char *line),
    void *arg)
{
	struct legacy *legacy = calloc(1, sizeof(*legacy));
	unsigned int i;

	if (legacy == NULL)
		return NULL;
	legacy->machine = machine;
	legacy->debug = debug;
	legacy->debug_arg = arg;
	for (i = 0; i < NPORTS; i++) {
		if (ports[i].port == PORT_DEBUG && debug == NULL)
			continue;
		if (bus_add(machine->bus, BUS_PIO, ports[i].port, 1,
			ports[i].name, &ports[i].ops, legacy) == -1)
			goto fail;
	}
	return legacy;
fail:
	while (i-- > 0)
		bus_remove(machine->bus, BUS_PIO, ports[i].port);
	free(legacy);
	return NULL;
}

void
legacy_free(struct legacy *legacy)
{
	unsigned int i;

	if (legacy == NULL)
		return;
	for (i = 0; i < NPORTS; i++)
		if (ports[i].port != PORT_DEBUG || legacy->debug != NULL)
			bus_remove(
			    legacy->machine->bus, BUS_PIO, ports[i].port);
	free(legacy);
}
