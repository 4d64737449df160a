/* SPDX-License-Identifier: ISC */
/*
 * What a VM may be called; see vm_name.h.  Used wherever a name comes from
 * outside: vm.conf, a client, a state stream.
 */
#include "vm_name.h"

#include <ctype.h>
#include <string.h>

#include "vmd_limits.h"

bool
vm_name_ok(const char *name)
{
	size_t len = strlen(name);
	bool number = true;

	if (len == 0 || len > VMD_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (const char *p = name; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (!isalnum(c) && strchr(".-_", c) == NULL)
			return false;
		if (!isdigit(c))
			number = false;
	}
	return !number;
}
