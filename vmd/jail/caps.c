/* SPDX-License-Identifier: ISC */
/*
 * Capability sets, by the bare system calls: a child of a spawner changes
 * its own while it still shares the spawner's memory, so that nothing here
 * may use libc's state.  Runs in roles that close their jail and between
 * clone and exec.
 */
#include "jail/internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CAP_WORDS _LINUX_CAPABILITY_U32S_3
#define CAP_COUNT 64

struct capset {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[CAP_WORDS];
};

static int
caps_get(struct capset *set)
{
	set->header = (struct __user_cap_header_struct) {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	return (int)syscall(SYS_capget, &set->header, set->data);
}

bool
caps_has(int capability)
{
	struct capset set;

	if (caps_get(&set) == -1)
		return false;
	return set.data[capability / 32].effective & (1U << (capability % 32));
}

void
caps_bound(uint64_t keep)
{
	if (!caps_has(CAP_SETPCAP))
		return;
	for (unsigned long c = 0; c < CAP_COUNT; c++)
		if (!(keep & (1ULL << c)) &&
		    prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == -1)
			return; /* the last one this kernel knows */
}

int
caps_reduce(uint64_t keep)
{
	struct capset set;

	if (caps_get(&set) == -1)
		return -1;
	for (int i = 0; i < CAP_WORDS; i++) {
		struct __user_cap_data_struct *data = &set.data[i];

		data->permitted &= (uint32_t)(keep >> (32 * i));
		data->effective = data->permitted;
		data->inheritable = 0;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 &&
	    errno != EINVAL)
		return -1;
	return (int)syscall(SYS_capset, &set.header, set.data);
}

int
caps_pass(uint64_t mask)
{
	struct capset set;

	if (caps_get(&set) == -1)
		return -1;
	for (int i = 0; i < CAP_WORDS; i++)
		set.data[i].inheritable =
		    set.data[i].permitted & (uint32_t)(mask >> (32 * i));
	if (syscall(SYS_capset, &set.header, set.data) == -1)
		return -1;
	for (unsigned int c = 0; c < CAP_COUNT; c++)
		if ((set.data[c / 32].inheritable & (1U << (c % 32))) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) == -1)
			return -1;
	return 0;
}
