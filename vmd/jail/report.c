/* SPDX-License-Identifier: ISC */
/*
 * What a host did not permit, and how to say it.  Each part names what stays
 * in force without it, so that the log line does not read as a failure.
 */
#include "jail/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Said in one sentence when all of them are missing for the same reason. */
#define NAMESPACES                                          \
	(1U << JAIL_PART_PIDNS | 1U << JAIL_PART_MNTNS |    \
	    1U << JAIL_PART_IPCNS | 1U << JAIL_PART_UTSNS | \
	    1U << JAIL_PART_NETNS)

static const char *const part_names[JAIL_PART__MAX] = {
	[JAIL_PART_USERNS] = "namespaces are not available here",
	[JAIL_PART_PIDNS] = "process namespaces are not available here",
	[JAIL_PART_MNTNS] = "mount namespaces are not available here",
	[JAIL_PART_IPCNS] = "IPC namespaces are not available here",
	[JAIL_PART_UTSNS] = "host name namespaces are not available here",
	[JAIL_PART_NETNS] = "network namespaces are not available here",
	[JAIL_PART_ROOT] = "the root directory cannot be taken away here",
	[JAIL_PART_LANDLOCK] = "Landlock is not available here",
	[JAIL_PART_SCOPE] = "Landlock is too old here to limit signals",
};

void
report_missing(struct jail_report *report, enum jail_part part, int error)
{
	report->jr_missing |= 1U << part;
	report->jr_errno[part] = error;
}

bool
report_is_host_limit(int error)
{
	return error == EPERM || error == EACCES || error == ENOSYS ||
	    error == EINVAL || error == ENOSPC || error == EUSERS ||
	    error == EOPNOTSUPP || error == ENOENT || error == EROFS;
}

char *
jail_report_text(const struct jail_report *report, char *buf, size_t size)
{
	uint32_t missing = report->jr_missing;
	size_t used = 0;

	if (size == 0)
		return buf;
	buf[0] = '\0';
	if (missing & (1U << JAIL_PART_USERNS))
		missing &= ~NAMESPACES;
	for (unsigned int i = 0; i < JAIL_PART__MAX && used < size; i++) {
		int len;

		if (!(missing & (1U << i)))
			continue;
		len = snprintf(buf + used, size - used, "%s%s (%s)",
		    used > 0 ? "; " : "", part_names[i],
		    strerror(report->jr_errno[i]));
		if (len < 0)
			break;
		used += (size_t)len;
	}
	return buf;
}

void
jail_report_merge(struct jail_report *to, const struct jail_report *from)
{
	for (unsigned int i = 0; i < JAIL_PART__MAX; i++)
		if (from->jr_missing & ~to->jr_missing & (1U << i))
			report_missing(to, i, from->jr_errno[i]);
}
