/* SPDX-License-Identifier: ISC */
/*
 * Collecting and sending the description of a VM; see vmspec.h.  Runs in
 * parent, vmm and VM processes.
 */
#include "ipc/vmspec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/closer.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "vm_name.h"

#define START_ALL                                                              \
	(START_MEMORY | START_CPUS | START_DISKS | START_NICS | START_KERNEL | \
	    START_INITRD | START_CMDLINE | START_DEBUG | START_RECEIVE)

/* How many descriptors of a kind a VM has at most; 0: none by message. */
static const unsigned char file_max[VM_FILE__COUNT] = {
	[VM_FILE_KERNEL] = 1,
	[VM_FILE_INITRD] = 1,
	[VM_FILE_FIRMWARE] = 1,
	[VM_FILE_DISK] = VMD_DISKS_MAX,
	[VM_FILE_TAP] = VMD_NICS_MAX,
	[VM_FILE_TTY] = 1,
	[VM_FILE_TTY_WATCH] = 1,
	[VM_FILE_RING] = 1,
	[VM_FILE_GDB] = 1,
	[VM_FILE_KVM] = 1,
	[VM_FILE_CRASH] = 1,
	[VM_FILE_STATE] = 1,
	[VM_FILE_STATE_HEAD] = 1,
	[VM_FILE_STATE_ACK] = 1,
	[VM_FILE_FAULTS] = 1,
};
_Static_assert(VMD_DISKS_MAX <= VMSPEC_INDEX_MAX, "disks fit");
_Static_assert(VMD_NICS_MAX <= VMSPEC_INDEX_MAX, "taps fit");

bool
vmspec_name_ok(const char *name)
{
	return vm_name_ok(name);
}

struct vmspec *
vmspec_new(void)
{
	struct vmspec *s = calloc(1, sizeof(*s));

	if (s == NULL)
		fatal("vmspec", "calloc");
	memset(s->fd, 0xff, sizeof(s->fd)); /* all -1 */
	return s;
}

void
vmspec_free(struct vmspec *s)
{
	if (s == NULL)
		return;
	for (int k = 0; k < VM_FILE__COUNT; k++) {
		for (int i = 0; i < VMSPEC_INDEX_MAX; i++) {
			closer_close(s->fd[k][i]);
			free(s->path[k][i]);
		}
	}
	free(s->cmdline);
	free(s);
}

static bool
vmspec_nic_ok(const struct msg_nic *nic)
{
	if (nic->type > NIC_USER || (nic->flags & ~(NIC_DOWN | NIC_FIXED)) != 0)
		return false;
	if (memchr(nic->ifname, '\0', sizeof(nic->ifname)) == NULL)
		return false;
	return (nic->mac[0] & 0x01) == 0; /* not a multicast address */
}

static bool
vmspec_start_ok(const struct msg_vm_start *m)
{
	if ((m->given & ~START_ALL) != 0 || m->disks > VMD_DISKS_MAX ||
	    m->nics > VMD_NICS_MAX || m->cpus > VMD_CPUS_MAX ||
	    m->memory > VMD_MEMORY_MAX || (m->memory & 0xfffff) != 0)
		return false;
	if ((m->given & START_CPUS) != 0 && m->cpus == 0)
		return false;
	if ((m->given & START_MEMORY) != 0 && m->memory < VMD_MEMORY_MIN)
		return false;
	for (unsigned int i = 0; i < m->nics; i++)
		if (!vmspec_nic_ok(&m->nic[i]))
			return false;
	if ((m->receive & ~(uint32_t)RECEIVE_FLAGS) != 0 ||
	    (m->receive != 0 && (m->given & START_RECEIVE) == 0))
		return false;
	if (m->debug != 0 && m->debug != DEBUG_GDB &&
	    m->debug != (DEBUG_GDB | DEBUG_STOP))
		return false;
	if (memchr(m->target.name, '\0', sizeof(m->target.name)) == NULL)
		return false;
	return m->target.id != 0 || vmspec_name_ok(m->target.name);
}

enum vm_error
vmspec_begin(struct vmspec *s, const struct msg *m)
{
	memcpy(&s->start, m->payload, sizeof(s->start));
	return vmspec_start_ok(&s->start) ? VM_ERROR_OK : VM_ERROR_INVALID;
}

enum vm_error
vmspec_file(struct vmspec *s, struct msg *m)
{
	const struct msg_vm_file *f = m->payload;

	if (f->kind >= VM_FILE__COUNT || f->index >= file_max[f->kind] ||
	    (f->flags & ~FILE_READONLY) != 0 || s->fd[f->kind][f->index] != -1)
		return VM_ERROR_INVALID;
	vmspec_put(s, f->kind, f->index, m->fd, f->flags);
	m->fd = -1;
	return VM_ERROR_OK;
}

enum vm_error
vmspec_cmdline(struct vmspec *s, const struct msg *m)
{
	if (s->cmdline != NULL || memchr(m->tail, '\0', m->tail_len) != NULL)
		return VM_ERROR_INVALID;
	s->cmdline = strndup(m->tail, m->tail_len);
	return s->cmdline != NULL ? VM_ERROR_OK : VM_ERROR_NO_MEMORY;
}

void
vmspec_put(struct vmspec *s, enum vm_file kind, unsigned int index, int fd,
    uint32_t flags)
{
	closer_close(s->fd[kind][index]);
	s->fd[kind][index] = fd;
	s->flags[kind][index] = flags;
}

int
vmspec_get(const struct vmspec *s, enum vm_file kind, unsigned int index)
{
	return index < VMSPEC_INDEX_MAX ? s->fd[kind][index] : -1;
}

int
vmspec_take(struct vmspec *s, enum vm_file kind, unsigned int index)
{
	int fd = vmspec_get(s, kind, index);

	if (fd != -1)
		s->fd[kind][index] = -1;
	return fd;
}

void
vmspec_close(struct vmspec *s, uint32_t kinds)
{
	for (unsigned int k = 0; k < VM_FILE__COUNT; k++)
		for (unsigned int i = 0; i < VMSPEC_INDEX_MAX; i++)
			if ((kinds & (1U << k)) != 0 && s->fd[k][i] != -1)
				vmspec_put(s, k, i, -1, 0);
}

static int
vmspec_send_file(const struct vmspec *s, struct msg_link *l, uint32_t vm_id,
    enum vm_file kind, unsigned int index)
{
	const struct msg_vm_file f = {
		.kind = kind, .index = index, .flags = s->flags[kind][index]
	};
	int fd = fcntl(s->fd[kind][index], F_DUPFD_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	return msg_send(l, MSG_VM_FILE, vm_id, fd, &f, sizeof(f), NULL, 0);
}

int
vmspec_send(
    const struct vmspec *s, struct msg_link *l, uint32_t vm_id, uint32_t kinds)
{
	if (MSG_SEND(l, MSG_VM_START, vm_id, &s->start) == -1)
		return -1;
	for (unsigned int k = 0; k < VM_FILE__COUNT; k++) {
		if ((kinds & (1U << k)) == 0)
			continue;
		for (unsigned int i = 0; i < VMSPEC_INDEX_MAX; i++) {
			if (s->fd[k][i] != -1 &&
			    vmspec_send_file(s, l, vm_id, k, i) == -1)
				return -1;
		}
	}
	if (s->cmdline != NULL &&
	    msg_send(l, MSG_VM_CMDLINE, vm_id, -1, NULL, 0, s->cmdline,
		strlen(s->cmdline)) == -1)
		return -1;
	return MSG_SEND_EMPTY(l, MSG_VM_START_END, vm_id);
}
