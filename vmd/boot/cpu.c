/* SPDX-License-Identifier: ISC */
/*
 * The boot processor's state at a kernel's entry: 32-bit protected mode (PVH,
 * multiboot, Linux's 32-bit protocol all ask for the same) and long mode with
 * an identity map (Linux's 64-bit protocol).  Part of load.h.
 */
#include "boot/load.h"

#include "boot/layout.h"
#include "boot/le.h"

#define CR0_PE 0x1ULL
#define CR0_ET 0x10ULL
#define CR0_PG 0x80000000ULL
#define CR4_PAE 0x20ULL
#define EFER_LME 0x100ULL
#define EFER_LMA 0x400ULL
#define RFLAGS_ONE 0x2ULL

/* Selectors as Linux's boot protocol has them. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TASK 0x20

#define ACCESS_CODE32 0xC09B /* execute and read, 32 bit, in pages */
#define ACCESS_CODE64 0xA09B
#define ACCESS_DATA 0xC093
#define ACCESS_TASK 0x008B /* busy TSS */

#define GDT_ENTRIES 5
#define PAGE_ENTRIES 512
#define PAGE_TABLE 0x1000
#define PTE_TABLE 0x3ULL /* present, writable */
#define PTE_2M 0x83ULL
#define DIRECTORIES 4 /* of 1 GiB each */

/* The descriptor (SDM 3, 3.4.5) of a flat segment of 4 GiB or a TSS. */
static uint64_t
gdt_entry(const struct boot_segment *segment)
{
	uint64_t limit =
	    segment->access & 0x8000 ? segment->limit >> 12 : segment->limit;

	return (limit & 0xffff) | (uint64_t)(segment->access & 0xff) << 40 |
	    (limit >> 16 & 0xf) << 48 |
	    (uint64_t)(segment->access >> 12 & 0xf) << 52;
}

static void
cpu_segments(struct load *load, uint32_t code_access)
{
	struct boot_cpu *cpu = &load->result->cpu;
	uint8_t *gdt = load_low(load, LAYOUT_GDT, GDT_ENTRIES * 8);

	cpu->code = (struct boot_segment) { .limit = UINT32_MAX,
		.access = code_access,
		.selector = SELECTOR_CODE };
	cpu->data = (struct boot_segment) { .limit = UINT32_MAX,
		.access = ACCESS_DATA,
		.selector = SELECTOR_DATA };
	cpu->task = (struct boot_segment) {
		.limit = 0x67, .access = ACCESS_TASK, .selector = SELECTOR_TASK
	};
	le64_put(gdt + SELECTOR_CODE, gdt_entry(&cpu->code));
	le64_put(gdt + SELECTOR_DATA, gdt_entry(&cpu->data));
	le64_put(gdt + SELECTOR_TASK, gdt_entry(&cpu->task));
	cpu->gdt_base = LAYOUT_GDT;
	cpu->gdt_limit = GDT_ENTRIES * 8 - 1;
	cpu->rflags = RFLAGS_ONE;
	cpu->rsp = LAYOUT_STACK;
}

void
load_cpu_protected(struct load *load, uint32_t entry)
{
	struct boot_cpu *cpu = &load->result->cpu;

	cpu_segments(load, ACCESS_CODE32);
	cpu->mode = BOOT_PROTECTED;
	cpu->rip = entry;
	cpu->cr0 = CR0_PE | CR0_ET;
}

void
load_cpu_long(struct load *load, uint64_t entry)
{
	struct boot_cpu *cpu = &load->result->cpu;
	uint8_t *pml4 =
	    load_low(load, LAYOUT_PAGE_TABLES, (2 + DIRECTORIES) * PAGE_TABLE);
	uint8_t *pdpt = pml4 + PAGE_TABLE, *directory = pdpt + PAGE_TABLE;
	unsigned int i;

	cpu_segments(load, ACCESS_CODE64);
	le64_put(pml4, (LAYOUT_PAGE_TABLES + PAGE_TABLE) | PTE_TABLE);
	for (i = 0; i < DIRECTORIES; i++)
		le64_put(pdpt + i * 8,
		    (LAYOUT_PAGE_TABLES + (2ULL + i) * PAGE_TABLE) | PTE_TABLE);
	for (i = 0; i < DIRECTORIES * PAGE_ENTRIES; i++)
		le64_put(directory + i * 8, (uint64_t)i << 21 | PTE_2M);
	cpu->mode = BOOT_LONG;
	cpu->rip = entry;
	cpu->cr0 = CR0_PG | CR0_PE | CR0_ET;
	cpu->cr3 = LAYOUT_PAGE_TABLES;
	cpu->cr4 = CR4_PAE;
	cpu->efer = EFER_LME | EFER_LMA;
}
