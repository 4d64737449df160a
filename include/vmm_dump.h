/* SPDX-License-Identifier: ISC */
/*
 * The state of a VM as an ELF core file, for gdb and crash(8): what each vCPU
 * has in its registers, and the guest's memory by physical address.
 */
#ifndef VMM_DUMP_H
#define VMM_DUMP_H

#include <stddef.h>
#include <stdint.h>

struct vm;

#define VM_DUMP_VMCOREINFO_MAX (64U << 10) /* bytes of the guest's note */

struct vm_dump_params {
	size_t size; /* sizeof(struct vm_dump_params) */
	/*
	 * The VMCOREINFO note as the guest gave it: one ELF note with its
	 * header.  NULL: none.  Borrowed for the call.
	 */
	const void *vmcoreinfo;
	size_t vmcoreinfo_len;
	/*
	 * Called in the caller's thread, first with done 0, when the registers
	 * have been read and nothing is written: no vCPU is touched from then
	 * on.  Then after each piece, at the latest after 64 MiB; done and
	 * total are bytes of guest memory.  -1: give up.  NULL: no calls.
	 */
	int (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/*
 * Writes the VM's state into fd (borrowed): into a file from its beginning,
 * what it held before is gone; anything else is a stream.  All of the VM's
 * vCPUs must be open and none may run; registers are read in the calling
 * thread.  No memory may be unmapped meanwhile.  Pages of zeroes become holes
 * of a file; a stream gets the zeroes.  Memory that others write meanwhile is
 * in the dump as it was at some moment of the call.  Memory of devices
 * (vm_map_memory() of something that is no file) is left out.
 *
 * params NULL: no note of the guest's, no progress.  After an error the file
 * is what had been written; the caller unlinks it.  ECANCELED: progress said
 * -1; EINVAL: params, or a VMCOREINFO note that is none; ENOENT: no vCPU is
 * open; those of write(2), ENOSPC and EFBIG among them, EAGAIN from a
 * descriptor that does not block.  SIGPIPE and SIGXFSZ are the caller's to
 * ignore.
 */
int vm_dump(struct vm *vm, int fd, const struct vm_dump_params *params);

/*
 * The length of the VMCOREINFO note, with header and padding, that begins at
 * bytes, of which len are there; 0 with EINVAL: none does.  For a note that
 * comes from a guest.
 */
size_t vm_dump_note_len(const void *bytes, size_t len);

#endif /* VMM_DUMP_H */
