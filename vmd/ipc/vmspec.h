/* SPDX-License-Identifier: ISC */
/*
 * The description of a VM to start: what VM_START, VM_FILE, VM_CMDLINE and
 * VM_START_END say together.
 *
 * The same messages travel from a client to control and parent, from the parent
 * to vmm and from there to the VM process; each receiver collects them in a
 * vmspec, which owns the descriptors.  What a less privileged process sent is
 * checked here, so a vmspec that is complete holds only sane values.
 */
#ifndef VMSPEC_H
#define VMSPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "vm_error.h"
#include "vmd_msg.h"

struct msg;
struct msg_link;

#define VMSPEC_INDEX_MAX 4 /* descriptors of one kind */

struct vmspec {
	struct msg_vm_start start;
	char *cmdline; /* owned; NULL: none */
	int fd[VM_FILE__COUNT][VMSPEC_INDEX_MAX]; /* owned; -1: none */
	uint32_t flags[VM_FILE__COUNT][VMSPEC_INDEX_MAX]; /* FILE_* */
	char *path[VM_FILE__COUNT][VMSPEC_INDEX_MAX]; /* owned; never sent */
	uint32_t crash_max; /* crash dumps to keep; never sent */
};

/* A name a VM may have: letters, digits, '.', '-', '_', beginning with a letter
 * or digit, not a number. */
bool vmspec_name_ok(const char *name);

/* Returns owned, all descriptors -1; out of memory is fatal. */
struct vmspec *vmspec_new(void);
/* Closes what it holds.  NULL is allowed. */
void vmspec_free(struct vmspec *);

/* The receiving side: each checks and stores one message (takes m->fd).
 * VM_ERROR_OK, VM_ERROR_INVALID or VM_ERROR_NO_MEMORY. */
enum vm_error vmspec_begin(struct vmspec *, const struct msg *);
enum vm_error vmspec_file(struct vmspec *, struct msg *);
enum vm_error vmspec_cmdline(struct vmspec *, const struct msg *);

/* Puts a descriptor in (takes it), closing what was there. */
void vmspec_put(
    struct vmspec *, enum vm_file, unsigned int index, int fd, uint32_t flags);
/* Borrows: -1 when there is none. */
int vmspec_get(const struct vmspec *, enum vm_file, unsigned int index);
/* The descriptor moves to the caller; -1 when there is none. */
int vmspec_take(struct vmspec *, enum vm_file, unsigned int index);

/* Closes all descriptors of the kinds in kinds (1 << VM_FILE_x). */
void vmspec_close(struct vmspec *, uint32_t kinds);

/* What a VM that is received comes from: of use until it has arrived. */
#define VMSPEC_STATE_KINDS                                \
	(1U << VM_FILE_STATE | 1U << VM_FILE_STATE_HEAD | \
	    1U << VM_FILE_STATE_ACK | 1U << VM_FILE_FAULTS)

/*
 * Sends the whole description with duplicates of the descriptors of the kinds
 * in kinds (1 << VM_FILE_x).  -1 with errno.
 */
int vmspec_send(
    const struct vmspec *, struct msg_link *, uint32_t vm_id, uint32_t kinds);

#endif /* VMSPEC_H */
