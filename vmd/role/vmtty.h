/* SPDX-License-Identifier: ISC */
/*
 * What the parent keeps of a VM's console over its reboots: the pty, the
 * descriptor that tells when somebody opens it, and the ring of output.
 */
#ifndef VMTTY_H
#define VMTTY_H

#include <sys/types.h>

#include <stdint.h>

#include "vmd_limits.h"

struct vmspec;

struct vmtty {
	int master_fd;
	int opened_fd; /* inotify */
	int ring_fd; /* sealed memfd of CONSOLE_MAPPING bytes */
	char path[VMD_TTY_MAX + 1]; /* of the slave; empty: closed */
};

void vmtty_init(struct vmtty *);
/*
 * Makes the terminal and gives it to its owner: mode 0600, 0620 with the group
 * tty where there is no owning group (gid -1), else 0660.  -1 with errno.
 */
int vmtty_open(struct vmtty *, uid_t uid, int64_t gid);
void vmtty_close(struct vmtty *);
/* Puts duplicates into a description.  -1 with errno. */
int vmtty_give(const struct vmtty *, struct vmspec *);

#endif /* VMTTY_H */
