/* SPDX-License-Identifier: ISC */
/*
 * What libvmm's own probe finds /dev/kvm good for, in the one line that
 * regress/kvm describes: "fast", "slow SENTENCE" or "none SENTENCE".
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

/* libvmm's reasons are parts of messages; here one stands alone. */
static int
say(const char *word, const char *reason)
{
	printf("%s %c%s.\n", word, toupper((unsigned char)reason[0]),
	    reason[0] != '\0' ? reason + 1 : "");
	return 0;
}

int
main(void)
{
	struct vmm_probe probe;
	int fd = vmm_open(NULL);

	if (fd == -1)
		return say("none", vmm_open_hint(errno));
	if (vmm_probe(fd, &probe) == -1)
		return say("none", strerror(errno));
	if (!probe.usable)
		return say("none", probe.reason);
	if (!probe.hardware_speed)
		return say("slow", probe.reason);
	puts("fast");
	return 0;
}
