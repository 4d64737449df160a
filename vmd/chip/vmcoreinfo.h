/* SPDX-License-Identifier: ISC */
/*
 * Where the guest's kernel keeps the note that describes it to crash(8): the
 * file etc/vmcoreinfo of fw_cfg (the device of QEMU's docs/specs/vmcoreinfo).
 */
#ifndef VMCOREINFO_H
#define VMCOREINFO_H

#include <stddef.h>

struct fwcfg;
struct machine;
struct vmcoreinfo;
struct state_buf;

/* Adds the file to fwcfg (borrowed).  Returns owned; NULL with errno. */
struct vmcoreinfo *vmcoreinfo_new(struct machine *, struct fwcfg *);
/* Not before its fwcfg. */
void vmcoreinfo_free(struct vmcoreinfo *);

/*
 * Copies the note out of the guest's memory as it is now: one ELF note, whole
 * and named VMCOREINFO, at most room bytes (VM_DUMP_VMCOREINFO_MAX is enough).
 * Returns its length; 0 with ENOENT: the guest has not said where; EFBIG, or
 * EFAULT (no memory there), EINVAL (no such note): what it said is wrong.
 */
size_t vmcoreinfo_copy(const struct vmcoreinfo *, void *note, size_t room);

/*
 * State as in pci/state.h: the file as the guest wrote it.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int vmcoreinfo_save(struct vmcoreinfo *, struct state_buf *);
int vmcoreinfo_load(struct vmcoreinfo *, struct state_buf *);

#endif /* VMCOREINFO_H */
