/* SPDX-License-Identifier: ISC */
/*
 * Sending a VM: who may, and what it is made of.  The rest is done by the VM
 * process, which writes to the client's descriptor itself.
 *
 * Runs in the parent.  A client's descriptor and its files may lie on a file
 * system of the client's making, which is never waited for.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "image/state.h"
#include "image/state_config.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define DELETED " (deleted)" /* what the kernel adds to such a path */

bool
vmsend_may(
    const struct parent *p, const struct session *s, const struct vment *v)
{
	return request_is_admin(p, s) || v->allow_send;
}

static enum vm_error
vmsend_check(const struct msg_vm_send *send, int fd, char *detail)
{
	int flags = fcntl(fd, F_GETFL);
	struct statx sx;
	const char *why = NULL;

	if ((send->ask.flags & ~(uint32_t)SEND_FLAGS) != 0 ||
	    send->level > SEND_LEVEL_MAX || send->downtime_ms == 0 ||
	    send->downtime_ms > SEND_DOWNTIME_MAX_MS)
		return VM_ERROR_INVALID;
	if (flags == -1 || (flags & (O_PATH | O_DIRECT)) != 0 ||
	    (flags & O_ACCMODE) == O_RDONLY ||
	    statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		&sx) == -1)
		why = "where to is not open for writing";
	else if (!S_ISREG(sx.stx_mode) && !S_ISFIFO(sx.stx_mode) &&
	    !S_ISSOCK(sx.stx_mode))
		why = "where to is neither a file, nor a pipe, nor a socket";
	else if ((send->ask.flags & SEND_TWO_WAY) != 0 &&
	    !S_ISSOCK(sx.stx_mode))
		why = "nobody can answer on what is not a socket";
	if (why == NULL)
		return VM_ERROR_OK;
	snprintf(detail, VMD_DETAIL_MAX + 1, "%s", why);
	return VM_ERROR_SEND_FAILED;
}

/* --- what the VM is made of ------------------------------------------------
 */

static const struct {
	enum state_file_kind kind;
	enum vm_file file;
} kinds[] = {
	{ STATE_FILE_DISK, VM_FILE_DISK },
	{ STATE_FILE_KERNEL, VM_FILE_KERNEL },
	{ STATE_FILE_INITRD, VM_FILE_INITRD },
	{ STATE_FILE_FIRMWARE, VM_FILE_FIRMWARE },
};

/* The path by which a receiver may open it, too.  false: it has none. */
static bool
vmsend_path(const struct vmspec *s, enum vm_file file, unsigned int index,
    char path[STATE_PATH_MAX + 1])
{
	char self[64];
	struct statx sx;
	ssize_t n;

	if (s->path[file][index] != NULL)
		return strlcpy(path, s->path[file][index],
			   STATE_PATH_MAX + 1) <= STATE_PATH_MAX;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", s->fd[file][index]);
	n = readlink(self, path, STATE_PATH_MAX + 1);
	if (n == -1 || n > (ssize_t)STATE_PATH_MAX) {
		path[0] = '\0';
		return false;
	}
	path[n] = '\0';
	if (statx(s->fd[file][index], "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		STATX_NLINK, &sx) == -1 ||
	    sx.stx_nlink == 0 || path[0] != '/')
		return false;
	return (size_t)n < sizeof(DELETED) ||
	    strcmp(path + n - (sizeof(DELETED) - 1), DELETED) != 0;
}

static uint64_t
vmsend_size(int fd, bool disk, bool readonly)
{
	struct image image;
	struct statx sx;

	if (disk)
		return image_open_raw(&image, fd, readonly) == 0 ? image.size
								 : 0;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE,
		   &sx) == 0
	    ? sx.stx_size
	    : 0;
}

static enum vm_error
vmsend_file(struct state_config *c, const struct vmspec *s, size_t kind,
    unsigned int index, char *detail)
{
	enum vm_file file = kinds[kind].file;
	bool readonly = (s->flags[file][index] & FILE_READONLY) != 0;
	struct state_file *f = &c->file[c->files];
	int fd = vmspec_get(s, file, index);

	if (fd == -1)
		return VM_ERROR_OK;
	if (!vmsend_path(s, file, index, f->path)) {
		snprintf(detail, VMD_DETAIL_MAX + 1,
		    "%s %u (%s) has no path by which a receiver could open it",
		    vm_file_text(file), index, f->path);
		return VM_ERROR_SEND_FAILED;
	}
	f->kind = (uint16_t)kinds[kind].kind;
	f->index = (uint16_t)index;
	f->flags = readonly ? STATE_FILE_READONLY : 0;
	f->format = file == VM_FILE_DISK ? STATE_FORMAT_RAW : STATE_FORMAT_NONE;
	f->size = vmsend_size(fd, file == VM_FILE_DISK, readonly);
	f->generation = vmdisks_generation(fd);
	c->files++;
	return VM_ERROR_OK;
}

static void
vmsend_nics(struct state_config *c, const struct msg_vm_start *m)
{
	c->nics = m->nics;
	for (unsigned int i = 0; i < m->nics; i++) {
		const struct msg_nic *nic = &m->nic[i];
		struct state_nic *to = &c->nic[i];

		to->type = nic->type;
		to->flags = (nic->flags & NIC_DOWN) != 0 ? STATE_NIC_DOWN : 0;
		if ((nic->flags & NIC_FIXED) != 0)
			to->flags |= STATE_NIC_FIXED;
		memcpy(to->mac, nic->mac, sizeof(to->mac));
		strlcpy(to->ifname, nic->ifname, sizeof(to->ifname));
	}
}

static enum vm_error
vmsend_config(
    struct state_config *c, const struct vment *v, uint32_t flags, char *detail)
{
	const struct vmspec *s = v->run;
	enum vm_error error;

	memset(c, 0, sizeof(*c));
	c->memory = s->start.memory;
	c->cpus = s->start.cpus;
	if ((s->start.debug & DEBUG_GDB) != 0)
		c->flags |= STATE_CONFIG_GDB;
	if ((flags & SEND_COPY) != 0)
		c->flags |= STATE_CONFIG_COPY;
	if ((flags & SEND_DISKS) != 0)
		c->flags |= STATE_CONFIG_DISKS;
	strlcpy(c->name, v->name, sizeof(c->name));
	if (s->cmdline != NULL)
		strlcpy(c->cmdline, s->cmdline, sizeof(c->cmdline));
	vmsend_nics(c, &s->start);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (unsigned int i = 0; i < VMSPEC_INDEX_MAX; i++)
			if ((error = vmsend_file(c, s, k, i, detail)) !=
			    VM_ERROR_OK)
				return error;
	return VM_ERROR_OK;
}

/* Returns owned: a memfd that nobody changes any more; -1 with errno. */
static int
vmsend_memfd(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("vmd-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (write(fd, bytes, len) == (ssize_t)len &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	close(fd);
	errno = ENOMEM;
	return -1;
}

/* Tells the VM process what its VM is made of, which it does not know. */
static enum vm_error
vmsend_tell(
    struct parent *p, const struct vment *v, uint32_t flags, char *detail)
{
	static struct state_config config; /* much for a stack */
	static uint8_t payload[STATE_CONFIG_MAX];
	const char *why;
	enum vm_error error = vmsend_config(&config, v, flags, detail);
	size_t len;
	int fd;

	if (error != VM_ERROR_OK)
		return error;
	if ((len = state_config_encode(&config, payload, &why)) == 0) {
		snprintf(detail, VMD_DETAIL_MAX + 1, "it is made of %s", why);
		return VM_ERROR_SEND_FAILED;
	}
	if ((fd = vmsend_memfd(payload, len)) == -1 ||
	    msg_send(parent_link(p, PROC_VMM), MSG_VM_CONFIG, v->id, fd, NULL,
		0, NULL, 0) == -1) {
		snprintf(detail, VMD_DETAIL_MAX + 1, "%s", strerror(errno));
		return VM_ERROR_SEND_FAILED;
	}
	return VM_ERROR_OK;
}

/* Lets the VM process read its disks, which it has no other way to: opened
 * anew, so that it cannot write, nor move what others read. */
static enum vm_error
vmsend_disks(struct parent *p, const struct vment *v, char *detail)
{
	struct msg_vm_disk_data m;
	char self[64];
	int fd;

	for (m.index = 0; m.index < v->run->start.disks; m.index++) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d",
		    vmspec_get(v->run, VM_FILE_DISK, m.index));
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd != -1 &&
		    msg_send(parent_link(p, PROC_VMM), MSG_VM_DISK_DATA, v->id,
			fd, &m, sizeof(m), NULL, 0) == 0)
			continue;
		snprintf(detail, VMD_DETAIL_MAX + 1,
		    "disk %u cannot be opened to read what it holds: %s",
		    m.index, strerror(errno));
		return VM_ERROR_SEND_FAILED;
	}
	return VM_ERROR_OK;
}

/* --- one send --------------------------------------------------------------
 */

enum vm_error
vmsend_prepare(struct parent *p, const struct session *s, struct vment *v,
    const struct msg *m, char *detail)
{
	const struct msg_vm_send *send = m->payload;
	enum vm_error error;

	if (!vmsend_may(p, s, v))
		return VM_ERROR_NO_SEND;
	if (v->state == VM_STOPPING)
		return VM_ERROR_STOPPING;
	if ((error = vmsend_check(send, m->fd, detail)) != VM_ERROR_OK)
		return error;
	if (v->move.sender != 0)
		return VM_ERROR_SENDING;
	error = vmsend_tell(p, v, send->ask.flags, detail);
	if (error == VM_ERROR_OK && (send->ask.flags & SEND_DISKS) != 0)
		error = vmsend_disks(p, v, detail);
	if (error != VM_ERROR_OK)
		return error;
	v->move.sender = s->id;
	v->move.copy = (send->ask.flags & SEND_COPY) != 0;
	return VM_ERROR_OK;
}

void
vmsend_answered(struct vment *v, uint32_t client)
{
	if (v->move.sender == client)
		v->move.sender = 0;
}

void
vmsend_ended(struct parent *p, struct vment *v)
{
	const struct msg_result r = request_result(v, VM_ERROR_OK);
	uint32_t client = v->move.sender;
	bool waits = v->move.sent && client != 0 &&
	    vment_has_waiter(v, client, WAIT_ANSWER);

	memset(&v->move, 0, sizeof(v->move));
	if (!waits)
		return;
	vment_forget_client(v, client);
	request_answer(p, client, &r, "");
}
