/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the guest that writes garbage share; see garbage.c.
 */
#ifndef GARBAGE_H
#define GARBAGE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define UART 0x3f8
#define SCRATCH 0x400000U /* what devices may write, */
#define SCRATCH_END 0x1c00000U /* in a guest of 32 MiB */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- instructions ----------------------------------------------------------
 */

static inline u32
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

static inline void
out(u16 port, u32 size, u32 v)
{
	if (size == 1)
		__asm__ volatile("outb %b0, %1" : : "a"(v), "Nd"(port));
	else if (size == 2)
		__asm__ volatile("outw %w0, %1" : : "a"(v), "Nd"(port));
	else
		__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline void
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

static inline void
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

static inline u32
mmio_read(u32 addr, u32 size)
{
	if (size == 1)
		return *(volatile u8 *)(unsigned long)addr;
	if (size == 2)
		return *(volatile u16 *)(unsigned long)addr;
	return *(volatile u32 *)(unsigned long)addr;
}

static inline void
mmio_write(u32 addr, u32 size, u32 v)
{
	if (size == 1)
		*(volatile u8 *)(unsigned long)addr = (u8)v;
	else if (size == 2)
		*(volatile u16 *)(unsigned long)addr = (u16)v;
	else
		*(volatile u32 *)(unsigned long)addr = v;
}

/* --- garbage.c -------------------------------------------------------------
 */

u32 any(void);
u32 below(u32 n); /* less than n */
u32 any_size(void); /* 1, 2 or 4 */
u32 any_value(void);
/* In RAM that nothing needs, at its ends, or where there is none. */
u64 any_address(void);
/* A line on the console. */
void say(const char *text);
/* MSI data or a local vector: fixed delivery, neither NMI, SMI nor INIT. */
u32 harmless_vector(u32 v);
/* Reads or writes once or as a string. */
void touch_port(u16 port);

/* --- garbage_pci.c ---------------------------------------------------------
 */

#define SLOTS 8
struct device {
	u32 slot, id; /* id: virtio's */
	u32 io, table; /* BARs */
	u32 msix, window; /* capabilities */
};
extern struct device device[SLOTS];
extern u32 devices;

u32 config_in(u32 slot, u32 reg, u32 size);
void config_out(u32 slot, u32 reg, u32 size, u32 v);
void find_devices(void);
/* BARs back to where they can be used. */
void restore_devices(void);
void phase_pci(void);
void phase_mmio(void);

/* --- garbage_virtio.c ------------------------------------------------------
 */

void phase_registers(void);
void phase_rings(void);
void phase_break(void);

#endif /* GARBAGE_H */
