/* SPDX-License-Identifier: ISC */
/*
 * See console.h.  Runs in the VM process.  The mapping holds a header and the
 * ring; an earlier process of the same VM, which its guest may have taken over,
 * wrote it, so the header is read once and believed only as far as it makes
 * sense.  Positions count bytes and never wrap to zero (64 bit); the ring's
 * index is the position modulo its size.
 */
#include "chip/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci/state.h"

#define CONSOLE_MAGIC 0x676e69726e6f6376ULL

struct console_header {
	uint64_t magic;
	uint64_t head; /* position of the next byte to come */
	uint64_t tail; /* position of the oldest byte kept */
};
_Static_assert(sizeof(struct console_header) <= CONSOLE_HEADER, "header size");
_Static_assert((VMD_CONSOLE_RING & (VMD_CONSOLE_RING - 1)) == 0, "power of 2");

struct console {
	struct console_header *header;
	uint8_t *ring;
	uint64_t head, tail; /* our own: the mapping is only told */
};

struct console *
console_new(void *memory)
{
	struct console *console = calloc(1, sizeof(*console));
	struct console_header header;

	if (console == NULL)
		return NULL;
	console->header = memory;
	console->ring = (uint8_t *)memory + CONSOLE_HEADER;
	memcpy(&header, memory, sizeof(header));
	if (header.magic == CONSOLE_MAGIC &&
	    header.head - header.tail <= VMD_CONSOLE_RING) {
		console->head = header.head;
		console->tail = header.tail;
	}
	*console->header = (struct console_header) { .magic = CONSOLE_MAGIC,
		.head = console->head,
		.tail = console->tail };
	return console;
}

void
console_free(struct console *console)
{
	free(console);
}

static void
console_publish(struct console *console)
{
	console->header->head = console->head;
	console->header->tail = console->tail;
}

void
console_output(struct console *console, const uint8_t *bytes, size_t len)
{
	size_t at, part;

	if (len > VMD_CONSOLE_RING) {
		console->head += len - VMD_CONSOLE_RING;
		bytes += len - VMD_CONSOLE_RING;
		len = VMD_CONSOLE_RING;
	}
	at = console->head % VMD_CONSOLE_RING;
	part = len < VMD_CONSOLE_RING - at ? len : VMD_CONSOLE_RING - at;
	memcpy(console->ring + at, bytes, part);
	memcpy(console->ring, bytes + part, len - part);
	console->head += len;
	if (console->head - console->tail > VMD_CONSOLE_RING)
		console->tail = console->head - VMD_CONSOLE_RING;
	console_publish(console);
}

struct console_state {
	uint32_t len; /* of the bytes that follow */
};
static const struct state_field console_fields[] = {
	STATE_MAX(struct console_state, len, VMD_CONSOLE_RING),
};
static const struct state_table console_table =
    STATE_TABLE("console", 1, console_fields);

int
console_save(struct console *console, struct state_buf *buf)
{
	size_t len = console_pending(console);
	size_t at = console->tail % VMD_CONSOLE_RING;
	size_t part = len < VMD_CONSOLE_RING - at ? len : VMD_CONSOLE_RING - at;
	const struct console_state state = { (uint32_t)len };

	if (state_save(buf, &console_table, &state) == -1 ||
	    state_put(buf, console->ring + at, part) == -1)
		return -1;
	return state_put(buf, console->ring, len - part);
}

int
console_load(struct console *console, struct state_buf *buf)
{
	struct console_state state;
	const uint8_t *bytes;

	if (state_load(buf, &console_table, &state) == -1)
		return -1;
	if ((bytes = state_get(buf, state.len)) == NULL) {
		state_check(buf, &console_table, "len", false);
		errno = EBADMSG;
		return -1;
	}
	if (!buf->check)
		console_output(console, bytes, state.len);
	return 0;
}

size_t
console_pending(const struct console *console)
{
	return console->head - console->tail;
}

int
console_flush(struct console *console, int fd)
{
	size_t at, len;
	ssize_t n;

	while ((len = console_pending(console)) > 0) {
		at = console->tail % VMD_CONSOLE_RING;
		if (len > VMD_CONSOLE_RING - at)
			len = VMD_CONSOLE_RING - at;
		n = write(fd, console->ring + at, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0 || (n == -1 && errno == EAGAIN))
			return 1;
		if (n == -1)
			return -1;
		console->tail += (size_t)n;
		console_publish(console);
	}
	return 0;
}
