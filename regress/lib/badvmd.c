/* SPDX-License-Identifier: ISC */
/*
 * vmd itself, but for what is between it and three functions of its own, so
 * that tests reach what a vmd that keeps its rules never does:
 *
 * - its control announces a client of uid 61010 as VMD_CLIENTS_MAX of them,
 *   and one of uid 61011 twice; all others as it should;
 * - a VM with the kernel arguments "slow" takes 12 s to read its kernel, with
 *   "hang" for ever;
 * - priv cannot be started while there is a file of the name that
 *   BADVMD_NO_PRIV has.
 *
 * Linked with vmd's own main and archives, and --wrap.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "boot/boot.h"
#include "jail/jail.h"
#include "role/child.h"

#define UID_CROWD 61010
#define UID_TWIN 61011
/* Far from what control itself gives. */
#define CROWD_ID 1000000

void __real_child_send(struct child *, enum msg_type, uint32_t, int,
    const void *, size_t, const void *, size_t);
void __wrap_child_send(struct child *, enum msg_type, uint32_t, int,
    const void *, size_t, const void *, size_t);
int __real_boot_load(const struct boot_params *, struct boot_result *);
int __wrap_boot_load(const struct boot_params *, struct boot_result *);
pid_t __real_jail_spawn(const struct jail_spawn *, int *);
pid_t __wrap_jail_spawn(const struct jail_spawn *, int *);

void
__wrap_child_send(struct child *c, enum msg_type type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len)
{
	const struct msg_client_open *open = payload;
	unsigned int more = 0;

	__real_child_send(c, type, peerid, fd, payload, len, tail, tail_len);
	if (type != MSG_CLIENT_OPEN)
		return;
	if (open->uid == UID_TWIN)
		__real_child_send(c, type, peerid, -1, payload, len, NULL, 0);
	if (open->uid == UID_CROWD)
		more = VMD_CLIENTS_MAX - 1;
	while (more-- > 0)
		__real_child_send(
		    c, type, CROWD_ID + more, -1, payload, len, NULL, 0);
}

int
__wrap_boot_load(const struct boot_params *params, struct boot_result *result)
{
	const char *words = params->cmdline != NULL ? params->cmdline : "";
	const struct timespec slow = { .tv_sec = 12 };

	do {
		if (strcmp(words, "slow") == 0 || strcmp(words, "hang") == 0)
			nanosleep(&slow, NULL);
	} while (strcmp(words, "hang") == 0);
	return __real_boot_load(params, result);
}

pid_t
__wrap_jail_spawn(const struct jail_spawn *spawn, int *pidfd)
{
	const char *path = getenv("BADVMD_NO_PRIV");
	int fd;

	if (spawn->js_role == ROLE_PRIV && path != NULL &&
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
		close(fd);
		errno = EAGAIN;
		return -1;
	}
	return __real_jail_spawn(spawn, pidfd);
}
