/* SPDX-License-Identifier: ISC */
/*
 * Where things are in the machine's address spaces: the one home of these
 * numbers for chips, PCI, boot loaders and ACPI tables.  dsdt.asl repeats some
 * of them; t_acpi checks that they agree.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

/* --- physical memory ------------------------------------------------------ */

#define LAYOUT_LOWMEM_END                                  \
	0xC0000000ULL /* RAM below 4 GiB ends here at most \
		       */
#define LAYOUT_HIGHMEM_START 0x100000000ULL /* and goes on here */
/* BARs: from the end of RAM's room to the IOAPIC.  The host bridge's _CRS. */
#define LAYOUT_MMIO_START 0xC0000000ULL
#define LAYOUT_MMIO_END 0xFEC00000ULL
#define LAYOUT_IOAPIC 0xFEC00000ULL
#define LAYOUT_LAPIC 0xFEE00000ULL

#define LAYOUT_EBDA 0x9FC00ULL /* 1 KiB below 640 KiB */
#define LAYOUT_VGA_HOLE 0xA0000ULL
/* RAM: option ROMs, and SeaBIOS's set-up code before them. */
#define LAYOUT_SHADOW 0xC0000ULL
#define LAYOUT_BIOS 0xE0000ULL /* RAM, reserved: ACPI or the BIOS copy */
#define LAYOUT_HIGH 0x100000ULL

/* What the loaders of kernels put below 1 MiB; free for the guest later. */
#define LAYOUT_GDT 0x0500ULL
#define LAYOUT_START_INFO 0x1000ULL /* PVH or multiboot information */
#define LAYOUT_START_INFO_END 0x7000ULL
#define LAYOUT_ZERO_PAGE 0x7000ULL /* Linux's struct boot_params */
#define LAYOUT_STACK 0x8ff0ULL /* grows down */
#define LAYOUT_PAGE_TABLES 0x9000ULL /* PML4, PDPT, four page directories */
#define LAYOUT_CMDLINE 0x20000ULL
#define LAYOUT_CMDLINE_MAX 0x1000 /* bytes with the NUL */
#define LAYOUT_ACPI                                              \
	0xE0000ULL /* tables of a kernel booted without firmware \
		    */
#define LAYOUT_ACPI_END 0xEF000ULL
#define LAYOUT_RSDP 0xF0000ULL

/*
 * The generation ID has a page of its own, reserved, whose address follows from
 * the machine: nobody need be told, or believed, where it is.  Firmware owns
 * what is below 1 MiB, so there the page is the last below 3 GiB; a machine
 * too small for firmware has none (0).
 */
#define LAYOUT_PAGE 0x1000ULL
#define LAYOUT_GENID 0xEF000ULL /* of a kernel booted without firmware */
#define LAYOUT_GENID_FIRMWARE(lowmem) \
	((lowmem) < 2 * LAYOUT_HIGH ? 0ULL : ((lowmem)-1) & ~(LAYOUT_PAGE - 1))

/* --- ports and interrupt lines -------------------------------------------- */

#define LAYOUT_UART_PORT 0x3f8
#define LAYOUT_UART_IRQ 4
#define LAYOUT_RTC_PORT 0x70
#define LAYOUT_RTC_IRQ 8
#define LAYOUT_FWCFG_PORT 0x510

/* ACPI fixed hardware: PM1a event +0 (4), control +4 (2), timer +8 (4), reset
 * register +0xc (1), general-purpose events 0-7 +0xe (status, enable). */
#define LAYOUT_PM_PORT 0x600
#define LAYOUT_PM_EVENT 0x0
#define LAYOUT_PM_CONTROL 0x4
#define LAYOUT_PM_TIMER 0x8
#define LAYOUT_PM_RESET 0xc
#define LAYOUT_PM_GPE 0xe
#define LAYOUT_PM_SIZE 0x10
#define LAYOUT_PM_RESET_VALUE 0x01
#define LAYOUT_SCI_IRQ 9 /* level, active high */
#define LAYOUT_S5_TYPE 5 /* SLP_TYP of S5 */
#define LAYOUT_GPE_SIZE 2
#define LAYOUT_GENID_GPE 5 /* \_GPE._E05 */

/* I/O BARs may lie here; the rest of the port space is the ISA bus's. */
#define LAYOUT_PCI_IO_START 0x1000
#define LAYOUT_PCI_IO_END 0x10000

/*
 * The GSI of pin INTA# of a slot on bus 0.  Both are ISA lines that PIC and
 * IOAPIC share, and the ones that SeaBIOS writes into interrupt line registers
 * (it also makes them level triggered), so that the same wiring serves guests
 * with and without ACPI.  Slots share them: whoever drives them must OR.
 */
#define LAYOUT_INTX_GSI(slot) ((((slot)-1) & 2) ? 11 : 10)
#define LAYOUT_PCI_SLOTS 32

#endif /* LAYOUT_H */
