/* SPDX-License-Identifier: ISC */
/*
 * The folder of a VM's crash dumps: files that have no name until they are
 * complete, then NAME-YYYYMMDDTHHMMSS.core, the newest few of them.
 *
 * Runs in the parent, as root where the daemon is root's, in a folder that may
 * be an ordinary user's: no symbolic link is followed anywhere on the way to
 * it, it belongs to root or to the owner of the VM, and the files are the
 * owner's.
 */
#ifndef CRASHDIR_H
#define CRASHDIR_H

#include <sys/types.h>

#include "vm_error.h"

#define CRASHDIR_NAME 128 /* bytes of a file's name at most */
#define CRASHDIR_DUMPS 4096 /* of one VM, more are left for the next time */

/*
 * Makes a file without a name, for reading and writing, that is uid's; *fd is
 * owned.  VM_ERROR_OK; FILE_OPEN with errno; FILE_OWNER, FILE_UNNAMED.
 */
enum vm_error crashdir_make(const char *dir, uid_t uid, int *fd);
/*
 * Names that file after vm and the time, which is in file then; of the regular
 * files with such a name, all but the max (1 at least) newest are removed, in a
 * folder with too many of them some.  0,
 * or -1 with errno: it has no name.
 */
int crashdir_keep(const char *dir, uid_t uid, int fd, const char *vm,
    unsigned int max, char file[CRASHDIR_NAME]);

#endif /* CRASHDIR_H */
