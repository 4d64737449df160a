/* SPDX-License-Identifier: ISC */
/*
 * Starting and ending VMs: the files, terminal and taps a VM is made of are
 * opened here and given to vmm; what comes back from there is for vmlife.c.
 *
 * Runs in the parent.  A VM that starts either reaches VM_READY or leaves
 * nothing behind.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "net/tap.h"
#include "role/gdbsock.h"
#include "role/parent.h"
#include "vmm.h"

/* What vmm gets of a VM's files. */
#define VMM_KINDS                                                              \
	(1U << VM_FILE_KERNEL | 1U << VM_FILE_INITRD |                         \
	    1U << VM_FILE_FIRMWARE | 1U << VM_FILE_DISK | 1U << VM_FILE_TAP |  \
	    1U << VM_FILE_TTY | 1U << VM_FILE_TTY_WATCH | 1U << VM_FILE_RING | \
	    1U << VM_FILE_CRASH | 1U << VM_FILE_GDB | VMSPEC_STATE_KINDS)

#define MIB ((uint64_t)1 << 20)

/* A start under way: where its error goes. */
struct vmstart {
	struct parent *parent;
	struct vment *v;
	struct vmspec *spec;
	struct msg_result *result;
	char *detail;
	size_t detail_size;
};

static enum vm_error __attribute__((format(printf, 4, 5)))
vmstart_error(struct vmstart *st, enum vm_error error, int sys_errno,
    const char *fmt, ...)
{
	va_list ap;

	st->result->error = error;
	st->result->sys_errno = (uint32_t)sys_errno;
	va_start(ap, fmt);
	vsnprintf(st->detail, st->detail_size, fmt, ap);
	va_end(ap);
	return error;
}

static enum vm_error
vmstart_file_error(struct vmstart *st, enum vm_file kind, unsigned int index,
    enum vm_error error, int sys_errno)
{
	const char *path = st->spec->path[kind][index];

	st->result->file = kind;
	st->result->index = index;
	return vmstart_error(
	    st, error, sys_errno, "%s", path != NULL ? path : "");
}

/* --- files -----------------------------------------------------------------
 */

/* Opens the definition's file of a kind, unless the requester sent one. */
static enum vm_error
vmstart_open(struct vmstart *st, enum vm_file kind, unsigned int index)
{
	const char *path = st->spec->path[kind][index];
	bool readonly = kind != VM_FILE_DISK ||
	    (st->spec->flags[kind][index] & FILE_READONLY) != 0;
	struct stat sb;
	int fd;

	if (path == NULL || vmspec_get(st->spec, kind, index) != -1)
		return VM_ERROR_OK;
	/* O_NONBLOCK: a FIFO must not stop the daemon. */
	fd = open(path,
	    (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return vmstart_file_error(st, kind, index,
		    kind == VM_FILE_FIRMWARE && errno == ENOENT
			? VM_ERROR_FIRMWARE_MISSING
			: VM_ERROR_FILE_OPEN,
		    errno);
	if (fstat(fd, &sb) == -1 ||
	    !(S_ISREG(sb.st_mode) ||
		(kind == VM_FILE_DISK && S_ISBLK(sb.st_mode)))) {
		close(fd);
		return vmstart_file_error(
		    st, kind, index, VM_ERROR_FILE_TYPE, 0);
	}
	vmspec_put(st->spec, kind, index, fd, st->spec->flags[kind][index]);
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_image_error(int error)
{
	switch (error) {
	case EINVAL:
		return VM_ERROR_FILE_TYPE;
	case ENODATA:
		return VM_ERROR_FILE_EMPTY;
	case EBADF:
		return VM_ERROR_FILE_MODE;
	default:
		return VM_ERROR_FILE_READ;
	}
}

/* Whether an earlier disk of this VM is the same file. */
static bool
vmstart_disk_twice(const struct vmspec *s, unsigned int index)
{
	struct stat a, b;

	if (fstat(vmspec_get(s, VM_FILE_DISK, index), &a) == -1)
		return false;
	for (unsigned int i = 0; i < index; i++)
		if (fstat(vmspec_get(s, VM_FILE_DISK, i), &b) == 0 &&
		    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	return false;
}

/* Looks at a disk. */
static enum vm_error
vmstart_disk(struct vmstart *st, unsigned int index)
{
	uint32_t flags = st->spec->flags[VM_FILE_DISK][index];
	bool readonly = (flags & FILE_READONLY) != 0;
	struct image image;
	enum vm_error error;
	int fd;

	if ((error = vmstart_open(st, VM_FILE_DISK, index)) != VM_ERROR_OK)
		return error;
	if ((fd = vmspec_get(st->spec, VM_FILE_DISK, index)) == -1)
		return vmstart_error(st, VM_ERROR_INVALID, 0, "disk missing");
	if (image_open_raw(&image, fd, readonly) == -1)
		return vmstart_file_error(
		    st, VM_FILE_DISK, index, vmstart_image_error(errno), errno);
	if (vmstart_disk_twice(st->spec, index))
		return vmstart_file_error(
		    st, VM_FILE_DISK, index, VM_ERROR_FILE_BUSY, 0);
	return VM_ERROR_OK;
}

/* Its process may be sent with what they hold, and bounds itself by that. */
static void
vmstart_disks_size(struct vmspec *s)
{
	uint64_t mib = 0;
	struct image image;

	for (unsigned int i = 0; i < s->start.disks; i++)
		if (image_open_raw(
			&image, vmspec_get(s, VM_FILE_DISK, i), true) == 0)
			mib += (image.size + MIB - 1) / MIB;
	s->start.disks_mib = mib < UINT32_MAX ? (uint32_t)mib : UINT32_MAX;
}

/*
 * Locks the disks for as long as the VM has them.  Those of one that arrives
 * may be its sender's for now, and its process asks for them again; but not
 * those that are written to before.
 */
static enum vm_error
vmstart_lock(struct vmstart *st)
{
	struct vment_move *move = &st->v->move;
	const struct msg_vm_start *m = &st->spec->start;
	uint32_t index;

	if (vmdisks_lock(st->spec, &move->busy, &index) == VM_ERROR_OK)
		return VM_ERROR_OK;
	move->unlocked = vmreceive_is(m) && (m->receive & RECEIVE_DISKS) == 0;
	return move->unlocked ? VM_ERROR_OK
			      : vmstart_file_error(st, VM_FILE_DISK, index,
				    VM_ERROR_FILE_BUSY, 0);
}

/*
 * What the parent may ask of a kernel or initrd that a client sent: only what
 * cannot block, for it may lie on a file system of the client's making.  The
 * VM process, which reads it, judges the rest.
 */
static enum vm_error
vmstart_client_file(struct vmstart *st, enum vm_file kind)
{
	int fd = vmspec_get(st->spec, kind, 0), flags;

	if (fd == -1)
		return VM_ERROR_OK;
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || (flags & O_PATH) != 0 ||
	    (flags & O_ACCMODE) == O_WRONLY)
		return vmstart_file_error(st, kind, 0, VM_ERROR_FILE_READ, 0);
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_files(struct vmstart *st)
{
	static const enum vm_file kinds[] = { VM_FILE_KERNEL, VM_FILE_INITRD,
		VM_FILE_FIRMWARE };
	enum vm_error error;

	for (size_t i = 0; i < (sizeof(kinds) / sizeof(kinds[0])); i++)
		if ((error = vmstart_client_file(st, kinds[i])) !=
			VM_ERROR_OK ||
		    (error = vmstart_open(st, kinds[i], 0)) != VM_ERROR_OK)
			return error;
	for (unsigned int i = 0; i < st->spec->start.disks; i++)
		if ((error = vmstart_disk(st, i)) != VM_ERROR_OK)
			return error;
	vmstart_disks_size(st->spec);
	return vmstart_lock(st);
}

/* Where the VM comes from, if it is not to be booted. */
static enum vm_error
vmstart_state(struct vmstart *st)
{
	const char *detail;
	enum vm_error error =
	    vmreceive_check(st->spec, &st->result->file, &detail);

	return error == VM_ERROR_OK ? error
				    : vmstart_error(st, error, 0, "%s", detail);
}

/* --- network ---------------------------------------------------------------
 */

/* fe:e1:bb:d<n+1>: the prefix of OpenBSD's VMs, locally administered. */
static void
vmstart_mac(struct vment *v, unsigned int index, uint8_t mac[6])
{
	static const uint8_t none[6];
	uint8_t *kept = v->mac[index];

	if (memcmp(mac, none, sizeof(none)) != 0) {
		memcpy(kept, mac, 6);
		return;
	}
	if (memcmp(kept, none, sizeof(none)) == 0) {
		kept[0] = 0xfe;
		kept[1] = 0xe1;
		kept[2] = 0xbb;
		kept[3] = (uint8_t)(0xd1 + index);
		arc4random_buf(kept + 4, 2);
	}
	memcpy(mac, kept, 6);
}

/* Asks priv to set a tap up. */
static int
vmstart_tap_set(struct parent *p, struct vment *v, const struct vmspec *spec,
    unsigned int index)
{
	const struct msg_nic *nic = &spec->start.nic[index];
	struct msg_link_set set = { .cookie = v->id };

	strlcpy(set.ifname, nic->ifname, sizeof(set.ifname));
	snprintf(set.alias, sizeof(set.alias), "vm%u-if%u-%s", v->id, index,
	    v->name);
	if ((nic->flags & NIC_DOWN) == 0)
		set.flags = LINK_UP;
	v->taps_asked++;
	return MSG_SEND(parent_link(p, PROC_PRIV), MSG_LINK_SET, 0, &set);
}

void
vmstart_taps_again(struct parent *p)
{
	struct vment *v;

	TAILQ_FOREACH(v, &p->vms.vms, entry) {
		if (v->run == NULL || v->taps_asked == 0)
			continue;
		v->taps_asked = 0;
		for (unsigned int i = 0; i < v->run->start.nics; i++)
			if (v->run->start.nic[i].type == NIC_TAP)
				vmstart_tap_set(p, v, v->run, i);
	}
}

static enum vm_error
vmstart_tap(struct vmstart *st, unsigned int index)
{
	struct msg_nic *nic = &st->spec->start.nic[index];
	char ifname[IFNAMSIZ];
	int fd;

	if (!st->parent->is_root)
		return vmstart_error(st, VM_ERROR_TAP_NEEDS_ROOT, 0, "%s", "");
	fd = tap_open(nic->ifname[0] != '\0' ? nic->ifname : NULL, ifname, 0);
	if (fd == -1)
		return vmstart_error(st,
		    errno == EBUSY ? VM_ERROR_TAP_BUSY : VM_ERROR_TAP_FAILED,
		    errno, "%s", nic->ifname);
	vmspec_put(st->spec, VM_FILE_TAP, index, fd, 0);
	strlcpy(nic->ifname, ifname, sizeof(nic->ifname));
	if (vmstart_tap_set(st->parent, st->v, st->spec, index) == -1)
		return vmstart_error(st, VM_ERROR_TAP_FAILED, 0,
		    "%s: priv, which sets it up, is being restarted: try again",
		    ifname);
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_nics(struct vmstart *st)
{
	struct msg_vm_start *m = &st->spec->start;
	enum vm_error error;

	st->v->taps_asked = 0;
	for (unsigned int i = 0; i < m->nics; i++) {
		vmstart_mac(st->v, i, m->nic[i].mac);
		if (m->nic[i].type == NIC_AUTO)
			m->nic[i].type =
			    st->parent->is_root ? NIC_TAP : NIC_USER;
		if (m->nic[i].type == NIC_TAP &&
		    (error = vmstart_tap(st, i)) != VM_ERROR_OK)
			return error;
	}
	return VM_ERROR_OK;
}

/* --- starting --------------------------------------------------------------
 */

static char *
vmstart_strdup(const char *s)
{
	char *copy = s != NULL ? strdup(s) : NULL;

	if (s != NULL && copy == NULL)
		fatal("vmstart", "strdup");
	return copy;
}

/* The definition with what the requester gave on top of it. */
static struct vmspec *
vmstart_merge(const struct vmspec *def, struct vmspec *extra)
{
	struct vmspec *s = extra != NULL ? extra : vmspec_new();
	bool kernel = vmspec_get(s, VM_FILE_KERNEL, 0) != -1;
	struct msg_vm_start given = s->start;

	if (def == NULL)
		return s;
	s->start = def->start;
	s->crash_max = def->crash_max;
	if ((given.given & START_DEBUG) != 0)
		s->start.debug = given.debug;
	vmreceive_merge(s, &given);
	/* A kernel of the requester's comes without the definition's initrd
	 * and command line, which belong to another kernel. */
	for (unsigned int k = 0; k < VM_FILE__COUNT; k++) {
		for (unsigned int i = 0; i < VMSPEC_INDEX_MAX; i++) {
			if (kernel && k == VM_FILE_INITRD)
				continue;
			if (s->fd[k][i] != -1)
				continue;
			s->path[k][i] = vmstart_strdup(def->path[k][i]);
			s->flags[k][i] = def->flags[k][i];
		}
	}
	if ((given.given & START_CMDLINE) == 0 && !kernel)
		s->cmdline = vmstart_strdup(def->cmdline);
	return s;
}

static enum vm_error
vmstart_kvm(struct vmstart *st)
{
	int fd;

	if (st->parent->kvm_sent)
		return VM_ERROR_OK;
	if ((fd = vmm_open(NULL)) == -1) {
		int saved = errno;

		return vmstart_error(
		    st, VM_ERROR_NO_KVM, saved, "%s", vmm_open_hint(saved));
	}
	if (msg_send(parent_link(st->parent, PROC_VMM), MSG_KVM, 0, fd, NULL, 0,
		NULL, 0) == -1)
		return vmstart_error(
		    st, VM_ERROR_SPAWN_FAILED, errno, "%s", "");
	st->parent->kvm_sent = true;
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_terminal(struct vmstart *st, uid_t uid)
{
	struct vmtty *tty = &st->v->tty;

	if (tty->path[0] == '\0' &&
	    vmtty_open(tty, &st->parent->tty_watch, uid, st->v->gid) == -1)
		return vmstart_error(st, VM_ERROR_TTY_FAILED, errno, "%s", "");
	if (vmtty_give(tty, st->spec) == -1)
		return vmstart_error(st, VM_ERROR_TTY_FAILED, errno, "%s", "");
	return VM_ERROR_OK;
}

/* Its descriptor lasts as long as the description: over resets. */
static enum vm_error
vmstart_gdb(struct vmstart *st, uid_t uid)
{
	struct vment *v = st->v;
	int fd;

	if ((st->spec->start.debug & DEBUG_GDB) == 0)
		return VM_ERROR_OK;
	fd = gdbsock_open(st->parent->gdb_folder, v->name, uid, v->gdb);
	if (fd == -1) {
		int saved = errno;
		enum vm_error error =
		    vmstart_error(st, VM_ERROR_GDB_FAILED, saved, "%s", v->gdb);

		v->gdb[0] = '\0';
		return error;
	}
	vmspec_put(st->spec, VM_FILE_GDB, 0, fd, 0);
	return VM_ERROR_OK;
}

/* A VM without a kernel is started by the firmware, from its first disk. */
static enum vm_error
vmstart_firmware(struct vmstart *st)
{
	struct vmspec *s = st->spec;

	if (vmspec_get(s, VM_FILE_KERNEL, 0) != -1 ||
	    s->path[VM_FILE_KERNEL][0] != NULL)
		return VM_ERROR_OK;
	if (s->start.disks == 0)
		return vmstart_error(st, VM_ERROR_NOTHING_TO_BOOT, 0, "%s", "");
	s->path[VM_FILE_FIRMWARE][0] = vmstart_strdup(VMD_FIRMWARE);
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_send(struct vmstart *st)
{
	if (vmspec_send(st->spec, parent_link(st->parent, PROC_VMM), st->v->id,
		VMM_KINDS) == -1)
		return vmstart_error(
		    st, VM_ERROR_SPAWN_FAILED, errno, "%s", "");
	return VM_ERROR_OK;
}

static enum vm_error
vmstart_crash(struct vmstart *st)
{
	enum vm_error error = crash_prepare(st->v, st->spec);

	if (error == VM_ERROR_OK)
		return error;
	return vmstart_file_error(st, VM_FILE_CRASH, 0, error,
	    error == VM_ERROR_FILE_OPEN ? errno : 0);
}

enum vm_error
vmstart_start(struct parent *p, struct vment *v, struct vmspec *extra,
    uid_t uid, struct msg_result *result, char *detail, size_t detail_size)
{
	struct vmstart st = { .parent = p,
		.v = v,
		.spec = vmstart_merge(v->def, extra),
		.result = result,
		.detail = detail,
		.detail_size = detail_size };
	struct msg_vm_start *m = &st.spec->start;
	enum vm_error error;

	memset(&v->crash, 0, sizeof(v->crash));
	memset(&v->move, 0, sizeof(v->move));
	*result = request_result(v, VM_ERROR_OK);
	detail[0] = '\0';
	strlcpy(m->target.name, v->name, sizeof(m->target.name));
	m->target.id = v->id;
	if (m->memory == 0)
		m->memory = VMD_MEMORY_DEFAULT;
	if (m->cpus == 0)
		m->cpus = 1;
	if ((error = vmstart_state(&st)) != VM_ERROR_OK ||
	    (error = vmstart_firmware(&st)) != VM_ERROR_OK ||
	    (error = vmstart_files(&st)) != VM_ERROR_OK ||
	    (error = vmstart_crash(&st)) != VM_ERROR_OK ||
	    (error = vmstart_kvm(&st)) != VM_ERROR_OK ||
	    (error = vmstart_nics(&st)) != VM_ERROR_OK ||
	    (error = vmstart_terminal(&st, uid)) != VM_ERROR_OK ||
	    (error = vmstart_gdb(&st, uid)) != VM_ERROR_OK ||
	    (error = vmstart_send(&st)) != VM_ERROR_OK) {
		vmspec_free(st.spec);
		vmtty_close(&v->tty);
		gdbsock_remove(p->gdb_folder, v->gdb);
		return error;
	}
	v->run = st.spec;
	v->started_by = uid;
	v->stop_asked = false;
	v->failure.error = VM_ERROR_OK;
	memset(v->restarts, 0, sizeof(v->restarts));
	vmreceive_begun(v);
	vment_event(v, EVENT_START);
	strlcpy(result->tty, v->tty.path, sizeof(result->tty));
	return VM_ERROR_OK;
}

void
vmstart_stop(struct parent *p, struct vment *v, bool force)
{
	struct msg_vm_stop m = { .flags = force ? STOP_FORCE : 0 };

	if (v->state == VM_STARTING)
		m.flags = STOP_FORCE;
	v->stop_asked = true;
	vment_event(v, EVENT_STOP);
	m.target.id = v->id;
	MSG_SEND(parent_link(p, PROC_VMM), MSG_VM_STOP, v->id, &m);
}

int
vmstart_again(struct parent *p, struct vment *v)
{
	enum vm_error error = crash_prepare(v, v->run);

	/* It has run before; one that goes on without is better than none. */
	if (error != VM_ERROR_OK)
		log_warnx("vm", "%s (vm %u): no dump of its next crash: %s %s",
		    v->name, v->id, v->run->path[VM_FILE_CRASH][0],
		    vm_error_text(error));
	vmstart_disks_size(v->run);
	return vmspec_send(v->run, parent_link(p, PROC_VMM), v->id, VMM_KINDS);
}
