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

#endif /* FWCFG_H */
