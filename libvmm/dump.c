/* SPDX-License-Identifier: ISC */
/*
 * vm_dump(): the VM as an ELF core file.  Head, program headers, notes, and
 * from the next page on the memory, region by region.  Runs in the process that
 * holds the VM.  Needs a few hundred KiB whatever the VM's size: memory goes
 * from the mapping straight into the descriptor.  Invariant: memory is never
 * read where nobody has written, for that would allocate it.
 */
#include "vmm_dump.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "handle.h"

#define DUMP_PIECE (8ULL << 20) /* between two reports of progress */

struct dump {
	const struct vm_dump_params *params; /* never NULL */
	struct dump_out out;
	struct dump_notes notes;
	int memory_fd; /* the RAM's; -1: none */
	bool demand; /* VM_MEM_F_DEMAND */
	uint64_t done, total; /* bytes of memory */
	int count;
	struct memmap_region region[MEMMAP_MAX];
};

/* The regions as they are now, without those that are not memory. */
static void
dump_regions(struct dump *d, struct vm *vm)
{
	int i;

	pthread_mutex_lock(&vm->lock);
	d->memory_fd = vm->memory_fd;
	d->demand = (vm->memflags & VM_MEM_F_DEMAND) != 0;
	for (i = 0; i < vm->map.count; i++) {
		if (vm->map.region[i].backing == MEMMAP_DEVICE)
			continue;
		d->region[d->count++] = vm->map.region[i];
		d->total += vm->map.region[i].len;
	}
	pthread_mutex_unlock(&vm->lock);
}

/* --- the head ------------------------------------------------------------- */

static uint64_t
dump_page_up(uint64_t n)
{
	return (n + DUMP_PAGE - 1) & ~(DUMP_PAGE - 1);
}

static uint32_t
dump_flags(const struct memmap_region *r)
{
	return ((r->prot & VMM_PROT_READ) != 0 ? PF_R : 0U) |
	    ((r->prot & VMM_PROT_WRITE) != 0 ? PF_W : 0U) |
	    ((r->prot & VMM_PROT_EXEC) != 0 ? PF_X : 0U);
}

static int
dump_ehdr(struct dump *d)
{
	const Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
		    ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(1 + d->count),
	};

	return dump_out_write(&d->out, &head, sizeof(head));
}

/*
 * A region's address is the same twice, physical and virtual: gdb looks for
 * memory by the latter, crash(8) by the former.  An alignment other than 0
 * would make crash(8) take the file for one of netdump's.
 */
static int
dump_phdrs(struct dump *d)
{
	Elf64_Phdr p = { .p_type = PT_NOTE,
		.p_offset = sizeof(Elf64_Ehdr) +
		    (1 + (uint64_t)d->count) * sizeof(Elf64_Phdr),
		.p_filesz = d->notes.len };
	uint64_t at = dump_page_up(p.p_offset + p.p_filesz);
	int i;

	if (dump_out_write(&d->out, &p, sizeof(p)) == -1)
		return -1;
	for (i = 0; i < d->count; i++) {
		p = (Elf64_Phdr) {
			.p_type = PT_LOAD,
			.p_flags = dump_flags(&d->region[i]),
			.p_offset = at,
			.p_vaddr = d->region[i].gpa,
			.p_paddr = d->region[i].gpa,
			.p_filesz = d->region[i].len,
			.p_memsz = d->region[i].len,
		};
		at += p.p_filesz;
		if (dump_out_write(&d->out, &p, sizeof(p)) == -1)
			return -1;
	}
	return 0;
}

static int
dump_head(struct dump *d)
{
	if (dump_ehdr(d) == -1 || dump_phdrs(d) == -1 ||
	    dump_out_write(&d->out, d->notes.bytes, d->notes.len) == -1)
		return -1;
	return dump_out_zero(&d->out, dump_page_up(d->out.at) - d->out.at);
}

/* --- memory --------------------------------------------------------------- */

static int
dump_progress(struct dump *d, uint64_t len)
{
	d->done += len;
	if (d->params->progress == NULL ||
	    d->params->progress(d->params->arg, d->done, d->total) == 0)
		return 0;
	errno = ECANCELED;
	return -1;
}

static bool
dump_page_is_zero(const uint8_t *page)
{
	const uint64_t *p = (const void *)page, *end = p + DUMP_PAGE / 8;

	for (; p < end; p += 8)
		if ((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) !=
		    0)
			return false;
	return true;
}

/* Memory with content: runs of pages that are zeroes, and that are not. */
static int
dump_pages(struct dump *d, const uint8_t *host, uint64_t len)
{
	uint64_t at = 0, end;
	bool zero;
	int rc;

	while (at < len) {
		zero = dump_page_is_zero(host + at);
		for (end = at + DUMP_PAGE; end < len; end += DUMP_PAGE)
			if (dump_page_is_zero(host + end) != zero)
				break;
		rc = zero ? dump_out_zero(&d->out, end - at)
			  : dump_out_write(&d->out, host + at, end - at);
		if (rc == -1)
			return -1;
		at = end;
	}
	return 0;
}

/*
 * Pages of a file that others may cut short: never touched here, where that
 * would be a SIGBUS.  What the kernel cannot read is zeroes.
 */
static int
dump_file_pages(struct dump *d, const uint8_t *host, uint64_t len)
{
	uint64_t at, next;

	for (at = 0; at < len; at += DUMP_PAGE) {
		next = d->out.at + DUMP_PAGE;
		if (dump_out_write(&d->out, host + at, DUMP_PAGE) == 0)
			continue;
		if (errno != EFAULT ||
		    dump_out_zero(&d->out, next - d->out.at) == -1)
			return -1;
	}
	return 0;
}

/* [from, to) of a region in pieces, by one of the two above or as zeroes. */
static int
dump_pieces(struct dump *d, const struct memmap_region *r, uint64_t from,
    uint64_t to, int (*pages)(struct dump *, const uint8_t *host, uint64_t len))
{
	uint64_t len;
	int rc;

	for (; from < to; from += len) {
		len = to - from < DUMP_PIECE ? to - from : DUMP_PIECE;
		rc = pages != NULL ? pages(d, r->host + from, len)
				   : dump_out_zero(&d->out, len);
		if (rc == -1 || dump_progress(d, len) == -1)
			return -1;
	}
	return 0;
}

/* Where after at the RAM begins to be what whence says, at most r->len. */
static int
dump_seek(struct dump *d, const struct memmap_region *r, uint64_t at,
    int whence, uint64_t *found)
{
	off_t off = lseek(d->memory_fd, (off_t)(r->offset + at), whence);

	if (off == -1 && errno != ENXIO)
		return -1;
	/* ENXIO: holes only from there on. */
	*found = off == -1 || (uint64_t)off - r->offset > r->len
	    ? r->len
	    : (uint64_t)off - r->offset;
	return 0;
}

/* RAM: what nobody ever touched is not even looked at, if that means zero. */
static int
dump_ram(struct dump *d, const struct memmap_region *r)
{
	uint64_t at = 0, data, hole;

	if (d->demand)
		return dump_pieces(d, r, 0, r->len, dump_pages);
	while (at < r->len) {
		if (dump_seek(d, r, at, SEEK_DATA, &data) == -1 ||
		    dump_pieces(d, r, at, data, NULL) == -1)
			return -1;
		hole = data;
		if (data < r->len &&
		    dump_seek(d, r, data, SEEK_HOLE, &hole) == -1)
			return -1;
		if (dump_pieces(d, r, data, hole, dump_pages) == -1)
			return -1;
		at = hole;
	}
	return 0;
}

static int
dump_memory(struct dump *d)
{
	const struct memmap_region *r;
	int i, rc = 0;

	for (i = 0; rc == 0 && i < d->count; i++) {
		r = &d->region[i];
		if (r->ram)
			rc = dump_ram(d, r);
		else
			rc = dump_pieces(d, r, 0, r->len,
			    r->backing == MEMMAP_FILE ? dump_file_pages
						      : dump_pages);
	}
	return rc;
}

int
vm_dump(struct vm *vm, int fd, const struct vm_dump_params *params)
{
	static const struct vm_dump_params none = { .size = sizeof(none) };
	struct dump *d;
	int rc = -1, err;

	if (params == NULL)
		params = &none;
	if (params->size != sizeof(*params)) {
		errno = EINVAL;
		return -1;
	}
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return -1;
	d->params = params;
	dump_regions(d, vm);
	if (dump_notes_make(&d->notes, vm, params) == 0 &&
	    dump_progress(d, 0) == 0 && dump_out_init(&d->out, fd) == 0 &&
	    dump_head(d) == 0 && dump_memory(d) == 0)
		rc = dump_out_finish(&d->out);
	err = errno;
	free(d->notes.bytes);
	free(d);
	errno = err;
	return rc;
}
