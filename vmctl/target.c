/* SPDX-License-Identifier: ISC */
/*
 * Ids and names of VMs; see target.h.  The daemon checks again: this is for
 * the error messages and so that a slip never reaches it.
 */
#include "target.h"

#include <ctype.h>
#include <string.h>

#define NAME_FIRST                   \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789"

static int
target_id(const char *word, uint32_t *id)
{
	uint64_t value = 0;

	for (; *word != '\0'; word++) {
		value = value * 10 + (uint64_t)(*word - '0');
		if (value > UINT32_MAX)
			return -1;
	}
	*id = (uint32_t)value;
	return value == 0 ? -1 : 0;
}

int
target_parse(
    const char *word, struct msg_vm_target *target, const char **reason)
{
	memset(target, 0, sizeof(*target));
	if (*word == '\0') {
		*reason = "empty name";
		return -1;
	}
	if (word[strspn(word, "0123456789")] == '\0') {
		*reason = "id out of range";
		return target_id(word, &target->id);
	}
	if (strlen(word) > VMD_NAME_MAX) {
		*reason = "name too long";
		return -1;
	}
	if (strchr(NAME_FIRST, *word) == NULL ||
	    word[strspn(word, NAME_FIRST ".-_")] != '\0') {
		*reason = "invalid VM name";
		return -1;
	}
	strcpy(target->name, word);
	return 0;
}
