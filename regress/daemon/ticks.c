/* SPDX-License-Identifier: ISC */
/*
 * A guest that is moved: a multiboot kernel for 32-bit protected mode, without
 * any library, built by libmove.sh.  It counts the ticks of the
 * PIT (100 Hz) and of the LAPIC's timer (50 Hz), writes a record (record.h) to
 * its first disk at every fourth tick, and says five times a second
 *
 *     tick TICKS lapic TICKS steps STEPS flaws FLAWS
 *
 * A key typed is answered with "key " and the key.  At each tick it looks
 * whether registers, memory and time are as it left them; what is not is a bit
 * of FLAWS, below.  Its command line is "PAGES DIRTY": how many pages it fills
 * at 8 MiB, and how many of them it changes at each tick.
 *
 * Between ticks it halts.  No iret, which kvm_pvm cannot emulate here: an
 * interrupt's frame is thrown away, since all of them come at the one hlt.
 */
#include "../lib/record.h"
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
void put_state(void);

enum flaw {
	FLAW_REGISTER = 1,
	FLAW_DEBUG = 2, /* DR0, CR2 */
	FLAW_MSR = 4,
	FLAW_XMM = 8,
	FLAW_MEMORY = 16,
	FLAW_TSC = 32,
	FLAW_DISK = 64,
	FLAW_TRAP = 128,
};

#define LAPIC 0xfee00000U
#define PIT_VECTOR 0x20
#define LAPIC_VECTOR 0x40
#define LAPIC_IRR (LAPIC + 0x200 + LAPIC_VECTOR / 32 * 0x10)
#define VECTORS 0x41
#define PAGES_AT 0x800000U
#define PAGES_MAX 5120

static u32 ticks, lapic_ticks, steps, flaws, clashed;

/* --- the console -----------------------------------------------------------
 */

static void
put(const char *text)
{
	for (; *text != '\0'; text++) {
		while (!(in(UART + 5, 1) & 0x20))
			continue;
		out(UART, 1, (u8)*text);
	}
}

static void
put_number(u32 v)
{
	char digits[11], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	put(p);
}

void
put_state(void)
{
	put("tick ");
	put_number(ticks);
	put(" lapic ");
	put_number(lapic_ticks);
	put(" steps ");
	put_number(steps);
	put(" flaws ");
	put_number(flaws);
	put(clashed ? " clash\r\n" : "\r\n");
}

static void
put_key(void)
{
	char text[] = "key ?\r\n";

	if (!(in(UART + 5, 1) & 1))
		return;
	text[4] = (char)in(UART, 1);
	put(text);
}

/* --- interrupts ------------------------------------------------------------
 */

/*
 * Halts until an interrupt; its vector, and in *kept whether the registers that
 * a halt must keep were kept.
 */
__asm__(".globl halt\n"
	"halt: push %ebx; push %esi; push %edi; push %ebp\n"
	"mov $0x11223344, %ebx; mov $0x55667788, %esi\n"
	"mov $0x99aabbcc, %edi; mov $0xddeeff01, %ebp\n"
	"mov $0x13579bdf, %ecx; mov $0x2468ace0, %edx\n"
	"sti; hlt; cli\n"
	"push $0; push $0; push $0; push $0\n"
	"woken: pop %eax; add $12, %esp\n"
	"cmp $0x11223344, %ebx; jne 2f; cmp $0x55667788, %esi; jne 2f\n"
	"cmp $0x99aabbcc, %edi; jne 2f; cmp $0xddeeff01, %ebp; jne 2f\n"
	"cmp $0x13579bdf, %ecx; jne 2f; cmp $0x2468ace0, %edx; jne 2f\n"
	"mov $1, %edx; jmp 3f\n"
	"2: mov $0, %edx\n"
	"3: pop %ebp; pop %edi; pop %esi; pop %ebx\n"
	"mov 4(%esp), %ecx; mov %edx, (%ecx); ret\n"
	"on_pit: push $0x20; jmp woken\n"
	"on_lapic: push $0x40; jmp woken\n"
	"on_trap: orl $128, flaws; call put_state; cli; hlt\n");
u32 halt(u32 *kept);
void on_pit(void);
void on_lapic(void);
void on_trap(void);

static struct {
	u16 low, selector, type, high;
} idt[VECTORS];

static void
set_gate(u32 vector, void (*handler)(void))
{
	u32 at = (u32)handler;

	idt[vector].low = (u16)at;
	idt[vector].selector = 8;
	idt[vector].type = 0x8e00;
	idt[vector].high = (u16)(at >> 16);
}

static void
set_tables(void)
{
	static u64 gdt[] = { 0, 0x00cf9b000000ffffULL, 0x00cf93000000ffffULL };
	struct __attribute__((packed)) {
		u16 limit;
		u32 base;
	} gdtr = { sizeof(gdt) - 1, (u32)gdt },
	  idtr = { sizeof(idt) - 1, (u32)idt };

	for (u32 i = 0; i < VECTORS; i++)
		set_gate(i, on_trap);
	set_gate(PIT_VECTOR, on_pit);
	set_gate(LAPIC_VECTOR, on_lapic);
	__asm__ volatile("lgdt %0; lidt %1; ljmp $8, $1f; 1:\n"
			 "mov %2, %%ds; mov %2, %%es; mov %2, %%ss"
			 :
			 : "m"(gdtr), "m"(idtr), "r"(16)
			 : "memory");
}

static void
start_timers(void)
{
	static const u8 pic[][2] = { { 0x20, 0x11 }, { 0xa0, 0x11 },
		{ 0x21, PIT_VECTOR }, { 0xa1, 0x28 }, { 0x21, 4 }, { 0xa1, 2 },
		{ 0x21, 1 }, { 0xa1, 1 }, { 0x21, 0xfe }, { 0xa1, 0xff },
		/* channel 0, rate generator, 1193182 Hz / 11932 */
		{ 0x43, 0x34 }, { 0x40, 0x9c }, { 0x40, 0x2e } };

	for (u32 i = 0; i < COUNT(pic); i++)
		out(pic[i][0], 1, pic[i][1]);
	mmio_write(LAPIC + 0xf0, 4, 0x1ff);
	mmio_write(LAPIC + 0x350, 4, 0x700); /* LINT0: the PICs */
	mmio_write(LAPIC + 0x3e0, 4, 3); /* 1 GHz / 16 */
	mmio_write(LAPIC + 0x320, 4, 0x20000 | LAPIC_VECTOR);
	mmio_write(LAPIC + 0x380, 4, 1250000);
}

static u32
next_interrupt(void)
{
	u32 kept, vector = halt(&kept);

	if (!kept)
		flaws |= FLAW_REGISTER;
	if (vector == LAPIC_VECTOR) {
		lapic_ticks++;
		mmio_write(LAPIC + 0xb0, 4, 0);
	}
	return vector;
}

/* To the next tick of the PIT.  One that has too much to do between two finds
 * the next one pending, which comes before the LAPIC's: that has its turn while
 * the PICs wait for their EOI. */
static void
next_tick(void)
{
	while (next_interrupt() != PIT_VECTOR)
		continue;
	if (mmio_read(LAPIC_IRR, 4) & 1U << LAPIC_VECTOR % 32)
		next_interrupt();
	ticks++;
	out(0x20, 1, 0x20);
}

/* --- what must stay as it is -----------------------------------------------
 */

#define LSTAR 0xc0000082U
#define LSTAR_VALUE 0xffff8123456789abULL

static u8 xmm[2][512] __attribute__((aligned(16)));

static u64
tsc(void)
{
	u64 v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

static void
set_registers(void)
{
	u32 v;

	__asm__ volatile("mov %0, %%dr0" : : "r"(0x12345678));
	__asm__ volatile("mov %0, %%cr2" : : "r"(0x87654321));
	__asm__ volatile("wrmsr" : : "c"(LSTAR), "A"(LSTAR_VALUE));
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	__asm__ volatile("mov %0, %%cr4" : : "r"(v | 0x600)); /* OSFXSR */
	__asm__ volatile("fxsave %0" : "=m"(xmm[0]));
	for (u32 i = 160; i < 288; i++) /* XMM0 to XMM7 */
		xmm[0][i] = (u8)(i * 37);
	__asm__ volatile("fxrstor %0" : : "m"(xmm[0]));
}

static void
check_registers(void)
{
	static u64 then;
	u64 now = tsc(), msr;
	u32 a, b;

	if (now < then)
		flaws |= FLAW_TSC;
	then = now;
	__asm__ volatile("mov %%dr0, %0" : "=r"(a));
	__asm__ volatile("mov %%cr2, %0" : "=r"(b));
	if (a != 0x12345678 || b != 0x87654321)
		flaws |= FLAW_DEBUG;
	__asm__ volatile("rdmsr" : "=A"(msr) : "c"(LSTAR));
	if (msr != LSTAR_VALUE)
		flaws |= FLAW_MSR;
	__asm__ volatile("fxsave %0" : "=m"(xmm[1]));
	for (u32 i = 160; i < 288; i += 4)
		if (*(u32 *)(xmm[1] + i) != *(u32 *)(xmm[0] + i))
			flaws |= FLAW_XMM;
}

static u32 generation[PAGES_MAX], pages, dirty, next_page;

static u32
page_word(u32 page)
{
	return (page + 1) * 2654435761U ^ generation[page] * 40503U;
}

static void
fill_pages(void)
{
	for (u32 i = 0; i < pages; i++)
		*(u32 *)(PAGES_AT + i * 4096) = page_word(i);
}

/* The next `dirty` pages are as they were, and change. */
static void
change_pages(void)
{
	for (u32 i = 0; i < dirty && pages > 0; i++) {
		u32 *at = (u32 *)(PAGES_AT + next_page * 4096);

		if (*at != page_word(next_page))
			flaws |= FLAW_MEMORY;
		generation[next_page]++;
		*at = page_word(next_page);
		next_page = (next_page + 1) % pages;
	}
}

/* --- the disk --------------------------------------------------------------
 */

static struct {
	struct {
		u64 addr;
		u32 len;
		u16 flags, next;
	} desc[4];
	u16 avail[2 + 4];
	u16 pad[1];
	struct {
		u16 flags, idx;
		u32 elem[8];
	} used __attribute__((aligned(4)));
} ring __attribute__((aligned(4096)));
static struct {
	u32 type, zero, sector[2];
} head;
static struct record record, there;
static volatile u8 status;
static u32 io; /* the disk's; 0: there is none */

static u32
config(u32 slot, u32 reg)
{
	out(0xcf8, 4, 0x80000000U | slot << 11 | reg);
	return in(0xcfc, 4);
}

static void
disk_init(void)
{
	const u32 at[] = { (u32)ring.desc, (u32)ring.avail, (u32)&ring.used };
	u32 slot;

	for (slot = 0; slot < 32 && config(slot, 0) != 0x10421af4; slot++)
		continue;
	if (slot == 32)
		return;
	io = config(slot, 0x10) & ~3U;
	out(0xcf8, 4, 0x80000004U | slot << 11);
	out(0xcfc, 2, 7);
	out((u16)(io + 20), 1, 0);
	out((u16)(io + 20), 1, 3);
	out((u16)(io + 8), 4, 1); /* only VIRTIO_F_VERSION_1 */
	out((u16)(io + 12), 4, 1);
	out((u16)(io + 8), 4, 0);
	out((u16)(io + 12), 4, 0);
	out((u16)(io + 20), 1, 11);
	out((u16)(io + 22), 2, 0);
	out((u16)(io + 24), 2, 4);
	out((u16)(io + 26), 2, 0xffff);
	for (u32 i = 0; i < 3; i++) {
		out((u16)(io + 32 + 8 * i), 4, at[i]);
		out((u16)(io + 36 + 8 * i), 4, 0);
	}
	out((u16)(io + 28), 2, 1);
	out((u16)(io + 20), 1, 15);
	ring.avail[0] = 1; /* no interrupts: each tick looks */
}

static void
disk_submit(u32 type, u32 sector, struct record *data)
{
	head.type = type;
	head.sector[0] = sector;
	status = 0xff;
	ring.desc[0].addr = (u32)&head;
	ring.desc[0].len = 16;
	ring.desc[0].flags = 1;
	ring.desc[0].next = 1;
	ring.desc[1].addr = (u32)data;
	ring.desc[1].len = RECORD_SIZE;
	ring.desc[1].flags = (u16)(type == 0 ? 3 : 1);
	ring.desc[1].next = 2;
	ring.desc[2].addr = (u32)&status;
	ring.desc[2].len = 1;
	ring.desc[2].flags = 2;
	ring.avail[2 + (ring.avail[1] & 3)] = 0;
	__asm__ volatile("" : : : "memory");
	ring.avail[1]++;
	__asm__ volatile("" : : : "memory");
	out((u16)(io + 0x100), 2, 0);
}

static u32
disk_is_done(void)
{
	__asm__ volatile("" : : : "memory");
	if (ring.used.idx != ring.avail[1])
		return 0;
	if (status != 0)
		flaws |= FLAW_DISK;
	return 1;
}

static void
make_record(void)
{
	static u32 last;
	u64 now = tsc();

	record.step = steps;
	record.time[0] = (u32)now;
	record.time[1] = (u32)(now >> 32);
	record.ticks[0] = ticks;
	record.ticks[1] = lapic_ticks;
	record.flaws = flaws;
	record_seal(&record, last);
	last = record.sum;
}

/* Reads the sector of the next step, which must be free, then writes it. */
static void
disk_step(void)
{
	static enum { IDLE, READING, WRITING, CLASHED } at;

	if (at == IDLE && ticks % 4 == 0) {
		disk_submit(0, steps + 1, &there);
		at = READING;
	} else if (at == READING && disk_is_done()) {
		if (there.magic == 0 && there.sum == 0) {
			make_record();
			disk_submit(1, steps + 1, &record);
			at = WRITING;
			return;
		}
		clashed = 1;
		record.step = steps;
		record.magic = RECORD_CLASH;
		disk_submit(1, 0, &record);
		at = CLASHED;
	} else if (at == WRITING && disk_is_done()) {
		steps++;
		at = IDLE;
	}
}

/* --- all -------------------------------------------------------------------
 */

static u32
number(const char **words)
{
	u32 v = 0;

	while (**words == ' ')
		(*words)++;
	for (; **words >= '0' && **words <= '9'; (*words)++)
		v = v * 10 + (u32)(**words - '0');
	return v;
}

void
guest(const u32 *info)
{
	const char *words = (const char *)info[4];

	pages = number(&words);
	pages = pages > PAGES_MAX ? PAGES_MAX : pages;
	dirty = number(&words);
	set_tables();
	set_registers();
	fill_pages();
	disk_init();
	put("up\r\n");
	start_timers();
	for (;;) {
		next_tick();
		check_registers();
		change_pages();
		if (io != 0)
			disk_step();
		put_key();
		if (ticks % 20 == 0)
			put_state();
	}
}
