/* SPDX-License-Identifier: ISC */
/*
 * See vmcoreinfo.h.  Runs in the VM process with the machine lock held.  What
 * the guest writes is kept as it came and believed only when a dump asks: an
 * address and a size, which may be anything.  A guest that resets itself gets
 * a new VM process, and with it an empty file.
 */
#include "chip/vmcoreinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/le.h"
#include "chip/fwcfg.h"
#include "pci/machine.h"
#include "pci/state.h"
#include "vmm_dump.h"

#define FILE_NAME "etc/vmcoreinfo"
#define FILE_SIZE 16
#define FILE_HOST_FORMAT 0 /* 16 bit: what we can do */
#define FILE_GUEST_FORMAT 2 /* 16 bit: what the guest gives */
#define FILE_NOTE_SIZE 4 /* 32 bit */
#define FILE_NOTE_ADDRESS 8 /* 64 bit */
#define FORMAT_ELF 1

struct vmcoreinfo {
	struct machine *machine;
	struct fwcfg_writer writer;
	bool whole; /* the last write was of the whole file */
	uint8_t file[FILE_SIZE];
};

static void
vmcoreinfo_written(void *arg, uint32_t offset, uint32_t len)
{
	struct vmcoreinfo *v = arg;

	v->whole = offset == 0 && len == FILE_SIZE;
}

struct vmcoreinfo *
vmcoreinfo_new(struct machine *machine, struct fwcfg *fwcfg)
{
	struct vmcoreinfo *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->machine = machine;
	v->writer = (struct fwcfg_writer) { v->file, vmcoreinfo_written, v };
	v->file[FILE_HOST_FORMAT] = FORMAT_ELF;
	if (fwcfg_add_writable(fwcfg, FILE_NAME, FILE_SIZE, &v->writer) == 0)
		return v;
	vmcoreinfo_free(v);
	return NULL;
}

void
vmcoreinfo_free(struct vmcoreinfo *v)
{
	free(v);
}

static const struct state_field vmcoreinfo_fields[] = {
	STATE_BOOL(struct vmcoreinfo, whole),
	STATE_ARRAY(struct vmcoreinfo, file),
};
static const struct state_table vmcoreinfo_table =
    STATE_TABLE("vmcoreinfo", 1, vmcoreinfo_fields);

int
vmcoreinfo_save(struct vmcoreinfo *v, struct state_buf *buf)
{
	return state_save(buf, &vmcoreinfo_table, v);
}

int
vmcoreinfo_load(struct vmcoreinfo *v, struct state_buf *buf)
{
	struct vmcoreinfo copy = *v;

	if (state_load(buf, &vmcoreinfo_table, &copy) == -1)
		return -1;
	if (!buf->check)
		*v = copy;
	return 0;
}

size_t
vmcoreinfo_copy(const struct vmcoreinfo *v, void *note, size_t room)
{
	uint32_t size = le32_get(v->file + FILE_NOTE_SIZE);
	const void *at;

	if (!v->whole || le16_get(v->file + FILE_GUEST_FORMAT) != FORMAT_ELF) {
		errno = ENOENT;
		return 0;
	}
	if (size > room) {
		errno = EFBIG;
		return 0;
	}
	at = v->machine->memory_at(
	    v->machine->arg, le64_get(v->file + FILE_NOTE_ADDRESS), size);
	if (at == NULL || size == 0) {
		errno = EFAULT;
		return 0;
	}
	/* The guest may go on writing: what is checked is the copy. */
	memcpy(note, at, size);
	return vm_dump_note_len(note, size);
}
