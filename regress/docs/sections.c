/* SPDX-License-Identifier: ISC */
/*
 * Prints the table of section types of state streams as PROTOCOL.md shows it.
 * Knows nothing but vmd/image/state.h; regress/docs/generate compiles and runs
 * it.
 */
#include <stdio.h>

#include "image/state.h"

int
main(void)
{
	size_t count;
	const struct state_row *rows = state_rows(&count);

	printf("| type | name | version | flags | how many | payload, bytes | "
	       "what |\n|---|---|---|---|---|---|---|\n");
	for (const struct state_row *r = rows; r < rows + count; r++) {
		printf("| %u | %s | %u | %s%s | %s | ", r->type, r->name,
		    r->version,
		    (r->flags & STATE_REQUIRED) != 0 ? "required" : "-",
		    (r->flags & STATE_BULK) != 0 ? ", bulk" : "",
		    r->count == STATE_ONCE ? "one" : "any number");
		if (r->min != r->max)
			printf("%u to ", r->min);
		printf("%u | %s |\n", r->max, r->text);
	}
	return 0;
}
