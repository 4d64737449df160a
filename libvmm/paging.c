/* SPDX-License-Identifier: ISC */
/*
 * The page-table walk (SDM 3, chapter 4), in whatever process holds the VM.
 * The tables are the guest's: each entry is read once, checked after that,
 * and the depth is that of the mode, so that a table that points to itself
 * ends the walk as any other.  Nothing is written: accessed and dirty bits
 * stay as they are.
 */
#include "paging.h"

#include <errno.h>

#define CR0_WP (1ULL << 16)
#define CR0_PG (1ULL << 31)
#define CR4_PSE (1ULL << 4)
#define CR4_PAE (1ULL << 5)
#define CR4_LA57 (1ULL << 12)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)
#define EFER_LMA (1ULL << 10)
#define EFER_NXE (1ULL << 11)
#define RFLAGS_AC (1ULL << 18)

#define PTE_P (1ULL << 0)
#define PTE_W (1ULL << 1)
#define PTE_U (1ULL << 2)
#define PTE_PS (1ULL << 7)
#define PTE_NX (1ULL << 63)
#define PTE_ADDR 0x000ffffffffff000ULL

#define PF_P (1U << 0)
#define PF_W (1U << 1)
#define PF_U (1U << 2)
#define PF_RSVD (1U << 3)
#define PF_ID (1U << 4)

#define VECTOR_GP 13
#define VECTOR_PF 14

/* What the modes differ in; levels count down to 0, the page table. */
struct paging_mode {
	int levels;
	unsigned int index_bits;
	size_t entry_len;
	uint64_t root_mask;
	unsigned int linear_bits;
};

static const struct paging_mode paging_32 = { 2, 10, 4, 0xfffff000, 32 };
static const struct paging_mode paging_pae = { 3, 9, 8, 0xffffffe0, 32 };
static const struct paging_mode paging_4 = { 4, 9, 8, PTE_ADDR, 48 };
static const struct paging_mode paging_5 = { 5, 9, 8, PTE_ADDR, 57 };

static const struct paging_mode *
paging_mode(const struct vm_guest_paging *p)
{
	if ((p->cr0 & CR0_PG) == 0)
		return NULL;
	if ((p->cr4 & CR4_PAE) == 0)
		return &paging_32;
	if ((p->efer & EFER_LMA) == 0)
		return &paging_pae;
	return (p->cr4 & CR4_LA57) != 0 ? &paging_5 : &paging_4;
}

/* The bits of an access that every page fault reports. */
static uint32_t
paging_error_code(const struct vm_guest_paging *p, int prot)
{
	bool nx = (p->cr4 & CR4_PAE) != 0 && (p->efer & EFER_NXE) != 0;
	uint32_t code = 0;

	if (prot == VMM_PROT_WRITE)
		code |= PF_W;
	if (p->cpl == 3)
		code |= PF_U;
	if (prot == VMM_PROT_EXEC && (nx || (p->cr4 & CR4_SMEP) != 0))
		code |= PF_ID;
	return code;
}

static int
paging_fault(struct vm_fault *fault, int vector, uint32_t code)
{
	*fault = (struct vm_fault) { vector, code };
	errno = EFAULT;
	return -1;
}

/* Whether the entry of that level ends the walk with a large page. */
static bool
paging_is_leaf(const struct paging_walk *w, const struct paging_mode *m,
    int level, uint64_t entry)
{
	if (level == 0)
		return true;
	if ((entry & PTE_PS) == 0)
		return false;
	if (m == &paging_32)
		return (w->paging.cr4 & CR4_PSE) != 0;
	return level == 1 || (level == 2 && m != &paging_pae && w->gbpages);
}

/* The bits that must be 0 in the entry of that level. */
static uint64_t
paging_reserved(const struct paging_walk *w, const struct paging_mode *m,
    int level, bool leaf)
{
	uint64_t high = PTE_ADDR & ~((1ULL << w->phys_bits) - 1);
	uint64_t mask;

	if (m == &paging_32) {
		/* PSE-36: bits 20:13 are address bits 39:32. */
		if (level == 0 || !leaf)
			return 0;
		return w->phys_bits >= 40
		    ? 1ULL << 21
		    : (0x3fffffULL & ~((1ULL << (w->phys_bits - 19)) - 1));
	}
	if (m == &paging_pae) {
		mask = high | 0x7ff0000000000000ULL;
		if (level == 2)
			return mask | PTE_NX | 0x1e6;
	} else
		mask = high;
	if ((w->paging.efer & EFER_NXE) == 0)
		mask |= PTE_NX;
	if (leaf && level > 0)
		mask |= ((1ULL << (12 + 9 * level)) - 1) & ~0x1fffULL;
	if (!leaf && level > 1)
		mask |= PTE_PS;
	return mask;
}

static uint64_t
paging_leaf_gpa(
    const struct paging_mode *m, int level, uint64_t entry, uint64_t gla)
{
	uint64_t offset =
	    (1ULL << (12 + m->index_bits * (unsigned int)level)) - 1;
	uint64_t base = entry & PTE_ADDR & ~offset;

	if (m == &paging_32 && level == 1)
		base |= (entry >> 13 & 0xff) << 32;
	return base | (gla & offset);
}

/* Whether rights (the AND of all levels, NX the OR) forbid the access. */
static bool
paging_denied(const struct vm_guest_paging *p, uint64_t rights, int prot)
{
	bool user_page = (rights & PTE_U) != 0;

	if (prot == VMM_PROT_EXEC && (rights & PTE_NX) != 0)
		return true;
	if (p->cpl == 3)
		return !user_page ||
		    (prot == VMM_PROT_WRITE && (rights & PTE_W) == 0);
	if (user_page && prot == VMM_PROT_EXEC && (p->cr4 & CR4_SMEP) != 0)
		return true;
	if (user_page && prot != VMM_PROT_EXEC && (p->cr4 & CR4_SMAP) != 0 &&
	    (p->rflags & RFLAGS_AC) == 0)
		return true;
	return prot == VMM_PROT_WRITE && (rights & PTE_W) == 0 &&
	    (p->cr0 & CR0_WP) != 0;
}

static bool
paging_canonical(const struct paging_mode *m, uint64_t gla)
{
	unsigned int shift = 64 - m->linear_bits;

	return (uint64_t)((int64_t)(gla << shift) >> shift) == gla;
}

static int
paging_descend(const struct paging_walk *w, const struct paging_mode *m,
    uint64_t gla, int prot, uint64_t *gpa, struct vm_fault *fault)
{
	uint32_t code = paging_error_code(&w->paging, prot);
	uint64_t table = w->paging.cr3 & m->root_mask;
	uint64_t rights = PTE_W | PTE_U, entry, index, mask;
	int level;
	bool leaf;

	for (level = m->levels - 1;; level--) {
		mask = m == &paging_pae && level == 2
		    ? 3
		    : (1ULL << m->index_bits) - 1;
		index = gla >> (12 + m->index_bits * (unsigned int)level);
		entry = 0;
		if (!w->read(w->ctx, table + (index & mask) * m->entry_len,
			&entry, m->entry_len))
			return paging_fault(fault, 0, 0);
		if ((entry & PTE_P) == 0)
			return paging_fault(fault, VECTOR_PF, code);
		leaf = paging_is_leaf(w, m, level, entry);
		if ((entry & paging_reserved(w, m, level, leaf)) != 0)
			return paging_fault(
			    fault, VECTOR_PF, code | PF_P | PF_RSVD);
		/* A PDPTE of PAE has no rights. */
		if (m != &paging_pae || level != 2)
			rights = (rights & entry & (PTE_W | PTE_U)) |
			    ((rights | entry) & PTE_NX);
		if (leaf)
			break;
		table = entry & PTE_ADDR;
	}
	if (paging_denied(&w->paging, rights, prot))
		return paging_fault(fault, VECTOR_PF, code | PF_P);
	*gpa = paging_leaf_gpa(m, level, entry, gla);
	return 0;
}

int
paging_translate(const struct paging_walk *walk, uint64_t gla, int prot,
    uint64_t *gpa, struct vm_fault *fault)
{
	const struct paging_mode *m = paging_mode(&walk->paging);

	if ((walk->paging.efer & EFER_LMA) == 0)
		gla &= UINT32_MAX;
	if (m == NULL) {
		*gpa = gla;
		return 0;
	}
	if (m->linear_bits != 32 && !paging_canonical(m, gla))
		return paging_fault(fault, VECTOR_GP, 0);
	return paging_descend(walk, m, gla, prot, gpa, fault);
}
