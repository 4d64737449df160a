/* SPDX-License-Identifier: ISC */
/* Garbage for PCI, MSI-X tables, the APICs and memory that is not there. */
#include "garbage.h"

/* --- PCI -------------------------------------------------------------------
 */

u32
config_in(u32 slot, u32 reg, u32 size)
{
	out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	return in((u16)(0xcfc + (reg & 3)), size);
}

void
config_out(u32 slot, u32 reg, u32 size, u32 v)
{
	out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	out((u16)(0xcfc + (reg & 3)), size, v);
}

struct device device[SLOTS];
u32 devices;

void
find_devices(void)
{
	for (u32 slot = 2; slot < 32 && devices < SLOTS; slot++) {
		struct device *d = &device[devices];

		if (config_in(slot, 0, 2) != 0x1af4)
			continue;
		d->slot = slot;
		d->id = config_in(slot, 2, 2) - 0x1040;
		d->io = config_in(slot, 0x10, 4) & ~3U;
		d->table = config_in(slot, 0x14, 4) & ~15U;
		for (u32 at = config_in(slot, 0x34, 1); at != 0;
		     at = config_in(slot, at + 1, 1)) {
			if (config_in(slot, at, 1) == 0x11)
				d->msix = at;
			else if (config_in(slot, at + 3, 1) == 5)
				d->window = at;
		}
		devices++;
	}
}

/* Back to where they can be used. */
void
restore_devices(void)
{
	for (u32 i = 0; i < devices; i++) {
		config_out(device[i].slot, 4, 2, 0);
		config_out(device[i].slot, 0x10, 4, device[i].io);
		config_out(device[i].slot, 0x14, 4, device[i].table);
	}
	for (u32 i = 0; i < devices; i++)
		config_out(device[i].slot, 4, 2, 7);
}

/* An address that is another device's, a chip's, RAM's, or nobody's. */
static u32
any_bar(u32 n)
{
	static const u32 io[] = { 0, 0x400, 0x800, 0xc00, 0x1000, 0xc000,
		0xfc00, 0xffff, 0x10000 };
	static const u32 mem[] = { 0, 0x100000, 0x1000000, 0x1fff000, 0x2000000,
		0xfebff000, 0xfec00000, 0xfee00000, 0xfffff000, 0xfffc0000 };
	const struct device *d = &device[below(devices)];

	if (below(3) == 0)
		return n == 0 ? d->io : d->table;
	return n == 0 ? io[below(COUNT(io))] : mem[below(COUNT(mem))];
}

void
phase_pci(void)
{
	for (u32 i = 0; i < 4000; i++) {
		const struct device *d = &device[below(devices)];
		u32 slot = below(4) == 0 ? below(32) : d->slot, bar = below(2);

		switch (below(8)) {
		case 0:
			config_out(slot, 0x10 + 4 * bar, 4, any_bar(bar));
			break;
		case 1:
			config_out(slot, 4, 2, any() & 0x547);
			break;
		case 2:
			config_out(slot, d->msix + 2, 2, any());
			break;
		case 3:
			config_in(slot, below(256), any_size());
			break;
		case 4:
			config_out(slot, 0x60 + below(4), 1, any());
			break;
		case 5:
			out(0xcf8, 4, any());
			touch_port((u16)(0xcf8 + below(8)));
			break;
		default:
			config_out(slot, below(256), any_size(), any_value());
			break;
		}
	}
	restore_devices();
	say("garbage: pci");
}

/* --- memory ----------------------------------------------------------------
 */

void
phase_mmio(void)
{
	/* Local APIC: ID, TPR, EOI, LDR, DFR, SVR, ESR, LVTs, timer. */
	static const u16 lapic[] = { 0x20, 0x80, 0xb0, 0xd0, 0xe0, 0xf0, 0x280,
		0x310, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x3e0 };

	for (u32 i = 0; i < 4000; i++) {
		const struct device *d = &device[below(devices)];
		u32 at;

		switch (below(6)) {
		case 0:
			at = 0xfee00000 + lapic[below(COUNT(lapic))];
			mmio_write(at, 4, harmless_vector(any_value()));
			break;
		case 1:
			mmio_read(0xfee00000 + (below(0x400) & ~3U), 4);
			break;
		case 2:
			mmio_write(0xfec00000, 4, below(256));
			mmio_write(0xfec00010, 4, harmless_vector(any_value()));
			mmio_read(0xfec00010, 4);
			break;
		case 3:
			at = 0x2000000 + any() % 0xee000000;
			mmio_write(at, any_size(), any_value());
			mmio_read(at, any_size());
			break;
		default:
			at = d->table + below(below(2) ? 64 : 0x1000 - 4);
			mmio_write(at, any_size(), harmless_vector(any()));
			mmio_read(at, any_size());
			break;
		}
	}
	mmio_write(0xfee00380, 4, 0);
	say("garbage: mmio");
}
