/* SPDX-License-Identifier: ISC */
/*
 * How jail_spawn() tells its child whom to become and what could not be
 * given: one environment variable of numbers, the only one the child gets.
 * The child trusts it as it trusts its binary; who starts a role by hand
 * jails himself.
 */
#include "jail/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
jail_env_format(char *buf, size_t size, const struct jail_params *params)
{
	const struct jail_report *report = &params->jp_spawned;
	int used;

	used = snprintf(buf, size, JAIL_ENV "=%u,%u,%u,%u,%u",
	    (unsigned int)params->jp_uid, (unsigned int)params->jp_gid,
	    params->jp_flags, params->jp_root_fd != -1 ? 1U : 0U,
	    report->jr_missing);
	for (int i = 0; i < JAIL_PART__MAX && used > 0 && (size_t)used < size;
	     i++)
		used += snprintf(buf + used, size - (size_t)used, ",%u",
		    (unsigned int)report->jr_errno[i]);
}

/* Numbers parted by commas, exactly `count` of them. */
static int
numbers_parse(const char *text, uint32_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;
		unsigned long long value;

		if (*text < '0' || *text > '9')
			return -1;
		value = strtoull(text, &end, 10);
		if (value > UINT32_MAX || *end != (i + 1 < count ? ',' : '\0'))
			return -1;
		numbers[i] = (uint32_t)value;
		text = end + 1;
	}
	return 0;
}

/* The fixed descriptors must not reach a further exec. */
static int
keep_from_exec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? -1 : fd;
}

int
jail_params_get(struct jail_params *params)
{
	uint32_t numbers[5 + JAIL_PART__MAX];
	const char *text = getenv(JAIL_ENV);
	int error;

	error = text == NULL ||
	    numbers_parse(text, numbers, sizeof(numbers) / sizeof(*numbers));
	unsetenv(JAIL_ENV);
	if (error != 0) {
		errno = EINVAL;
		return -1;
	}
	*params = (struct jail_params) {
		.jp_uid = numbers[0],
		.jp_gid = numbers[1],
		.jp_flags = numbers[2],
		.jp_root_fd = numbers[3] ? keep_from_exec(JAIL_FD_ROOT) : -1,
		.jp_exe_fd = keep_from_exec(JAIL_FD_EXE),
		.jp_spawned.jr_missing = numbers[4],
	};
	for (int i = 0; i < JAIL_PART__MAX; i++)
		params->jp_spawned.jr_errno[i] = (int)numbers[5 + i];
	return keep_from_exec(JAIL_FD_SOCKET) == -1 ? -1 : 0;
}
