/* SPDX-License-Identifier: ISC */
/*
 * Recognising escape sequences; see escape.h.  A pure state machine.
 */
#include "escape.h"

#define CTRL_Z 0x1a

static const struct {
	char byte;
	enum escape_action action;
} escapes[] = {
	{ '.', ESCAPE_LEAVE },
	{ '#', ESCAPE_BREAK },
	{ CTRL_Z, ESCAPE_SUSPEND },
	{ '?', ESCAPE_HELP },
};

enum escape_action
escape_byte(struct escape *escape, char byte, char out[ESCAPE_OUT], size_t *len)
{
	size_t i;

	*len = 0;
	if (!escape->tilde && !escape->mid_line && byte == '~') {
		escape->tilde = true;
		return ESCAPE_NONE;
	}
	if (escape->tilde) {
		escape->tilde = false;
		/* After a sequence the line is still at its start. */
		for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
			if (escapes[i].byte == byte)
				return escapes[i].action;
		out[(*len)++] = '~';
		escape->mid_line = true;
		if (byte == '~')
			return ESCAPE_NONE;
	}
	out[(*len)++] = byte;
	escape->mid_line = byte != '\r' && byte != '\n';
	return ESCAPE_NONE;
}
