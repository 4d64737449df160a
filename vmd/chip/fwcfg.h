/* SPDX-License-Identifier: ISC */
/*
 * fw_cfg: how firmware asks the machine for its configuration (the device of
 * QEMU's docs/specs/fw_cfg, with DMA).
 */
#ifndef FWCFG_H
#define FWCFG_H

#include <stddef.h>
#include <stdint.h>

struct machine;
struct fwcfg;
struct state_buf;

#define FWCFG_NAME_MAX 55
#define FWCFG_FILES_MAX 32
#define FWCFG_FILE_MAX (16U << 20)

/*
 * With the items and files of this PC: CPU count, memory map, ACPI tables,
 * console on the serial port, no boot menu.  Returns owned; NULL with errno.
 */
struct fwcfg *fwcfg_new(struct machine *);
void fwcfg_free(struct fwcfg *);

/*
 * Adds a file, copying name and bytes.  -1 with errno EEXIST, ENAMETOOLONG,
 * EFBIG, ENOSPC.
 */
int fwcfg_add_file(
    struct fwcfg *, const char *name, const void *bytes, size_t len);

/* A file that the guest writes, by DMA only and never beyond its size. */
struct fwcfg_writer {
	uint8_t *bytes; /* the file */
	/* A write is over: len bytes from offset on are the guest's. */
	void (*written)(void *arg, uint32_t offset, uint32_t len);
	void *arg;
};

/* Adds such a file of len bytes.  Borrows writer.  Errors as above. */
int fwcfg_add_writable(struct fwcfg *, const char *name, size_t len,
    const struct fwcfg_writer *writer);

/*
 * State as in pci/state.h: what is selected and where it is read.  The files
 * come from the configuration, those that a guest writes from their owners.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int fwcfg_save(struct fwcfg *, struct state_buf *);
int fwcfg_load(struct fwcfg *, struct state_buf *);

#endif /* FWCFG_H */
