/* SPDX-License-Identifier: ISC */
/*
 * The sockets on which VMs wait for a debugger: their names, owners and ends.
 *
 * Runs in the parent.  They lie in a folder of the daemon's own, beside its
 * control socket, which is there while one of them is.  Whoever can open one
 * reads and writes all of that guest, so each belongs to the user whose VM it
 * is and to nobody else, from the moment it has a name.
 */
#ifndef GDBSOCK_H
#define GDBSOCK_H

#include <sys/types.h>

#include "vmd_limits.h"

/*
 * The folder: "/run/vmd.gdb" for the control socket "/run/vmd.sock".  Returns
 * owned; out of memory is fatal.
 */
char *gdbsock_folder(const char *socket_path);

/* Removes what an earlier daemon left there, and the folder.  Before the first
 * VM and after the last. */
void gdbsock_sweep(const char *folder);

/*
 * Makes the socket of a VM, mode 0600, given to uid where the daemon may; path
 * gets its name.  Returns an owned listening descriptor, also owned by uid, so
 * that fstat(2) tells whoever serves it.  -1 with errno: EPERM for a folder
 * that is not the daemon's own, ENAMETOOLONG; path is set even then.
 */
int gdbsock_open(const char *folder, const char *name, uid_t uid,
    char path[VMD_GDB_MAX + 1]);

/* Removes that name, and the folder with its last socket; path is empty then.
 * An empty path is allowed. */
void gdbsock_remove(const char *folder, char path[VMD_GDB_MAX + 1]);

#endif /* GDBSOCK_H */
