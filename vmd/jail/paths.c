/* SPDX-License-Identifier: ISC */
/*
 * The files a role that has not lost its root may still reach, where the
 * kernel has Landlock.  A rule set is inherited, so the supervisor's holds
 * what its children need; what a child lists it must list, too.
 */
#include "jail/table.h"

#include <linux/landlock.h>

#define READ LANDLOCK_ACCESS_FS_READ_FILE
#define EXEC (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE)

const struct jail_path jail_paths[] = {
	{ S, PATH_EXE, EXEC, "starts its children from it" },
	{ S, PATH_LIBRARIES, EXEC, "the loader and what it loads" },
	{ S, "/etc/ld.so.cache", READ, "the loader" },
	{ S | U, "/etc/resolv.conf", READ, "name servers" },
	{ S | U, "/run/systemd/resolve", READ, "where resolv.conf points to" },
	{ S | U, "/run/NetworkManager", READ, "where resolv.conf points to" },
	{ S | U, "/run/resolvconf", READ, "where resolv.conf points to" },
#ifdef JAIL_SANITIZED
	{ S, "/proc", READ, "sanitizer" },
#endif
};
const size_t jail_paths_count = sizeof(jail_paths) / sizeof(jail_paths[0]);
