/* SPDX-License-Identifier: ISC */
/*
 * The page-table walk in every mode, its rights and reserved bits, and tables
 * of random bits, which must end every walk within five reads.
 */
#include "../../libvmm/paging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define MEMORY 0x10000
#define PG (1ULL << 31)
#define WP (1ULL << 16)
#define PSE (1ULL << 4)
#define PAE (1ULL << 5)
#define LA57 (1ULL << 12)
#define SMEP (1ULL << 20)
#define SMAP (1ULL << 21)
#define LMA (1ULL << 10)
#define NXE (1ULL << 11)
#define NX (1ULL << 63)
#define P 1ULL
#define W 2ULL
#define U 4ULL
#define PS 0x80ULL

static uint8_t memory[MEMORY];
static struct paging_walk w;
static struct vm_fault fault;
static int reads;

static bool
read_entry(void *ctx, uint64_t gpa, void *entry, size_t len)
{
	(void)ctx;
	reads++;
	if (gpa > MEMORY - len)
		return false;
	memcpy(entry, memory + gpa, len);
	return true;
}

static void
put(uint64_t gpa, uint64_t entry)
{
	memcpy(memory + gpa, &entry, sizeof(entry));
}

static void
mode(uint64_t cr4, uint64_t efer)
{
	memset(memory, 0, sizeof(memory));
	w = (struct paging_walk) {
		.phys_bits = 40, .gbpages = true, .read = read_entry
	};
	w.paging.cr0 = PG | 1;
	w.paging.cr3 = 0x1000;
	w.paging.cr4 = cr4;
	w.paging.efer = efer;
}

/* The address, or the fault as vector << 56 | error code << 40. */
static uint64_t
at(uint64_t gla, int prot)
{
	uint64_t gpa = 0;

	if (paging_translate(&w, gla, prot, &gpa, &fault) == 0)
		return gpa;
	CHECK_EQ(errno, EFAULT);
	return (uint64_t)fault.vector << 56 | (uint64_t)fault.error_code << 40;
}

static uint64_t
rd(uint64_t gla)
{
	return at(gla, VMM_PROT_READ);
}

#define FAULT(v, code) ((uint64_t)(v) << 56 | (uint64_t)(code) << 40)

static void
test_none(void)
{
	mode(0, 0);
	w.paging.cr0 = 1;
	CHECK_EQ(rd(0x12345678), 0x12345678);
	CHECK_EQ(rd(0x112345678), 0x12345678);
}

static void
test_32(void)
{
	uint32_t pde = 0x2000 | P | W | U, pte = 0x7000 | P | W | U;
	uint32_t large = 0x00c00000 | (0x12U << 13) | PS | P, bad;

	mode(PSE, 0);
	memcpy(memory + 0x1000 + 4, &pde, 4);
	memcpy(memory + 0x2000 + 4 * 3, &pte, 4);
	memcpy(memory + 0x1000 + 4 * 1023, &large, 4);
	CHECK_EQ(rd(0x00403abc), 0x7abc);
	CHECK_EQ(rd(0x00404abc), FAULT(14, 0));
	CHECK_EQ(rd(0xffc12345), 0x1200c12345ULL);
	bad = large | 1U << 21;
	memcpy(memory + 0x1000 + 4 * 1023, &bad, 4);
	CHECK_EQ(rd(0xffc12345), FAULT(14, 9));
	/* With fewer address bits those above are reserved. */
	memcpy(memory + 0x1000 + 4 * 1023, &large, 4);
	w.phys_bits = 36;
	CHECK_EQ(rd(0xffc12345), FAULT(14, 9));
	/* Without PSE the bit says nothing: a table outside memory. */
	w.paging.cr4 = 0;
	CHECK_EQ(rd(0xffc12345), FAULT(0, 0));
}

static void
test_pae(void)
{
	mode(PAE, 0);
	w.paging.cr3 = 0x1020;
	put(0x1020 + 8 * 3, 0x2000 | P);
	put(0x2000 + 8, 0x3000 | P | W | U);
	put(0x2000 + 16, 0x40000000 | PS | P | W | U);
	put(0x3000 + 8 * 5, 0x8000 | P | W | U);
	CHECK_EQ(rd(0xc0205123), 0x8123);
	CHECK_EQ(rd(0xc0412345), 0x40012345);
	w.paging.cpl = 3;
	CHECK_EQ(at(0xc0205123, VMM_PROT_WRITE), 0x8123);
	CHECK_EQ(rd(0x00205123), FAULT(14, 4));
	put(0x1020 + 8 * 3, 0x2000 | P | W);
	CHECK_EQ(rd(0xc0205123), FAULT(14, 0xd));
	put(0x1020 + 8 * 3, 0x2000 | P);
	put(0x3000 + 8 * 5, 0x8000 | P | U | NX);
	CHECK_EQ(rd(0xc0205123), FAULT(14, 0xd));
	w.paging.efer = NXE;
	CHECK_EQ(rd(0xc0205123), 0x8123);
	CHECK_EQ(at(0xc0205123, VMM_PROT_EXEC), FAULT(14, 0x15));
}

static void
long_tables(void)
{
	mode(PAE, LMA | NXE);
	put(0x1000 + 8 * 511, 0x2000 | P | W | U);
	put(0x2000 + 8 * 1, 0x3000 | P | W | U);
	put(0x2000 + 8 * 2, 0x80000000 | PS | P | W | U);
	put(0x3000 + 8 * 4, 0x4000 | P | W | U);
	put(0x3000 + 8 * 6, 0x600000 | PS | P | W | U);
	put(0x4000 + 8 * 7, 0xabc000 | P | W | U);
}

#define TOP 0xffffff8000000000ULL
#define PAGE (TOP + 0x40000000 + 4 * 0x200000 + 7 * 0x1000)

static void
test_4_level(void)
{
	long_tables();
	CHECK_EQ(rd(PAGE + 0xfff), 0xabcfff);
	CHECK_EQ(rd(TOP + 0x40000000 + 6 * 0x200000 + 0x12345), 0x612345);
	CHECK_EQ(rd(TOP + 0x80000000 + 0x1234567), 0x81234567);
	CHECK_EQ(rd(PAGE & 0x0000ffffffffffffULL), FAULT(13, 0));
	w.gbpages = false;
	CHECK_EQ(rd(TOP + 0x80000000), FAULT(14, 9));
	put(0x3000 + 8 * 6, 0x601000 | PS | P);
	CHECK_EQ(rd(TOP + 0x40000000 + 6 * 0x200000), 0x600000);
	put(0x3000 + 8 * 6, 0x602000 | PS | P);
	CHECK_EQ(rd(TOP + 0x40000000 + 6 * 0x200000), FAULT(14, 9));
	put(0x4000 + 8 * 7, 1ULL << 40 | P);
	CHECK_EQ(rd(PAGE), FAULT(14, 9));
	put(0x1000 + 8 * 511, 0x2000 | PS | P);
	CHECK_EQ(rd(PAGE), FAULT(14, 9));
	w.paging.cr3 = 0xffff000;
	CHECK_EQ(rd(PAGE), FAULT(0, 0));
}

static void
test_5_level(void)
{
	long_tables();
	w.paging.cr4 |= LA57;
	w.paging.cr3 = 0x5000 | 0xfff; /* PCID */
	put(0x5000 + 8 * 0x12, 0x1000 | P | W | U);
	CHECK_EQ(rd(0x12ULL << 48 | (PAGE & 0x0000ffffffffffffULL)), 0xabc000);
	CHECK_EQ(rd(1ULL << 60), FAULT(13, 0));
	CHECK_EQ(rd(0x13ULL << 48), FAULT(14, 0));
}

static void
test_rights(void)
{
	static const struct {
		uint64_t pde, pte, cr0, cr4, rflags;
		int cpl, prot;
		uint32_t code; /* 0: allowed */
	} rows[] = {
		{ U | W, U | W, 0, 0, 0, 3, VMM_PROT_WRITE, 0 },
		{ U | W, U, 0, 0, 0, 3, VMM_PROT_WRITE, 7 },
		{ U, U | W, 0, 0, 0, 3, VMM_PROT_WRITE, 7 },
		{ U, U | W, 0, 0, 0, 0, VMM_PROT_WRITE, 0 },
		{ U, U | W, WP, 0, 0, 0, VMM_PROT_WRITE, 3 },
		{ W, U | W, 0, 0, 0, 3, VMM_PROT_READ, 5 },
		{ U | W, W, 0, 0, 0, 3, VMM_PROT_EXEC, 0x15 },
		{ W, W, 0, 0, 0, 0, VMM_PROT_EXEC, 0 },
		{ W | NX, W, 0, 0, 0, 0, VMM_PROT_EXEC, 0x11 },
		{ W | NX, W, 0, 0, 0, 0, VMM_PROT_READ, 0 },
		{ U | W, U | W, 0, SMEP, 0, 0, VMM_PROT_EXEC, 0x11 },
		{ W, U | W, 0, SMEP, 0, 0, VMM_PROT_EXEC, 0 },
		{ U | W, U | W, 0, SMAP, 0, 0, VMM_PROT_READ, 1 },
		{ U | W, U | W, 0, SMAP, 1 << 18, 0, VMM_PROT_READ, 0 },
		{ U | W, U | W, 0, SMAP, 0, 3, VMM_PROT_READ, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long_tables();
		put(0x3000 + 8 * 4, 0x4000 | P | rows[i].pde);
		put(0x4000 + 8 * 7, 0xabc000 | P | rows[i].pte);
		w.paging.cr0 |= rows[i].cr0;
		w.paging.cr4 |= rows[i].cr4;
		w.paging.rflags = rows[i].rflags;
		w.paging.cpl = rows[i].cpl;
		CHECK_EQ(at(PAGE, rows[i].prot),
		    rows[i].code == 0 ? 0xabc000 : FAULT(14, rows[i].code));
	}
}

static void
test_hostile(void)
{
	int round, i;

	/* A table that is its own entry. */
	mode(PAE, LMA);
	put(0x1000, 0x1000 | P | W | U);
	reads = 0;
	CHECK_EQ(rd(0), 0x1000);
	CHECK_EQ(reads, 4);
	srand(1);
	for (round = 0; round < 2000; round++) {
		mode((uint64_t)rand() & (PSE | PAE | LA57 | SMAP | SMEP),
		    (uint64_t)rand() & NXE);
		if ((w.paging.cr4 & PAE) != 0 && rand() % 2 == 0)
			w.paging.efer |= LMA;
		for (i = 0; i < MEMORY; i++)
			memory[i] = (uint8_t)(i % 8 > 1 ? 0 : rand());
		reads = 0;
		(void)at((uint64_t)rand() << 20, 1 << rand() % 3);
		CHECK(reads <= 5);
	}
}

int
main(void)
{
	TEST(test_none);
	TEST(test_32);
	TEST(test_pae);
	TEST(test_4_level);
	TEST(test_5_level);
	TEST(test_rights);
	TEST(test_hostile);
	return CHECK_EXIT();
}
