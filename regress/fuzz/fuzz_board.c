/* SPDX-License-Identifier: ISC */
/*
 * What a guest writes to and reads from any port and any memory that is not
 * RAM: all chips and PCI with a device of each kind, on one bus, as vmd builds
 * them, with memory for fw_cfg's DMA.  Eight bytes are one step: what (1), how
 * wide (1), where (2), value (4).
 */
#include <stdlib.h>
#include <unistd.h>

#include "chip/fwcfg.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "fake_host.h"
#include "pc.h"
#include "pci/virtio_pci.h"
#include "quiet.h"

#define MEMORY (4U << 20)
#define DEVICES 3
#define STEPS_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct pc pc;
static struct virtio_device *dev[DEVICES];
static struct uart *uart;

static void
on_out(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
}

static void
on_room(void *arg)
{
	(void)arg;
	uart_input(uart, (const uint8_t *)"room", 4);
}

static void
on_debug(void *arg, const char *line)
{
	(void)arg;
	if (strlen(line) > 160)
		abort();
}

/* Where a step goes: a chip or BAR and a few bytes on each side of it. */
static const struct {
	enum bus_space space;
	uint32_t base;
	uint16_t mask;
} places[] = {
	{ BUS_PIO, 0x3f6, 15 },
	{ BUS_PIO, 0x6f, 3 },
	{ BUS_PIO, 0x5f, 63 },
	{ BUS_PIO, 0x400, 3 },
	{ BUS_PIO, 0x50f, 15 },
	{ BUS_PIO, 0x5fe, 31 },
	{ BUS_PIO, 0xcf6, 15 },
	{ BUS_PIO, 0xcf8, 7 },
	{ BUS_PIO, 0, 0xffff },
	{ BUS_PIO, 0xbff0, 0xfff },
	{ BUS_PIO, 0xc000, 0x3f },
	{ BUS_PIO, 0xc400, 0x3f },
	{ BUS_MMIO, 0xfe000000, 0xfff },
	{ BUS_MMIO, 0xfdfffff0, 0x3fff },
	{ BUS_MMIO, 0xfffffff0, 0xff },
};

static void
step(const uint8_t *p)
{
	static const unsigned int lens[] = { 1, 2, 4, 8, 3, 5, 6, 7 };
	unsigned int len = lens[p[1] & 7];
	unsigned int place = (p[0] & 15) % (sizeof(places) / sizeof(places[0]));
	uint64_t addr =
	    places[place].base + ((p[2] | p[3] << 8) & places[place].mask);
	uint32_t value;

	memcpy(&value, p + 4, 4);
	switch (p[0] >> 4) {
	case 0:
		pc_advance(&pc, value % 3000000000U);
		break;
	case 1:
		uart_input(uart, p, 8);
		break;
	case 2:
		fake_config_out(
		    2 + (p[1] >> 4) % DEVICES, p[2], len > 4 ? 4 : len, value);
		break;
	case 3:
		fake_config_in(p[3] & 31, p[2], len > 4 ? 4 : len);
		break;
	case 4:
		pc_outl(&pc, 0x518, value);
		break;
	case 5:
		fake_poll(0);
		break;
	case 6:
	case 7:
	case 8:
		bus_read(pc.machine.bus, places[place].space, addr, len);
		break;
	default:
		bus_write(pc.machine.bus, places[place].space, addr, len,
		    value * 0x100000001ULL);
		break;
	}
}

/* The virtio devices have no processes: what they are told waits. */
static struct pci *
devices_new(const struct virtio_memory *memory)
{
	static const enum device_kind kinds[DEVICES] = { DEVICE_RNG, DEVICE_NET,
		DEVICE_BLK };
	struct pci *pci;

	memset(&fake, 0, sizeof(fake));
	fake_machine.bus = pc.machine.bus;
	if ((pci = pci_new(&pc.machine, &fake_pci_host)) == NULL)
		abort();
	for (unsigned int i = 0; i < DEVICES; i++) {
		dev[i] = virtio_new(
		    pci, virtio_class_get(kinds[i]), 0, memory, &quiet_events);
		if (dev[i] == NULL)
			abort();
		fake_config_out(2 + i, 4, 2, 7);
	}
	return pci;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct uart_host host = { .out = on_out, .room = on_room };
	static struct virtio_memory memory = { .fd = -1,
		.map = { .count = 1 } };
	struct legacy *legacy;
	struct fwcfg *fwcfg;
	struct pci *pci;
	struct rtc *rtc;
	struct pm *pm;

	quiet_log();
	pc_init(&pc, MEMORY, 2);
	pc.wall = 1709251198ULL * 1000000000;
	/* Requests of fw_cfg come from the input, too. */
	memcpy(pc.ram + 0x1000, data, size < 0x1000 ? size : 0x1000);
	uart = uart_new(&pc.machine, &host);
	rtc = rtc_new(&pc.machine);
	pm = pm_new(&pc.machine);
	fwcfg = fwcfg_new(&pc.machine);
	legacy = legacy_new(&pc.machine, on_debug, NULL);
	if (uart == NULL || rtc == NULL || pm == NULL || fwcfg == NULL ||
	    legacy == NULL)
		abort();
	pci = devices_new(&memory);
	for (size_t i = 0; i + 8 <= size && i < 8 * STEPS_MAX; i += 8)
		step(data + i);
	pci_reset(pci);
	for (unsigned int i = 0; i < DEVICES; i++)
		virtio_free(dev[i]);
	if (fake_count_ioeventfds() != 0 || fake_count_irqfds() != 0 ||
	    fake.collisions != 0)
		abort();
	pci_free(pci);
	legacy_free(legacy);
	fwcfg_free(fwcfg);
	pm_free(pm);
	rtc_free(rtc);
	uart_free(uart);
	pc_fini(&pc);
	return 0;
}
