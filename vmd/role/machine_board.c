/* SPDX-License-Identifier: ISC */
/*
 * A board's state between board_save() and a section's payload, and the
 * sentence for a user about what is wrong with it.  Runs in the VM process.
 */
#include "role/machine_board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pci/state.h"
#include "role/board.h"

static void
board_says(const struct state_buf *buf, const char *what,
    char why[MACHINE_BOARD_ERROR])
{
	int err = errno;

	if (buf->table != NULL && buf->field != NULL)
		(void)snprintf(why, MACHINE_BOARD_ERROR, "%s: %s: %s (%s)",
		    what, buf->table, buf->field, strerror(err));
	else
		(void)snprintf(
		    why, MACHINE_BOARD_ERROR, "%s: %s", what, strerror(err));
	errno = err;
}

size_t
machine_board_save(struct board *board, uint8_t *bytes, size_t room,
    char why[MACHINE_BOARD_ERROR])
{
	struct state_buf buf = { .bytes = bytes, .size = room };

	if (board_save(board, &buf) == -1) {
		board_says(&buf, "the board cannot be saved", why);
		return 0;
	}
	return buf.at;
}

int
machine_board_load(struct board *board, uint8_t *bytes, size_t len,
    char why[MACHINE_BOARD_ERROR])
{
	struct state_buf buf = { .bytes = bytes, .size = len };

	if (board_load(board, &buf) == -1) {
		board_says(&buf, "the board cannot be loaded", why);
		return -1;
	}
	return 0;
}
