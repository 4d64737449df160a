/* SPDX-License-Identifier: ISC */
/*
 * Starting a VM from a state: it is described and started as any other, and its
 * process fills it with what the stream holds.  The parent passes descriptors
 * and reads none of it: a stream is hostile.
 *
 * Runs in the parent.  A VM that arrives is "starting" until it is whole, which
 * may take hours; it has the locks of its disks before it is said to run.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/state.h"
#include "ipc/faults.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

/* What has been read of a stream: its header, CONFIG, HANDOVER, and one more
 * section that is no longer than they are. */
#define HEAD_MAX (2 * STATE_CONFIG_MAX + 8 * STATE_HEADER)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The type of the file and how it is open, which is known without a word of its
 * file system; 0: it cannot be used. */
static mode_t
vmreceive_type(int fd, int not )
{
	int flags = fcntl(fd, F_GETFL);
	struct statx sx;

	if (flags == -1 || (flags & (O_PATH | O_DIRECT)) != 0 ||
	    (flags & O_ACCMODE) == not ||
	    statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		&sx) == -1)
		return 0;
	return sx.stx_mode & S_IFMT;
}

/* Nobody changes it while it is read. */
static bool
vmreceive_head_ok(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals != -1 && (seals & SEALS) == SEALS &&
	    vmreceive_type(fd, O_WRONLY) == S_IFREG && fstat(fd, &st) == 0 &&
	    st.st_size > 0 && st.st_size <= HEAD_MAX;
}

enum vm_error
vmreceive_check(struct vmspec *s, uint32_t *file, const char **detail)
{
	int fd = vmspec_get(s, VM_FILE_STATE, 0);
	int head = vmspec_get(s, VM_FILE_STATE_HEAD, 0);
	int ack = vmspec_get(s, VM_FILE_STATE_ACK, 0);
	bool lazy = (s->start.receive & RECEIVE_LAZY) != 0;
	mode_t type;

	if (!vmreceive_is(&s->start))
		return VM_ERROR_OK;
	*file = VM_FILE_STATE;
	type = fd != -1 ? vmreceive_type(fd, O_WRONLY) : 0;
	*detail = "it is neither a file, nor a pipe, nor a socket to read from";
	if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
		return VM_ERROR_STATE_BAD;
	*detail = "memory can be loaded later from a regular file alone";
	if (lazy && (type != S_IFREG || ack != -1))
		return VM_ERROR_STATE_BAD;
	*file = VM_FILE_STATE_HEAD;
	*detail = "its beginning is not in sealed memory";
	if (head == -1 || !vmreceive_head_ok(head))
		return VM_ERROR_STATE_BAD;
	*file = VM_FILE_STATE_ACK;
	*detail = "the way back is neither a pipe nor a socket to write to";
	type = ack != -1 ? vmreceive_type(ack, O_RDONLY) : S_IFIFO;
	if (type != S_IFIFO && type != S_IFSOCK)
		return VM_ERROR_STATE_BAD;
	*file = VM_FILE_FAULTS;
	if (lazy) {
		fd = faults_open();
		*detail = faults_hint(errno);
		if (fd == -1)
			return VM_ERROR_FILE_OPEN;
		vmspec_put(s, VM_FILE_FAULTS, 0, fd, 0);
	}
	*file = VM_FILE_NONE;
	return VM_ERROR_OK;
}

/* The guest knows its addresses by now: what is not configured here stays. */
void
vmreceive_merge(struct vmspec *s, const struct msg_vm_start *given)
{
	static const uint8_t none[6];

	if (!vmreceive_is(given))
		return;
	s->start.given |= START_RECEIVE;
	s->start.receive = given->receive;
	for (unsigned int i = 0; i < s->start.nics && i < given->nics; i++)
		if (memcmp(s->start.nic[i].mac, none, sizeof(none)) == 0)
			memcpy(s->start.nic[i].mac, given->nic[i].mac,
			    sizeof(none));
}

void
vmreceive_begun(struct vment *v)
{
	struct msg_vm_start *m = &v->run->start;

	v->move.receiving = vmreceive_is(m);
	m->given &= ~(uint32_t)START_RECEIVE;
	m->receive = 0;
	/* At once: the sender sees by the end of a pipe that the process is
	 * gone that reads it. */
	vmspec_close(v->run, VMSPEC_STATE_KINDS);
}

bool
vmreceive_ready(struct parent *p, struct vment *v)
{
	if (v->state != VM_STARTING)
		return false;
	if (!v->move.receiving || !v->move.unlocked) {
		v->move.receiving = false;
		return true;
	}
	log_warnx("vm",
	    "%s (vm %u): its process says it runs, without its disks: ended",
	    v->name, v->id);
	v->failure = request_result(v, VM_ERROR_DIED);
	v->failure_detail[0] = '\0';
	vmstart_stop(p, v, true);
	return false;
}

/* Once it has its disks, its sender may have given it up. */
void
vmreceive_left(struct parent *p, struct vment *v, uint32_t client)
{
	if (v->state != VM_STARTING || !v->move.receiving ||
	    v->move.receiver != client || v->move.taken)
		return;
	log_info("vm", "%s (vm %u): who receives it is gone", v->name, v->id);
	vmstart_stop(p, v, true);
}
