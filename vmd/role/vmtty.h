/* SPDX-License-Identifier: ISC */
/*
 * What the parent keeps of a VM's console over its reboots: the pty, the
 * descriptor that tells the VM when somebody opens it, and the ring of output.
 */
#ifndef VMTTY_H
#define VMTTY_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdint.h>

#include "vmd_limits.h"

struct event_base;
struct vmspec;

/* One inotify for all terminals: a user may have few of them. */
struct vmtty_watch {
	int inotify_fd;
	TAILQ_HEAD(vmttys, vmtty) ttys;
};

struct vmtty {
	TAILQ_ENTRY(vmtty) entry;
	struct vmtty_watch *watch; /* NULL: not in its list */
	int wd; /* of the watch */
	int master_fd;
	int opened_fd; /* eventfd: somebody has opened the slave */
	int ring_fd; /* sealed memfd of CONSOLE_MAPPING bytes */
	char path[VMD_TTY_MAX + 1]; /* of the slave; empty: closed */
};

/* -1 with errno. */
int vmtty_watch_init(struct vmtty_watch *);
/* inotify_fd is readable: tells the VMs whose terminals were opened. */
void vmtty_watch_read(struct vmtty_watch *);

void vmtty_init(struct vmtty *);
/*
 * Makes the terminal and gives it to its owner: mode 0600, 0620 with the group
 * tty where there is no owning group (gid -1), else 0660.  -1 with errno.
 */
int vmtty_open(struct vmtty *, struct vmtty_watch *, uid_t uid, int64_t gid);
void vmtty_close(struct vmtty *);
/*
 * Closes it too, but what the guest printed last and a reader has not read yet
 * stays for a second: a hang-up would throw it away.
 */
void vmtty_release(struct vmtty *, struct event_base *);
/* Puts duplicates into a description.  -1 with errno. */
int vmtty_give(const struct vmtty *, struct vmspec *);

#endif /* VMTTY_H */
