/* SPDX-License-Identifier: ISC */
/*
 * What the daemon answers, taken apart and checked against the message table.
 * The bytes are as hostile as a client's are to the daemon: another program
 * may own the socket.
 */
#ifndef REPLY_H
#define REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "vmd_msg.h"

union reply_body {
	struct msg_result result;
	struct msg_status_vm vm;
	struct msg_vm_progress progress;
	struct msg_send_progress sending;
	struct msg_stats_row stats; /* at most VMD_CPUS_MAX vCPUs */
};

struct reply {
	uint32_t type; /* enum msg_type */
	union reply_body body;
	char detail[VMD_DETAIL_MAX + 1]; /* the tail, NUL terminated */
};

/*
 * Fills *reply from a message of len bytes.  After success the type is one the
 * control process may send to a client, every text ends with a NUL, a name or
 * tty holds printable characters only, and a tty is empty or /dev/pts/NUMBER.
 * 0, or -1 with *reason a constant sentence.
 */
int reply_decode(struct reply *reply, uint32_t type, const void *data,
    size_t len, const char **reason);

/* The name of a message type, "unknown" for a number that is none. */
const char *reply_type_name(uint32_t type);

/* Changes text in place: everything that could act on a terminal becomes '?';
 * newlines and tabs stay. */
void reply_clean(char *text);

#endif /* REPLY_H */
