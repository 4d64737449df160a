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
#include "garbage.h"

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

void guest(const u32 *info);

/* --- chance ----------------------------------------------------------------
 */

static u32 seed;

/* xorshift32 */
u32
any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

u32
below(u32 n)
{
	return (any() >> 4) % n;
}

u32
any_size(void)
{
	return 1U << below(3);
}

u32
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
u64
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

void
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

void
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

/* MSI data or a local vector: fixed delivery, neither NMI, SMI nor INIT. */
u32
harmless_vector(u32 v)
{
	return v & ~0x700U;
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

/* --- the rest --------------------------------------------------------------
 */

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
