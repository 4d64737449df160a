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
 *   BADVMD_NO_PRIV has;
 * - asked for its counters, the process of VM 2 sends parts of an answer
 *   without end, that of VM 3 sends them, and the end, to everybody but who
 *   asked, and that of VM 4 answers twice;
 * - the process of VM 5 asks for its disks when it is asked for its counters,
 *   that of VM 6 asks for them again and again, and that of VM 7 says that it
 *   runs instead.
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

#define VM_FLOODS 2
#define VM_LIES 3
#define VM_REPEATS 4
#define VM_EARLY 5
#define VM_OFTEN 6
#define VM_SURE 7
#define FLOOD 1000000
#define LIES 100 /* together with the true ones no flood */

void __real_child_send(struct child *, enum msg_type, uint32_t, int,
    const void *, size_t, const void *, size_t);
void __wrap_child_send(struct child *, enum msg_type, uint32_t, int,
    const void *, size_t, const void *, size_t);
int __real_boot_load(const struct boot_params *, struct boot_result *);
int __wrap_boot_load(const struct boot_params *, struct boot_result *);
pid_t __real_jail_spawn(const struct jail_spawn *, int *);
pid_t __wrap_jail_spawn(const struct jail_spawn *, int *);

/* What a guest that has taken over its VM's process may make of an answer. */
static bool
answers_badly(struct child *c, const struct msg_vm_answer *answer)
{
	struct msg_stats_row row = { .client = answer->client, .name = "bad" };
	struct msg_vm_answer other = { .client = answer->client + 1 };
	const struct msg_vm_disks look = { .what = DISKS_LOOK };

	switch (c->vm_id) {
	case VM_FLOODS:
		for (unsigned int i = 0; i < FLOOD; i++)
			__real_child_send(c, MSG_STATS_ROW, 0, -1, &row,
			    sizeof(row), NULL, 0);
		return true;
	case VM_LIES:
		for (row.client = 0; row.client < LIES; row.client++)
			if (row.client != answer->client)
				__real_child_send(c, MSG_STATS_ROW, 0, -1, &row,
				    sizeof(row), NULL, 0);
		__real_child_send(
		    c, MSG_VM_ANSWER, 0, -1, &other, sizeof(other), NULL, 0);
		return true;
	case VM_EARLY:
		__real_child_send(c, MSG_VM_DISKS, c->vm_id, -1, &look,
		    sizeof(look), NULL, 0);
		return false;
	case VM_REPEATS:
		__real_child_send(
		    c, MSG_VM_ANSWER, 0, -1, answer, sizeof(*answer), NULL, 0);
		return false;
	default:
		return false;
	}
}

/* The same of what it asks for its disks. */
static bool
asks_badly(struct child *c, const struct msg_vm_disks *disks)
{
	const struct msg_result ok = { .error = VM_ERROR_OK };

	if (c->vm_id == VM_OFTEN)
		for (unsigned int i = 0; i < LIES; i++)
			__real_child_send(c, MSG_VM_DISKS, c->vm_id, -1, disks,
			    sizeof(*disks), NULL, 0);
	if (c->vm_id != VM_SURE || disks->what != DISKS_LOCK)
		return false;
	__real_child_send(c, MSG_VM_READY, 0, -1, &ok, sizeof(ok), NULL, 0);
	return true;
}

void
__wrap_child_send(struct child *c, enum msg_type type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len)
{
	const struct msg_client_open *open = payload;
	unsigned int more = 0;

	if (type == MSG_VM_ANSWER && c->role == ROLE_VM &&
	    answers_badly(c, payload))
		return;
	if (type == MSG_VM_DISKS && asks_badly(c, payload))
		return;
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
