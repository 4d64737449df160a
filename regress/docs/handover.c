/* SPDX-License-Identifier: ISC */
/*
 * Prints the table of the handover's words as PROTOCOL.md shows it.  Knows
 * nothing but vmd/role/handover.h; regress/docs/generate compiles and runs it.
 */
#include <stdio.h>

#include "role/handover.h"

#define ROW(name, number, who, text) \
	printf("| %d | %s | %s | %s |\n", number, #name, #who, text);

int
main(void)
{
	printf("| word | name | who says it | what |\n|---|---|---|---|\n");
	HANDOVER_WORDS(ROW)
	return 0;
}
