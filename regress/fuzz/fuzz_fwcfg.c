/* SPDX-License-Identifier: ISC */
/*
 * fw_cfg and the chips of the same bus under a hostile guest: the input is a
 * list of accesses of 8 bytes (port, kind and size, spare, value); what is
 * beyond the last is the guest's memory, where DMA descriptors may be.
 * At the end the note is read of which it may have said where it is.
 * Reaches vmd/chip, vmd/pci/bus.c and the check of libvmm/dump_note.c.
 */
#include <stdint.h>

#include "chip/fwcfg.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "chip/vmcoreinfo.h"
#include "pc.h"
#include "vmm_dump.h"

#define FUZZ_RAM (1U << 20)
#define ACCESSES 64

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
fuzz_out(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
}

static void
fuzz_debug(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
fuzz_access(struct pc *pc, struct uart *uart, const uint8_t *step)
{
	static const uint16_t bases[] = { 0x510, 0x3f8, 0x70, 0x600, 0x60, 0x92,
		0x402, 0x514 };
	static const uint8_t sizes[] = { 1, 2, 4, 8 };
	uint16_t port = (uint16_t)(bases[step[0] & 7] + (step[0] >> 3 & 15));
	unsigned int len = sizes[step[1] & 3];
	uint64_t value = step[4] | step[5] << 8 | step[6] << 16 |
	    (uint64_t)step[7] << 24 | (uint64_t)step[3] << 56;

	if (step[1] & 0x10)
		uart_input(uart, step, step[2] & 7);
	if (step[1] & 0x20)
		pc_advance(pc, (uint64_t)step[2] << 22);
	if (step[1] & 0x40)
		bus_read(pc->machine.bus, BUS_PIO, port, len);
	else
		bus_write(pc->machine.bus, BUS_PIO, port, len, value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct uart_host host = { .out = fuzz_out };
	static uint8_t note[VM_DUMP_VMCOREINFO_MAX];
	struct vmcoreinfo *vmcoreinfo;
	struct fwcfg *fwcfg;
	struct legacy *legacy;
	struct uart *uart;
	struct rtc *rtc;
	struct pm *pm;
	struct pc pc;
	size_t steps = len / 8 < ACCESSES ? len / 8 : ACCESSES, i;

	pc_init(&pc, FUZZ_RAM, 2);
	if ((fwcfg = fwcfg_new(&pc.machine)) == NULL ||
	    (vmcoreinfo = vmcoreinfo_new(&pc.machine, fwcfg)) == NULL ||
	    (legacy = legacy_new(&pc.machine, fuzz_debug, NULL)) == NULL ||
	    (uart = uart_new(&pc.machine, &host)) == NULL ||
	    (rtc = rtc_new(&pc.machine)) == NULL ||
	    (pm = pm_new(&pc.machine)) == NULL)
		abort();
	memcpy(pc.ram, bytes + steps * 8,
	    len - steps * 8 < FUZZ_RAM ? len - steps * 8 : FUZZ_RAM);
	for (i = 0; i < steps; i++)
		fuzz_access(&pc, uart, bytes + i * 8);
	if (vmcoreinfo_copy(vmcoreinfo, note, sizeof(note)) > sizeof(note))
		abort();
	pm_free(pm);
	rtc_free(rtc);
	uart_free(uart);
	legacy_free(legacy);
	fwcfg_free(fwcfg);
	vmcoreinfo_free(vmcoreinfo);
	pc_fini(&pc);
	return 0;
}
