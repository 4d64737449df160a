/* SPDX-License-Identifier: ISC */
/*
 * The beginning of a saved VM, which says what it is made of.
 */
#ifndef STATEHEAD_H
#define STATEHEAD_H

#include <stdbool.h>

#include "image/state_config.h"

struct statehead {
	struct state_config config;
	bool two_way; /* its sender waits for answers */
	int fd; /* owned: sealed memory with all that was read */
};

/*
 * Reads it from fd, whose next byte is then the first that is not in h->fd.
 * The stream may be anybody's: what it says is checked, and its texts have no
 * control characters.  0, or -1 having said why.
 */
int statehead_read(struct statehead *h, int fd);
void statehead_close(struct statehead *h);

#endif /* STATEHEAD_H */
