/* SPDX-License-Identifier: ISC */
/*
 * A guest that writes garbage everywhere: a multiboot kernel for 32-bit
 * protected mode, without any library, built and run by garbage.sh.  Its
 * command line is "SEED PHASE ...", one letter a phase; each ends with a line
 * on the console.
 *
 * Interrupts stay off and it never asks for a reset: what would switch the
 * machine off is masked out of what it writes (harmless()), and so are NMIs and
 * INITs, which end a guest that has no handlers.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

__asm__(".section .text.startup, \"ax\"\n"
	".align 4\n"
	".long 0x1badb002, 0, -0x1badb002\n"
	".globl _start\n"
	"_start: mov $stack_end, %esp\n"
	"push %ebx\n"
	"call guest\n"
	"1: cli; hlt; jmp 1b\n"
	".bss\n"
	".lcomm stack, 16384\n"
	".set stack_end, stack + 16384\n"
	".text\n");

#define UART 0x3f8
#define SCRATCH 0x400000U /* what devices may write, */
#define SCRATCH_END 0x1c00000U /* in a guest of 32 MiB */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void guest(const u32 *info);

/* --- instructions ----------------------------------------------------------
 */

static u32
in(u16 port, u32 size)
{
	u32 v = 0;

	if (size == 1)
		__asm__ volatile("inb %1, %b0" : "+a"(v) : "Nd"(port));
	else if (size == 2)
		__asm__ volatile("inw %1, %w0" : "+a"(v) : "Nd"(port));
	else
		__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void
out(u16 port, u32 size, u32 v)
{
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(v), "Nd"(port));
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(v), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static void
in_string(u16 port, u32 size, void *to, u32 n)
{
	if (size == 1)
		__asm__ volatile("cld; rep insb"
				 : "+D"(to), "+c"(n)
				 : "d"(port)
				 : "memory");
	else if (size == 2)
		__asm__ volatile("cld; rep insw"
				 : "+D"(to), "+c"(n)
				 : "d"(port)
				 : "memory");
	else
		__asm__ volatile("cld; rep insl"
				 : "+D"(to), "+c"(n)
				 : "d"(port)
				 : "memory");
}

static void
out_string(u16 port, u32 size, const void *from, u32 n)
{
	if (size == 1)
		__asm__ volatile("cld; rep outsb"
				 : "+S"(from), "+c"(n)
				 : "d"(port)
				 : "memory");
	else if (size == 2)
		__asm__ volatile("cld; rep outsw"
				 : "+S"(from), "+c"(n)
				 : "d"(port)
				 : "memory");
	else
		__asm__ volatile("cld; rep outsl"
				 : "+S"(from), "+c"(n)
				 : "d"(port)
				 : "memory");
}

static u32
mmio_read(u32 addr, u32 size)
{
	if (size == 1)
		return *(volatile u8 *)addr;
	if (size == 2)
		return *(volatile u16 *)addr;
	return *(volatile u32 *)addr;
}

static void
mmio_write(u32 addr, u32 size, u32 v)
{
	if (size == 1)
		*(volatile u8 *)addr = (u8)v;
	else if (size == 2)
		*(volatile u16 *)addr = (u16)v;
	else
		*(volatile u32 *)addr = v;
}

/* --- chance ----------------------------------------------------------------
 */

static u32 seed;

/* xorshift32 */
static u32
any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static u32
below(u32 n)
{
	return (any() >> 4) % n;
}

static u32
any_size(void)
{
	return 1U << below(3);
}

static u32
any_value(void)
{
	switch (below(8)) {
	case 0:
		return 0;
	case 1:
		return ~0U;
	case 2:
		return below(256);
	case 3:
		return 1U << below(32);
	case 4:
		return SCRATCH + below(SCRATCH_END - SCRATCH);
	default:
		return any();
	}
}

/* In RAM that nothing needs, at its ends, or where there is none. */
static u64
any_address(void)
{
	static const u32 edges[] = { 0x1ffffff, 0x2000000, 0xfec00000,
		0xfee00000, 0xfffc0000, 0xfffffffc, 0xc0000000, 0xfe000000 };

	switch (below(12)) {
	case 0:
		return edges[below(COUNT(edges))];
	case 1:
		return (u64)any() << 32 | any();
	case 2:
		return ~0ULL - below(64);
	default:
		return SCRATCH + (below(SCRATCH_END - SCRATCH) & ~15U);
	}
}

/* --- the console -----------------------------------------------------------
 */

static void
say(const char *text)
{
	out(UART + 3, 1, 0x03);
	out(UART + 4, 1, 0x03);
	out(UART + 1, 1, 0);
	out(UART, 1, '\r');
	out(UART, 1, '\n');
	while (*text != '\0')
		out(UART, 1, (u8)*text++);
	out(UART, 1, '\r');
	out(UART, 1, '\n');
}

/* --- ports -----------------------------------------------------------------
 */

static u32
swap(u32 v)
{
	return __builtin_bswap32(v);
}

/* What a byte may be that is written to a port that can end the machine. */
static u8
harmless_byte(u16 port, u8 v)
{
	switch (port) {
	case 0x605: /* PM1 control: SLP_EN */
		return v & 0xdf;
	case 0x60c: /* reset register */
		return v & 0xfe;
	case 0xcf9:
		return v & 0xfb;
	case 0x92:
		return v & 0xfe;
	case 0x64: /* pulse of the reset line, write to the output port */
		return (v & 0xf0) == 0xf0 ? 0xff : v & 0xfe;
	default:
		return v;
	}
}

static u32
harmless(u16 port, u32 size, u32 v)
{
	u32 safe = 0, dma;

	for (u32 i = 0; i < size; i++)
		safe |= (u32)harmless_byte((u16)(port + i), (u8)(v >> 8 * i))
		    << 8 * i;
	/* A DMA request of fw_cfg in this program would overwrite it. */
	dma = swap(safe);
	if (port == 0x518 && dma < SCRATCH)
		safe = swap(dma + SCRATCH);
	return safe;
}

static u8 buffer[4096] __attribute__((aligned(16)));

static void
touch_port(u16 port)
{
	u32 size = any_size(), n = 1 + below(below(16) == 0 ? 1024 : 16);

	switch (below(8)) {
	case 0:
		in_string(port, size, buffer, n);
		break;
	case 1:
		if (n > 64)
			n = 64;
		for (u32 i = 0; i < n; i++) {
			u32 v = harmless(port, size, any_value());

			for (u32 j = 0; j < size; j++)
				buffer[i * size + j] = (u8)(v >> 8 * j);
		}
		out_string(port, size, buffer, n);
		break;
	case 2:
	case 3:
		in(port, size);
		break;
	default:
		out(port, size, harmless(port, size, any_value()));
		break;
	}
}

static const struct {
	u16 first, last;
} chips[] = {
	{ 0x3f8, 0x3ff }, /* UART */
	{ 0x70, 0x71 }, /* RTC */
	{ 0x60, 0x64 }, /* keyboard controller */
	{ 0x80, 0x92 },
	{ 0x402, 0x402 },
	{ 0x510, 0x51b }, /* fw_cfg */
	{ 0x600, 0x60f }, /* ACPI */
	{ 0xcf8, 0xcff },
	{ 0x20, 0x21 }, /* KVM's own: PICs, PIT */
	{ 0xa0, 0xa1 },
	{ 0x40, 0x43 },
	{ 0x61, 0x61 },
	{ 0x4d0, 0x4d1 },
	{ 0, 0xffff },
};

static void
phase_chips(void)
{
	for (u32 i = 0; i < 6000; i++) {
		u32 c = below(COUNT(chips));
		u32 n = (u32)chips[c].last - chips[c].first + 1;

		/* Three before the range to its last port. */
		touch_port((u16)(chips[c].first + below(n + 3) - 3));
	}
	say("garbage: chips");
}

/* --- DMA of fw_cfg ---------------------------------------------------------
 */

struct dma {
	u32 control, length;
	u64 address;
};

static void
phase_dma(void)
{
	static const u32 lengths[] = { 0, 1, 0xfff, 0x1000, 0x100000, 0x1000000,
		0x1000001, 0x7fffffff, 0xffffffff };

	for (u32 i = 0; i < 1500; i++) {
		u64 at = any_address() + below(16);
		u64 to = below(4) == 0 ? at - below(16) : any_address();
		u32 len =
		    below(2) ? below(4096) : lengths[below(COUNT(lengths))];
		struct dma *d = (struct dma *)(u32)at;

		if (at >= SCRATCH && at < SCRATCH_END) {
			d->control = swap((below(64)) | below(48) << 16);
			d->length = swap(len);
			d->address =
			    (u64)swap((u32)to) << 32 | swap((u32)(to >> 32));
		}
		out(0x514, 4, swap((u32)(at >> 32)));
		out(0x518, 4, swap((u32)at));
	}
	say("garbage: dma");
}

/* --- PCI -------------------------------------------------------------------
 */

static u32
config_in(u32 slot, u32 reg, u32 size)
{
	out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	return in((u16)(0xcfc + (reg & 3)), size);
}

static void
config_out(u32 slot, u32 reg, u32 size, u32 v)
{
	out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	out((u16)(0xcfc + (reg & 3)), size, v);
}

#define SLOTS 8
static struct device {
	u32 slot, id, io, table, msix, window;
} device[SLOTS];
static u32 devices;

static void
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
static void
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

static void
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

/* MSI data or a local vector: fixed delivery, neither NMI, SMI nor INIT. */
static u32
harmless_vector(u32 v)
{
	return v & ~0x700U;
}

static void
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

/* --- virtio ----------------------------------------------------------------
 */

#define STATUS 20
static void
reset_device(const struct device *d)
{
	out((u16)(d->io + STATUS), 1, 0);
	for (u32 i = 0; i < 20000 && in((u16)(d->io + STATUS), 1) != 0; i++)
		continue;
}

static void
touch_window(const struct device *d)
{
	config_out(d->slot, d->window + 4, 1, below(8) ? below(2) : any());
	config_out(d->slot, d->window + 8, 4, below(4) ? below(0x410) : any());
	config_out(d->slot, d->window + 12, 4, below(4) ? any_size() : any());
	if (below(2))
		config_in(d->slot, d->window + 16, any_size());
	else
		config_out(d->slot, d->window + 16, any_size(),
		    harmless_vector(any_value()));
}

static void
phase_registers(void)
{
	for (u32 i = 0; i < 8000; i++) {
		const struct device *d = &device[below(devices)];

		switch (below(8)) {
		case 0:
			touch_window(d);
			break;
		case 1:
			out((u16)(d->io + STATUS), 1, any());
			break;
		case 2:
			out((u16)(d->io + 0x100 + below(16)), any_size(),
			    any());
			break;
		case 3:
			touch_port((u16)(d->io + 0x200 + below(0x200)));
			break;
		case 4:
			out((u16)(d->io + 22), 2, below(4));
			out((u16)(d->io + 24 + 2 * below(4)), 2,
			    below(2) ? any() : 1);
			break;
		default:
			touch_port((u16)(d->io + below(0x3c)));
			break;
		}
	}
	for (u32 i = 0; i < devices; i++)
		reset_device(&device[i]);
	say("garbage: registers");
}

/* --- rings -----------------------------------------------------------------
 */

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	struct desc *desc;
	u16 *avail;
	u32 size;
};

static void
any_desc(struct desc *d, u32 size)
{
	d->addr = any_address();
	d->len = below(4) ? 1 + below(4096) : any_value();
	d->flags = (u16)(below(4) ? below(4) : any());
	d->next = (u16)(below(16) ? below(size) : any());
	/* What a request of a disk begins with: kind, sector. */
	if (d->addr < SCRATCH_END && d->addr >= SCRATCH) {
		u32 *header = (u32 *)(u32)d->addr;

		header[0] = below(4) ? below(2) : below(16);
		header[1] = 0;
		header[2] = below(9000);
		header[3] = below(32) == 0;
	}
}

/* Header, data, status: what a disk takes. */
static void
good_chain(struct ring *r)
{
	for (u32 i = 0; i < 3; i++) {
		any_desc(&r->desc[i], r->size);
		r->desc[i].addr = SCRATCH + 0x100000 + i * 0x10000;
		r->desc[i].len = i == 0 ? 16
		    : i == 1		? 512 * (1 + below(64))
					: 1;
		r->desc[i].flags = (u16)((i < 2) |
		    (i > 0 ? below(4) != 0 || i == 2 ? 2 : 0 : 0));
		r->desc[i].next = (u16)(i + 1);
	}
	r->avail[2 + r->avail[1] % r->size] = 0;
	r->avail[1]++;
}

static void
set_queue(const struct device *d, struct ring *r, u32 n)
{
	u64 address[3];

	out((u16)(d->io + 22), 2, n);
	r->size = 1U << below(8);
	out((u16)(d->io + 24), 2, r->size);
	r->size = in((u16)(d->io + 24), 2);
	if (r->size == 0)
		r->size = 1;
	out((u16)(d->io + 26), 2, below(4));
	for (u32 i = 0; i < 3; i++) {
		address[i] = SCRATCH + 0x800000 + n * 0x40000 + i * 0x10000;
		if (below(24) == 0)
			address[i] = any_address() + below(3);
	}
	r->desc = (struct desc *)(u32)(SCRATCH + 0x800000 + n * 0x40000);
	r->avail = (u16 *)((u32)r->desc + 0x10000);
	if (below(8) != 0)
		r->avail[0] = r->avail[1] = 0;
	for (u32 i = 0; i < 6; i++)
		out((u16)(d->io + 32 + 4 * i), 4,
		    (u32)(address[i / 2] >> 32 * (i & 1)));
	for (u32 i = 0; i < r->size; i++)
		any_desc(&r->desc[i], r->size);
	out((u16)(d->io + 28), 2, 1);
}

/* Status and features, of which any may be missing. */
static void
negotiate(const struct device *d)
{
	u32 offered, mask = below(3) ? ~0U : any();

	reset_device(d);
	out((u16)(d->io + STATUS), 1, 3);
	out((u16)d->io, 4, 0);
	offered = in((u16)(d->io + 4), 4);
	out((u16)(d->io + 8), 4, 0);
	out((u16)(d->io + 12), 4, offered & mask);
	out((u16)(d->io + 8), 4, 1);
	out((u16)(d->io + 12), 4, below(16) != 0);
	out((u16)(d->io + STATUS), 1, 11);
}

static void
use_rings(const struct device *d, struct ring *r, u32 queues)
{
	for (u32 i = 0; i < 12; i++) {
		u32 n = below(queues), k = below(4);

		if (k == 0)
			good_chain(&r[n]);
		else if (k == 1)
			any_desc(&r[n].desc[below(r[n].size)], r[n].size);
		else if (k == 2 && below(4) == 0)
			r[n].avail[1] = (u16)any();
		else {
			r[n].avail[2 + r[n].avail[1] % r[n].size] =
			    (u16)(below(16) ? below(r[n].size) : any());
			r[n].avail[1]++;
		}
		out((u16)(d->io + 0x100 + 4 * n), 2, n);
		if (below(4) == 0)
			in((u16)(d->io + 0x200), 1);
		if (below(24) == 0)
			out((u16)(d->io + STATUS), 1, 0);
	}
}

static void
phase_rings(void)
{
	for (u32 i = 0; i < 240; i++) {
		const struct device *d = &device[i % devices];
		u32 queues = d->id == 1 ? 2 : 1;
		struct ring r[2];

		config_out(d->slot, d->msix + 2, 2, any());
		negotiate(d);
		for (u32 n = 0; n < queues; n++)
			set_queue(d, &r[n], n);
		out((u16)(d->io + STATUS), 1, 15);
		use_rings(d, r, queues);
	}
	for (u32 i = 0; i < devices; i++)
		reset_device(&device[i]);
	say("garbage: rings");
}

/* One device broken and reset as fast as it goes: a line each, if unlimited. */
static void
phase_break(void)
{
	for (u32 i = 0; i < 240; i++) {
		const struct device *d = &device[i % devices];
		struct ring r;

		reset_device(d);
		out((u16)(d->io + STATUS), 1, 3);
		out((u16)(d->io + 8), 4, 1);
		out((u16)(d->io + 12), 4, 1);
		out((u16)(d->io + STATUS), 1, 11);
		set_queue(d, &r, 0);
		r.avail[1] = 0x5555;
		out((u16)(d->io + STATUS), 1, 15);
		out((u16)(d->io + 0x100), 2, 0);
		for (u32 k = 0;
		     k < 200 && !(in((u16)(d->io + STATUS), 1) & 0x40); k++)
			continue;
	}
	say("garbage: broken");
}

/* Periodic interrupts at 8192 Hz, an alarm that never comes, and whoever asks
 * for it a thousand times at once; the interrupts stay unanswered. */
static void
phase_timers(void)
{
	static const u8 cells[][2] = { { 10, 0x23 }, { 1, 0x77 }, { 3, 0xff },
		{ 5, 0xff }, { 11, 0x72 } };

	for (u32 i = 0; i < COUNT(cells); i++) {
		out(0x70, 1, cells[i][0]);
		out(0x71, 1, cells[i][1]);
	}
	out(0x70, 1, 12);
	for (u32 i = 0; i < 16; i++)
		in_string(0x71, 1, buffer, 4096);
	out(0x602, 2, 0x721);
	for (u32 i = 0; i < 2000; i++)
		in(0x608, 4);
	say("garbage: timers");
}

static void
phase_flood(void)
{
	for (u32 i = 0; i < sizeof(buffer); i++)
		buffer[i] = (u8)(i % 64 == 63 ? '\n' : '0' + i % 10);
	for (u32 i = 0; i < 24; i++)
		out_string(UART, 1, buffer, sizeof(buffer));
	say("garbage: flood");
}

static const struct {
	char letter;
	void (*run)(void);
} phases[] = {
	{ 'c', phase_chips },
	{ 'd', phase_dma },
	{ 'p', phase_pci },
	{ 'm', phase_mmio },
	{ 'v', phase_registers },
	{ 'r', phase_rings },
	{ 'b', phase_break },
	{ 't', phase_timers },
	{ 'f', phase_flood },
};

static void
run_phase(char letter)
{
	for (u32 i = 0; i < COUNT(phases); i++)
		if (phases[i].letter == letter)
			phases[i].run();
}

void
guest(const u32 *info)
{
	const char *words = (const char *)info[4], *digits;

	/* After the name of the kernel. */
	for (digits = words; *digits != '\0'; digits++)
		if (*digits == ' ' && digits[1] >= '0' && digits[1] <= '9')
			words = digits + 1;
	for (; *words >= '0' && *words <= '9'; words++)
		seed = seed * 10 + (u32)(*words - '0');
	seed = seed * 2654435761U | 1;
	find_devices();
	restore_devices();
	say("garbage: begins");
	for (; *words != '\0'; words++)
		run_phase(*words);
	say("garbage: done");
}
