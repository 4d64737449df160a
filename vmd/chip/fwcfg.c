/* SPDX-License-Identifier: ISC */
/*
 * See fwcfg.h.  Runs in the VM process with the machine lock held.  What
 * firmware and boot loaders read is read only, so nothing a guest does changes
 * what the next reader sees; a guest writes the files made for that.  Ports:
 * +0 selector (16 bit), +1 data (8 bit), +4 address of a DMA request (64 bit,
 * big endian; the write to its low half starts the request).
 */
#include "chip/fwcfg.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "boot/layout.h"
#include "boot/le.h"
#include "boot/memmap.h"
#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/state.h"

#define FWCFG_PORTS 12
#define PORT_SELECT 0
#define PORT_DATA 1
#define PORT_DMA_HIGH 4
#define PORT_DMA_LOW 8

#define KEY_SIGNATURE 0x0000
#define KEY_ID 0x0001
#define KEY_RAM_SIZE 0x0003
#define KEY_NOGRAPHIC 0x0004
#define KEY_CPUS 0x0005
#define KEY_BOOT_MENU 0x000e
#define KEY_MAX_CPUS 0x000f
#define KEY_FILE_DIR 0x0019
#define KEY_FILE_FIRST 0x0020
#define KEY_IRQ0_OVERRIDE 0x8002

#define ID_TRADITIONAL 0x01
#define ID_DMA 0x02
#define DMA_SIGNATURE 0x51454d5520434647ULL /* "QEMU CFG" */

#define DMA_ERROR 0x01
#define DMA_READ 0x02
#define DMA_SKIP 0x04
#define DMA_SELECT 0x08
#define DMA_WRITE 0x10

/* One request moves at most this much, so that it cannot hold the machine's
 * lock for long. */
#define DMA_LENGTH_MAX FWCFG_FILE_MAX

#define ITEMS_MAX (10 + FWCFG_FILES_MAX)
#define DIR_ENTRY 64

struct item {
	uint16_t key;
	bool owned;
	uint32_t len;
	const uint8_t *bytes;
	const struct fwcfg_writer *writer; /* NULL: read only */
};

struct fwcfg {
	struct machine *machine;
	unsigned int nitems, nfiles;
	struct item item[ITEMS_MAX];
	const struct item *selected; /* NULL: no such item, reads as zeroes */
	uint32_t position;
	uint64_t dma_address;
	uint8_t directory[4 + FWCFG_FILES_MAX * DIR_ENTRY];
	uint8_t small[64]; /* the items of fixed size */
	unsigned int small_used;
};

/* The item of a key, NULL for none. */
static const struct item *
fwcfg_find(const struct fwcfg *fwcfg, uint16_t key)
{
	unsigned int i;

	for (i = 0; i < fwcfg->nitems; i++)
		if (fwcfg->item[i].key == key)
			return &fwcfg->item[i];
	return NULL;
}

static void
fwcfg_select(struct fwcfg *fwcfg, uint16_t key)
{
	fwcfg->position = 0;
	fwcfg->selected = fwcfg_find(fwcfg, key);
}

/* Moves on by at most len; *bytes is where it was.  Returns by how much. */
static uint32_t
fwcfg_advance(struct fwcfg *fwcfg, uint32_t len, const uint8_t **bytes)
{
	const struct item *item = fwcfg->selected;
	uint32_t left = item != NULL ? item->len - fwcfg->position : 0;

	*bytes = item != NULL ? item->bytes + fwcfg->position : NULL;
	if (len > left)
		len = left;
	fwcfg->position += len;
	return len;
}

/* --- DMA -------------------------------------------------------------------
 */

struct dma_request {
	uint32_t control;
	uint32_t length;
	uint64_t address;
};

/* All of it or nothing: into a file that can be written, within its size. */
static bool
fwcfg_dma_write(struct fwcfg *fwcfg, const struct dma_request *request)
{
	struct machine *machine = fwcfg->machine;
	const struct item *item = fwcfg->selected;
	const struct fwcfg_writer *writer = item != NULL ? item->writer : NULL;
	uint32_t at = fwcfg->position;
	const void *from;

	if (request->length == 0)
		return true;
	if (writer == NULL || request->length > item->len - at)
		return false;
	from =
	    machine->memory_at(machine->arg, request->address, request->length);
	if (from == NULL)
		return false;
	memcpy(writer->bytes + at, from, request->length);
	fwcfg->position += request->length;
	writer->written(writer->arg, at, request->length);
	return true;
}

static bool
fwcfg_dma_run(struct fwcfg *fwcfg, const struct dma_request *request)
{
	struct machine *machine = fwcfg->machine;
	const uint8_t *bytes;
	uint32_t len;
	uint8_t *to;

	if (request->control & DMA_SELECT)
		fwcfg_select(fwcfg, (uint16_t)(request->control >> 16));
	if (request->control & DMA_READ) {
		if (request->length == 0)
			return true;
		if (request->length > DMA_LENGTH_MAX)
			return false;
		to = machine->memory_at(
		    machine->arg, request->address, request->length);
		if (to == NULL)
			return false;
		len = fwcfg_advance(fwcfg, request->length, &bytes);
		if (len > 0)
			memcpy(to, bytes, len);
		memset(to + len, 0, request->length - len);
		machine_wrote(machine, request->address, request->length);
		return true;
	}
	if (request->control & DMA_WRITE)
		return fwcfg_dma_write(fwcfg, request);
	if (request->control & DMA_SKIP)
		fwcfg_advance(fwcfg, request->length, &bytes);
	return true;
}

static void
fwcfg_dma(struct fwcfg *fwcfg, uint64_t address)
{
	struct machine *machine = fwcfg->machine;
	struct dma_request request;
	uint32_t control;
	uint8_t *at;

	at = machine->memory_at(machine->arg, address, sizeof(request));
	if (at == NULL)
		return;
	memcpy(&request, at, sizeof(request));
	request.control = be32toh(request.control);
	request.length = be32toh(request.length);
	request.address = be64toh(request.address);
	control = htobe32(fwcfg_dma_run(fwcfg, &request) ? 0 : DMA_ERROR);
	memcpy(at, &control, sizeof(control));
	machine_wrote(machine, address, sizeof(control));
}

/* --- ports -----------------------------------------------------------------
 */

static uint64_t
fwcfg_read(void *arg, uint64_t offset, unsigned int len)
{
	struct fwcfg *fwcfg = arg;
	const uint8_t *bytes;

	if (offset == PORT_DATA)
		return fwcfg_advance(fwcfg, 1, &bytes) == 1 ? *bytes : 0;
	if (offset >= PORT_DMA_HIGH && len <= 8)
		/* In the byte order of the bus, from this offset on. */
		return htobe64(DMA_SIGNATURE) >> (offset - PORT_DMA_HIGH) * 8;
	return 0;
}

static void
fwcfg_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct fwcfg *fwcfg = arg;

	if (offset == PORT_SELECT) {
		fwcfg_select(fwcfg, (uint16_t)value);
	} else if (offset == PORT_DMA_HIGH && len == 8) {
		fwcfg->dma_address = 0;
		fwcfg_dma(fwcfg, be64toh(value));
	} else if (offset == PORT_DMA_HIGH && len == 4) {
		fwcfg->dma_address = (uint64_t)be32toh((uint32_t)value) << 32;
	} else if (offset == PORT_DMA_LOW && len == 4) {
		uint64_t address =
		    fwcfg->dma_address | be32toh((uint32_t)value);

		fwcfg->dma_address = 0;
		fwcfg_dma(fwcfg, address);
	}
}

static const struct bus_ops fwcfg_ops = { fwcfg_read, fwcfg_write };

/* --- state -----------------------------------------------------------------
 */

struct fwcfg_state {
	bool selected;
	uint16_t key;
	uint32_t position;
	uint64_t dma_address;
};

static const struct state_field fwcfg_fields[] = {
	STATE_BOOL(struct fwcfg_state, selected),
	STATE_ANY(struct fwcfg_state, key),
	STATE_MAX(struct fwcfg_state, position, FWCFG_FILE_MAX),
	/* Its low half starts the request and is not kept. */
	STATE_BITS(struct fwcfg_state, dma_address, 0xffffffffULL << 32),
};
static const struct state_table fwcfg_table =
    STATE_TABLE("fwcfg", 1, fwcfg_fields);

int
fwcfg_save(struct fwcfg *fwcfg, struct state_buf *buf)
{
	const struct item *item = fwcfg->selected;
	const struct fwcfg_state state = {
		.selected = item != NULL,
		.key = item != NULL ? item->key : 0,
		.position = fwcfg->position,
		.dma_address = fwcfg->dma_address,
	};

	return state_save(buf, &fwcfg_table, &state);
}

int
fwcfg_load(struct fwcfg *fwcfg, struct state_buf *buf)
{
	struct fwcfg_state state;
	const struct item *item;

	if (state_load(buf, &fwcfg_table, &state) == -1)
		return -1;
	item = state.selected ? fwcfg_find(fwcfg, state.key) : NULL;
	if (state_check(buf, &fwcfg_table, "key",
		state.selected == (item != NULL)) == -1 ||
	    state_check(buf, &fwcfg_table, "position",
		state.position <= (item != NULL ? item->len : 0)) == -1)
		return -1;
	if (buf->check)
		return 0;
	fwcfg->selected = item;
	fwcfg->position = state.position;
	fwcfg->dma_address = state.dma_address;
	return 0;
}

/* --- contents --------------------------------------------------------------
 */

static void
fwcfg_add_item(struct fwcfg *fwcfg, uint16_t key, const uint8_t *bytes,
    uint32_t len, bool owned)
{
	fwcfg->item[fwcfg->nitems++] = (struct item) {
		.key = key, .owned = owned, .len = len, .bytes = bytes
	};
}

/* A little-endian number of size bytes. */
static void
fwcfg_add_number(
    struct fwcfg *fwcfg, uint16_t key, uint64_t value, uint32_t size)
{
	uint8_t *at = fwcfg->small + fwcfg->small_used;

	value = htole64(value);
	memcpy(at, &value, size);
	fwcfg->small_used += size;
	fwcfg_add_item(fwcfg, key, at, size, false);
}

/* A row of the directory, and the item behind it without its bytes. */
static struct item *
fwcfg_add_name(struct fwcfg *fwcfg, const char *name, size_t len)
{
	uint16_t key = (uint16_t)(KEY_FILE_FIRST + fwcfg->nfiles);
	uint8_t *entry = fwcfg->directory + 4 + fwcfg->nfiles * DIR_ENTRY;
	uint32_t number;
	unsigned int i;

	errno = strlen(name) > FWCFG_NAME_MAX  ? ENAMETOOLONG
	    : len > FWCFG_FILE_MAX	       ? EFBIG
	    : fwcfg->nfiles == FWCFG_FILES_MAX ? ENOSPC
					       : 0;
	for (i = 0; errno == 0 && i < fwcfg->nfiles; i++)
		if (strcmp(name,
			(const char *)fwcfg->directory + 4 + i * DIR_ENTRY +
			    8) == 0)
			errno = EEXIST;
	if (errno != 0)
		return NULL;
	fwcfg_add_item(fwcfg, key, NULL, (uint32_t)len, false);
	number = htobe32((uint32_t)len);
	memcpy(entry, &number, 4);
	entry[4] = (uint8_t)(key >> 8);
	entry[5] = (uint8_t)key;
	memcpy(entry + 8, name, strlen(name));
	number = htobe32(++fwcfg->nfiles);
	memcpy(fwcfg->directory, &number, 4);
	return &fwcfg->item[fwcfg->nitems - 1];
}

int
fwcfg_add_file(
    struct fwcfg *fwcfg, const char *name, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct item *item;

	if (copy == NULL)
		return -1;
	item = fwcfg_add_name(fwcfg, name, len);
	if (item == NULL) {
		free(copy);
		return -1;
	}
	if (len > 0)
		memcpy(copy, bytes, len);
	item->bytes = copy;
	item->owned = true;
	return 0;
}

int
fwcfg_add_writable(struct fwcfg *fwcfg, const char *name, size_t len,
    const struct fwcfg_writer *writer)
{
	struct item *item = fwcfg_add_name(fwcfg, name, len);

	if (item == NULL)
		return -1;
	item->bytes = writer->bytes;
	item->writer = writer;
	return 0;
}

static int
fwcfg_add_file_number(
    struct fwcfg *fwcfg, const char *name, uint64_t value, size_t size)
{
	value = htole64(value);
	return fwcfg_add_file(fwcfg, name, &value, size);
}

/* RAM, and the page of the generation ID: firmware reserves what it takes
 * itself, and tells the guest of both. */
static int
fwcfg_add_e820(struct fwcfg *fwcfg)
{
	const struct machine *machine = fwcfg->machine;
	uint64_t lowmem = machine->lowmem;
	uint64_t genid = LAYOUT_GENID_FIRMWARE(lowmem);
	uint64_t ram = genid != 0 ? genid : lowmem;
	const struct memmap_entry map[] = {
		{ 0, ram, MEMMAP_RAM },
		{ ram, lowmem - ram, MEMMAP_RESERVED },
		{ LAYOUT_HIGHMEM_START, machine->memory - lowmem, MEMMAP_RAM },
	};
	uint8_t table[sizeof(map) / sizeof(map[0]) * 20];
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (map[i].size == 0)
			continue;
		le64_put(table + len, map[i].base);
		le64_put(table + len + 8, map[i].size);
		le32_put(table + len + 16, map[i].type);
		len += 20;
	}
	return fwcfg_add_file(fwcfg, "etc/e820", table, len);
}

static int
fwcfg_add_acpi(struct fwcfg *fwcfg)
{
	const struct machine *machine = fwcfg->machine;
	struct acpi_tables *acpi = malloc(sizeof(*acpi));
	uint8_t *script = malloc(ACPI_LOADER_MAX);
	int rc = -1;

	if (acpi != NULL && script != NULL) {
		acpi_build(acpi, machine->ncpus,
		    LAYOUT_GENID_FIRMWARE(machine->lowmem));
		rc = fwcfg_add_file(
			 fwcfg, "etc/acpi/tables", acpi->tables, acpi->length) |
		    fwcfg_add_file(
			fwcfg, "etc/acpi/rsdp", acpi->rsdp, ACPI_RSDP_SIZE) |
		    fwcfg_add_file(fwcfg, "etc/table-loader", script,
			acpi_loader_script(acpi, script));
	}
	free(acpi);
	free(script);
	return rc;
}

static int
fwcfg_fill(struct fwcfg *fwcfg)
{
	static const uint8_t signature[4] = { 'Q', 'E', 'M', 'U' };
	const struct machine *machine = fwcfg->machine;

	fwcfg_add_item(fwcfg, KEY_SIGNATURE, signature, 4, false);
	fwcfg_add_item(fwcfg, KEY_FILE_DIR, fwcfg->directory,
	    sizeof(fwcfg->directory), false);
	fwcfg_add_number(fwcfg, KEY_ID, ID_TRADITIONAL | ID_DMA, 4);
	fwcfg_add_number(fwcfg, KEY_RAM_SIZE, machine->memory, 8);
	fwcfg_add_number(fwcfg, KEY_NOGRAPHIC, 1, 2);
	fwcfg_add_number(fwcfg, KEY_CPUS, machine->ncpus, 2);
	fwcfg_add_number(fwcfg, KEY_MAX_CPUS, machine->ncpus, 2);
	fwcfg_add_number(fwcfg, KEY_BOOT_MENU, 0, 2);
	fwcfg_add_number(fwcfg, KEY_IRQ0_OVERRIDE, 1, 4);
	return fwcfg_add_e820(fwcfg) | fwcfg_add_acpi(fwcfg) |
	    fwcfg_add_file_number(fwcfg, "etc/show-boot-menu", 0, 2) |
	    /* Without anything to boot: say so and stay, do not reboot. */
	    fwcfg_add_file_number(fwcfg, "etc/boot-fail-wait", UINT32_MAX, 4) |
	    /* The text screen goes to the serial port. */
	    fwcfg_add_file_number(
		fwcfg, "etc/sercon-port", LAYOUT_UART_PORT, 2);
}

struct fwcfg *
fwcfg_new(struct machine *machine)
{
	struct fwcfg *fwcfg = calloc(1, sizeof(*fwcfg));

	if (fwcfg == NULL)
		return NULL;
	fwcfg->machine = machine;
	if (fwcfg_fill(fwcfg) == 0 &&
	    bus_add(machine->bus, BUS_PIO, LAYOUT_FWCFG_PORT, FWCFG_PORTS,
		"fwcfg", &fwcfg_ops, fwcfg) == 0)
		return fwcfg;
	fwcfg->machine = NULL; /* never was on the bus */
	fwcfg_free(fwcfg);
	return NULL;
}

void
fwcfg_free(struct fwcfg *fwcfg)
{
	unsigned int i;

	if (fwcfg == NULL)
		return;
	if (fwcfg->machine != NULL)
		bus_remove(fwcfg->machine->bus, BUS_PIO, LAYOUT_FWCFG_PORT);
	for (i = 0; i < fwcfg->nitems; i++)
		if (fwcfg->item[i].owned)
			free((uint8_t *)(uintptr_t)fwcfg->item[i].bytes);
	free(fwcfg);
}
