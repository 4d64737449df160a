/* SPDX-License-Identifier: ISC */
/*
 * The table of section types as rows; see state.h.
 */
#include "image/state.h"

#define STATE_AS_ROW(name, number, version, flags, count, min, max, text) \
	{ number, #name, text, version, flags, count, min, max },
static const struct state_row rows[] = { STATE_SECTIONS(STATE_AS_ROW) };
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct state_row *
state_rows(size_t *count)
{
	*count = ROWS;
	return rows;
}

const struct state_row *
state_row(uint32_t type)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

const char *
state_name(uint32_t type)
{
	const struct state_row *row = state_row(type);

	return row != NULL ? row->name : "?";
}
