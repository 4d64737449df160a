/* SPDX-License-Identifier: ISC */
/*
 * Answers to clients' questions; see answer.h.  Runs in the VM process.
 */
#include "role/answer.h"

#include <string.h>

#include "role/child.h"

void
answer_part(struct child *c, enum msg_type type, const void *payload)
{
	child_send(
	    c, type, c->vm_id, -1, payload, msg_payload_size(type), NULL, 0);
}

void
answer_end(struct child *c, uint32_t client, enum vm_error error, int sys_errno,
    const char *detail)
{
	const struct msg_vm_answer m = { .client = client,
		.error = error,
		.sys_errno = (uint32_t)sys_errno };

	child_send(c, MSG_VM_ANSWER, c->vm_id, -1, &m, sizeof(m), detail,
	    strnlen(detail, VMD_DETAIL_MAX));
}
