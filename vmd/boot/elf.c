/* SPDX-License-Identifier: ISC */
/*
 * Kernels as ELF executables of 32 or 64 bit.  Segments are read straight to
 * their physical addresses; what a segment has beyond its file bytes is zero
 * already, as guest memory is fresh and segments may not overlap.  How the
 * kernel wants to be entered is in a note (PVH) or in a multiboot header; PVH
 * is preferred, as it tells more.  Part of load.h.
 */
#include "boot/load.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "pci/machine.h"

#define SEGMENTS_MAX 64
#define NOTES_MAX 65536
#define XEN_PHYS32_ENTRY 18

/* A program header of either class. */
struct segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf {
	struct load *load;
	bool is_64;
	uint64_t entry;
	unsigned int count;
	struct segment segment[SEGMENTS_MAX];
};

bool
elf_is(const struct load *load)
{
	return load->head_len >= EI_NIDENT &&
	    memcmp(load->head, ELFMAG, SELFMAG) == 0;
}

static int
elf_fail(struct load *load, const char *what)
{
	return load_fail(
	    load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL, "%s", what);
}

static struct segment
segment_32(const Elf32_Phdr *p)
{
	return (struct segment) {
		.type = p->p_type,
		.flags = p->p_flags,
		.offset = p->p_offset,
		.vaddr = p->p_vaddr,
		.paddr = p->p_paddr,
		.filesz = p->p_filesz,
		.memsz = p->p_memsz,
		.align = p->p_align,
	};
}

static struct segment
segment_64(const Elf64_Phdr *p)
{
	return (struct segment) {
		.type = p->p_type,
		.flags = p->p_flags,
		.offset = p->p_offset,
		.vaddr = p->p_vaddr,
		.paddr = p->p_paddr,
		.filesz = p->p_filesz,
		.memsz = p->p_memsz,
		.align = p->p_align,
	};
}

/* Where the program headers are, from a header of either class. */
struct phdrs {
	uint64_t offset;
	unsigned int entry_size, count;
};

static int
elf_read_phdrs(struct elf *elf, const struct phdrs *phdrs)
{
	struct load *load = elf->load;
	union {
		Elf32_Phdr p32[SEGMENTS_MAX];
		Elf64_Phdr p64[SEGMENTS_MAX];
	} table;
	size_t size = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	unsigned int i;

	if (phdrs->entry_size != size || phdrs->count == 0 ||
	    phdrs->count > SEGMENTS_MAX)
		return load_fail(load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL,
		    "it has %u program headers of %u bytes", phdrs->count,
		    phdrs->entry_size);
	if (load_read(load, &load->kernel, phdrs->offset, &table,
		phdrs->count * size) == -1)
		return -1;
	for (i = 0; i < phdrs->count; i++)
		elf->segment[i] = elf->is_64 ? segment_64(&table.p64[i])
					     : segment_32(&table.p32[i]);
	elf->count = phdrs->count;
	return 0;
}

static int
elf_read_header(struct elf *elf)
{
	struct load *load = elf->load;
	struct phdrs phdrs;
	uint16_t type, machine;
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;

	memcpy(&e32, load->head, sizeof(e32));
	memcpy(&e64, load->head, sizeof(e64));
	elf->is_64 = e32.e_ident[EI_CLASS] == ELFCLASS64;
	if (load->head_len < (elf->is_64 ? sizeof(e64) : sizeof(e32)))
		return load_fail(load, VM_ERROR_FILE_TRUNCATED, VM_FILE_KERNEL,
		    "it ends within its ELF header");
	type = e32.e_type; /* at the same place in both classes */
	machine = e32.e_machine;
	if (e32.e_ident[EI_DATA] != ELFDATA2LSB || type != ET_EXEC ||
	    (machine != EM_X86_64 && machine != EM_386))
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
		    "it is an ELF file, but no executable for x86");
	if (elf->is_64) {
		elf->entry = e64.e_entry;
		phdrs = (struct phdrs) { e64.e_phoff, e64.e_phentsize,
			e64.e_phnum };
	} else {
		elf->entry = e32.e_entry;
		phdrs = (struct phdrs) { e32.e_phoff, e32.e_phentsize,
			e32.e_phnum };
	}
	return elf_read_phdrs(elf, &phdrs);
}

/* --- segments --------------------------------------------------------------
 */

static bool
segments_overlap(const struct segment *a, const struct segment *b)
{
	return a->paddr < b->paddr + b->memsz && b->paddr < a->paddr + a->memsz;
}

/* All checks come before the first byte is read. */
static int
elf_check_segments(struct elf *elf)
{
	struct load *load = elf->load;
	unsigned int i, j, loads = 0;

	for (i = 0; i < elf->count; i++) {
		const struct segment *s = &elf->segment[i];

		if (s->type != PT_LOAD)
			continue;
		if (s->filesz > s->memsz)
			return elf_fail(load,
			    "a segment has more bytes in the file than in "
			    "memory");
		if (s->memsz == 0)
			continue;
		loads++;
		if (load_check_room(load, "segment", s->paddr, s->memsz) == -1)
			return -1;
		for (j = 0; j < i; j++)
			if (elf->segment[j].type == PT_LOAD &&
			    elf->segment[j].memsz != 0 &&
			    segments_overlap(s, &elf->segment[j]))
				return elf_fail(load, "its segments overlap");
		if (s->paddr + s->memsz > load->kernel_end)
			load->kernel_end = s->paddr + s->memsz;
	}
	return loads > 0 ? 0 : elf_fail(load, "it has nothing to load");
}

static int
elf_load_segments(struct elf *elf)
{
	struct load *load = elf->load;
	unsigned int i;

	for (i = 0; i < elf->count; i++) {
		const struct segment *s = &elf->segment[i];

		if (s->type == PT_LOAD &&
		    load_into(load, &load->kernel, s->offset, s->paddr,
			s->filesz) == -1)
			return -1;
	}
	return 0;
}

/* Whether a guest address is one of a byte that came from the file. */
static bool
elf_has_loaded(const struct elf *elf, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < elf->count; i++) {
		const struct segment *s = &elf->segment[i];

		if (s->type == PT_LOAD && addr >= s->paddr &&
		    addr - s->paddr < s->filesz)
			return true;
	}
	return false;
}

/* --- entry points ----------------------------------------------------------
 */

/* The entry in one block of notes; false when there is none. */
static bool
elf_find_entry(
    const uint8_t *notes, size_t len, uint64_t align, uint64_t *entry)
{
	size_t at = 0, name_room, desc_room;
	uint32_t namesz, descsz, type;

	align = align == 8 ? 8 : 4;
	while (len - at >= sizeof(Elf64_Nhdr)) {
		namesz = le32_get(notes + at);
		descsz = le32_get(notes + at + 4);
		type = le32_get(notes + at + 8);
		at += sizeof(Elf64_Nhdr);
		if (namesz > NOTES_MAX || descsz > NOTES_MAX)
			return false;
		name_room = (namesz + align - 1) & ~(align - 1);
		desc_room = (descsz + align - 1) & ~(align - 1);
		if (name_room > len - at || descsz > len - at - name_room)
			return false;
		if (type == XEN_PHYS32_ENTRY && namesz == 4 &&
		    memcmp(notes + at, "Xen", 4) == 0 &&
		    (descsz == 4 || descsz == 8)) {
			*entry = descsz == 8 ? le64_get(notes + at + name_room)
					     : le32_get(notes + at + name_room);
			return true;
		}
		if (desc_room > len - at - name_room)
			return false;
		at += name_room + desc_room;
	}
	return false;
}

/* 1 with *entry, 0 when no note has it, -1. */
static int
elf_read_notes(struct elf *elf, uint64_t *entry)
{
	struct load *load = elf->load;
	uint8_t *notes;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < elf->count && rc == 0; i++) {
		const struct segment *s = &elf->segment[i];

		if (s->type != PT_NOTE || s->filesz == 0)
			continue;
		if (s->filesz > NOTES_MAX)
			return elf_fail(load, "its notes are too long");
		if ((notes = malloc(s->filesz)) == NULL)
			return load_fail(
			    load, VM_ERROR_NO_MEMORY, VM_FILE_NONE, "%s", "");
		rc =
		    load_read(load, &load->kernel, s->offset, notes, s->filesz);
		if (rc == 0)
			rc = elf_find_entry(notes, s->filesz, s->align, entry);
		free(notes);
	}
	return rc;
}

/* Multiboot enters at e_entry, which may be a virtual address. */
static uint64_t
elf_physical_entry(const struct elf *elf)
{
	unsigned int i;

	for (i = 0; i < elf->count; i++) {
		const struct segment *s = &elf->segment[i];

		if (s->type == PT_LOAD && elf->entry >= s->vaddr &&
		    elf->entry - s->vaddr < s->filesz)
			return elf->entry - s->vaddr + s->paddr;
	}
	return elf->entry;
}

int
elf_load(struct load *load)
{
	struct elf elf = { .load = load };
	uint64_t entry = 0;
	int pvh;

	if (elf_read_header(&elf) == -1 ||
	    (pvh = elf_read_notes(&elf, &entry)) == -1)
		return -1;
	if (!pvh && !multiboot_is(load))
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
		    "it is an ELF file, but has neither a PVH note nor a "
		    "multiboot header");
	if (!pvh)
		entry = elf_physical_entry(&elf);
	if (elf_check_segments(&elf) == -1)
		return -1;
	if (!elf_has_loaded(&elf, entry))
		return load_fail(load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL,
		    "its entry point 0x%llx is outside of its segments",
		    (unsigned long long)entry);
	if (elf_load_segments(&elf) == -1)
		return -1;
	/* RAM below 4 GiB: load_check_room() saw to it. */
	return pvh ? pvh_start(load, (uint32_t)entry)
		   : multiboot_start(load, (uint32_t)entry);
}
