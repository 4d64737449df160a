/* SPDX-License-Identifier: ISC */
/*
 * vmd itself, but for what is between it and two functions of its own, so that
 * tests reach what a vmd that keeps its rules never does:
 *
 * - its control announces a client of uid 61010 as VMD_CLIENTS_MAX of them,
 *   and one of uid 61011 twice; all others as it should;
 * - once priv has died, the next BADVMD_SPAWNS tries to start it fail.
 *
 * Linked with vmd's own main and archives, and --wrap.
 */
#include <errno.h>
#include <stdlib.h>

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

pid_t
__wrap_jail_spawn(const struct jail_spawn *spawn, int *pidfd)
{
	static unsigned int tries;
	const char *fail = getenv("BADVMD_SPAWNS");

	if (spawn->js_role == ROLE_PRIV && fail != NULL && tries++ > 0 &&
	    tries - 1 <= strtoul(fail, NULL, 10)) {
		errno = EAGAIN;
		return -1;
	}
	return __real_jail_spawn(spawn, pidfd);
}
