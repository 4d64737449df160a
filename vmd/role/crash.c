/* SPDX-License-Identifier: ISC */
/*
 * Dumps of VMs that crash.  Runs in the parent: it gives a VM that is to leave
 * one a file without a name, and names it when the VM has ended and says that
 * it is complete.  A VM process that lies about that puts what it likes into a
 * file of its owner's, and no more.
 */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/clock.h"
#include "ipc/vmspec.h"
#include "role/crashdir.h"
#include "role/parent.h"

enum vm_error
crash_prepare(struct vment *v, struct vmspec *spec)
{
	const char *dir = spec->path[VM_FILE_CRASH][0];
	enum vm_error error;
	int fd = -1;

	if (dir == NULL)
		return VM_ERROR_OK;
	v->crash.since = clock_ms();
	error = crashdir_make(dir, v->uid, &fd);
	vmspec_put(spec, VM_FILE_CRASH, 0, fd, 0);
	return error;
}

void
crash_dumped(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_dumped *dumped = m->payload;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);
	int64_t up;

	/* What is said of no file is not to be believed of the next one. */
	if (v == NULL || v->run == NULL || v->crash.told ||
	    vmspec_get(v->run, VM_FILE_CRASH, 0) == -1)
		return;
	up = clock_ms() - v->crash.since;
	v->crash.told = true;
	v->crash.sys_errno = (int)dumped->sys_errno;
	v->crash.ms += dumped->ms < up ? dumped->ms : up;
}

/* The VM process has ended: nobody else writes the file any more. */
static void
crash_keep(struct vment *v, int fd)
{
	const char *dir = v->run->path[VM_FILE_CRASH][0];
	char file[CRASHDIR_NAME];
	struct stat st = { .st_size = 0 };

	if (v->crash.sys_errno != 0)
		errno = v->crash.sys_errno;
	else if (crashdir_keep(
		     dir, v->uid, fd, v->name, v->run->crash_max, file) == 0) {
		fstat(fd, &st);
		log_info("vm", "%s (vm %u) crashed: dump %s/%s, %lld bytes",
		    v->name, v->id, dir, file, (long long)st.st_size);
		return;
	}
	log_warn(
	    "vm", "%s (vm %u) crashed, no dump in %s", v->name, v->id, dir);
}

void
crash_finish(struct vment *v)
{
	int fd = vmspec_get(v->run, VM_FILE_CRASH, 0);

	if (fd == -1)
		return;
	if (v->crash.told)
		crash_keep(v, fd);
	v->crash.told = false;
	vmspec_put(v->run, VM_FILE_CRASH, 0, -1, 0);
}
