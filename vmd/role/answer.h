/* SPDX-License-Identifier: ISC */
/*
 * How the VM process answers a client's question (struct msg_vm_ask): any
 * number of parts, then one end.  And how much vmm lets by of that.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>

#include "vm_error.h"
#include "vmd_msg.h"

/* Parts for each question at once, which fit into a client's queue, and then
 * one each so often; a VM process that says more is ended. */
#define ANSWER_PARTS 256
#define ANSWER_PARTS_MS 100

struct child;

/* Sends a part; the payload is its row's and begins with the client's number.
 * Any thread. */
void answer_part(struct child *, enum msg_type, const void *payload);
/* Ends the answer: the client gets a RESULT of this.  sys_errno 0: none;
 * detail may be empty.  Any thread. */
void answer_end(struct child *, uint32_t client, enum vm_error, int sys_errno,
    const char *detail);

#endif /* ANSWER_H */
