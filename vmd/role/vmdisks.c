/* SPDX-License-Identifier: ISC */
/*
 * The locks of disks, of which the parent holds one each for as long as a VM
 * has it, and what a VM that moves asks about that: its process hands them from
 * one host to the other.
 *
 * Runs in the parent.  A VM process may be its guest's: locks are given up only
 * while a client has its VM sent.  All disks of a VM are locked, or none is.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>

#include "image/image.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

void
vmdisks_unlock(const struct vmspec *s)
{
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++) {
		int fd = vmspec_get(s, VM_FILE_DISK, i);

		if (fd != -1)
			flock(fd, LOCK_UN);
	}
}

enum vm_error
vmdisks_lock(const struct vmspec *s, uint32_t *busy, uint32_t *index)
{
	enum vm_error error = VM_ERROR_OK;

	for (unsigned int i = VMD_DISKS_MAX; i-- > 0;) {
		int fd = vmspec_get(s, VM_FILE_DISK, i), how = LOCK_EX;

		if ((s->flags[VM_FILE_DISK][i] & FILE_READONLY) != 0)
			how = LOCK_SH;
		if (fd == -1 || flock(fd, how | LOCK_NB) == 0)
			continue;
		if (errno == EWOULDBLOCK)
			*busy |= 1U << i;
		*index = i;
		error = VM_ERROR_FILE_BUSY;
	}
	if (error != VM_ERROR_OK)
		vmdisks_unlock(s);
	return error;
}

/* A block device has no such time, or one that says nothing. */
uint64_t
vmdisks_generation(int fd)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		STATX_TYPE | STATX_MTIME, &sx) == -1 ||
	    !S_ISREG(sx.stx_mode) || (sx.stx_mask & STATX_MTIME) == 0)
		return 0;
	return (uint64_t)sx.stx_mtime.tv_sec * 1000000000U +
	    sx.stx_mtime.tv_nsec;
}

static void
vmdisks_look(const struct vmspec *s, struct msg_vm_disks_done *done)
{
	struct image image;

	done->count = s->start.disks;
	for (unsigned int i = 0; i < s->start.disks; i++) {
		int fd = vmspec_get(s, VM_FILE_DISK, i);
		bool readonly =
		    (s->flags[VM_FILE_DISK][i] & FILE_READONLY) != 0;

		if (image_open_raw(&image, fd, readonly) == 0)
			done->disk[i].size = image.size;
		done->disk[i].generation = vmdisks_generation(fd);
	}
}

/* Nobody takes the disks of a VM that is only copied, or that nobody waits for
 * any more. */
static enum vm_error
vmdisks_give_up(struct vment *v)
{
	struct vment_move *move = &v->move;

	if (move->sender == 0 || move->copy ||
	    (v->state != VM_RUNNING && v->state != VM_PAUSED))
		return VM_ERROR_INVALID;
	if (!vment_has_waiter(v, move->sender, WAIT_ANSWER))
		return VM_ERROR_CANCELLED;
	vmdisks_unlock(v->run);
	move->unlocked = true;
	return VM_ERROR_OK;
}

static enum vm_error
vmdisks_take(struct vment *v, struct msg_vm_disks_done *done)
{
	struct vment_move *move = &v->move;
	enum vm_error error;

	/* Changes nothing where they are held. */
	error = vmdisks_lock(v->run, &move->busy, &done->index);
	move->unlocked = error != VM_ERROR_OK;
	if (error != VM_ERROR_OK)
		return error;
	move->taken = true;
	if (move->busy != 0)
		done->flags |= DISKS_SHARED;
	return VM_ERROR_OK;
}

static enum vm_error
vmdisks_do(struct vment *v, uint32_t what, struct msg_vm_disks_done *done)
{
	const struct vment_move *move = &v->move;

	switch (what) {
	case DISKS_LOOK:
		return move->sender != 0 || move->receiving || move->unlocked
		    ? VM_ERROR_OK
		    : VM_ERROR_INVALID;
	case DISKS_UNLOCK:
		return vmdisks_give_up(v);
	case DISKS_LOCK:
		return vmdisks_take(v, done);
	default:
		return VM_ERROR_INVALID;
	}
}

void
vmdisks_request(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_disks *ask = m->payload;
	struct msg_vm_disks_done done = { .what = ask->what };
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);

	if (v == NULL || v->run == NULL)
		return;
	done.error = vmdisks_do(v, ask->what, &done);
	if (done.error != VM_ERROR_INVALID)
		vmdisks_look(v->run, &done);
	MSG_SEND(parent_link(p, PROC_VMM), MSG_VM_DISKS_DONE, v->id, &done);
}
