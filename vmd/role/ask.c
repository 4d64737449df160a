/* SPDX-License-Identifier: ISC */
/*
 * Questions of clients that the process of a VM answers: passed on to it with
 * the client's number, and its answer is passed back.
 *
 * Runs in the parent.  A VM process may be its guest's by now and name any
 * client it likes: what it says goes to a client only while that client waits
 * for an answer of this very VM.  The client then gets exactly one RESULT,
 * whatever becomes of the VM.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "role/parent.h"

/* As much of control's queue may be taken by answers of VM processes; a client
 * whose part does not fit loses its answer, the others notice nothing. */
#define ASK_QUEUE_MAX (IMSG_MAXQUEUE / 2)

#define ASK_PAYLOAD_MAX 256

/* Ends the question of a client that waits for v. */
static void
ask_end(struct parent *p, struct vment *v, uint32_t client,
    const struct msg_result *r, const char *detail)
{
	vmsend_answered(v, client);
	vment_forget_client(v, client);
	request_answer(p, client, r, detail);
}

/*
 * What the parent may ask of a client's file, which may lie on a file system of
 * the client's making: only what is known without asking that.
 */
static enum vm_error
ask_check_dump(struct parent *p, const struct session *s, struct vment *v,
    const struct msg *m, char *detail)
{
	int fd = m->fd, flags = fcntl(fd, F_GETFL);
	struct statx sx;

	(void)p;
	(void)s;
	(void)v;
	(void)detail;

	if (flags == -1 || (flags & (O_PATH | O_APPEND | O_DIRECT)) != 0 ||
	    (flags & O_ACCMODE) != O_RDWR)
		return VM_ERROR_FILE_MODE;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
		&sx) == -1 ||
	    !S_ISREG(sx.stx_mode))
		return VM_ERROR_FILE_TYPE;
	return VM_ERROR_OK;
}

/* What a question has to pass before it is passed on; what has a descriptor has
 * a check of that. */
static enum vm_error (*const checks[MSG__COUNT])(struct parent *,
    const struct session *, struct vment *, const struct msg *,
    char *detail) = {
	[MSG_VM_DUMP] = ask_check_dump,
	[MSG_VM_SEND] = vmsend_prepare,
};

static enum vm_error
ask_check(struct parent *p, const struct session *s, struct vment *v,
    const struct msg *m, char *detail)
{
	detail[0] = '\0';
	if (v->state == VM_STARTING) {
		strlcpy(detail, "it is being started", VMD_DETAIL_MAX + 1);
		return VM_ERROR_NOT_RUNNING;
	}
	if (checks[m->type] != NULL)
		return checks[m->type](p, s, v, m, detail);
	return m->fd == -1 ? VM_ERROR_OK : VM_ERROR_INVALID;
}

void
ask_request(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct session *s = parent_session(p, m->peerid);
	size_t len = msg_payload_size(m->type);
	union {
		struct msg_vm_ask ask;
		char bytes[ASK_PAYLOAD_MAX];
	} payload;
	char detail[VMD_DETAIL_MAX + 1];
	struct msg_result r;
	struct vment *v;
	int fd = m->fd;

	if (len < sizeof(payload.ask) || len > sizeof(payload))
		fatalx("ask", "%s: not a question", msg_name(m->type));
	if (s == NULL)
		return;
	memcpy(payload.bytes, m->payload, len);
	v = request_running_vm(p, s, &payload.ask.target);
	if (v == NULL)
		return;
	r = request_result(v, ask_check(p, s, v, m, detail));
	if (r.error != VM_ERROR_OK) {
		request_answer(p, s->id, &r, detail);
		return;
	}
	payload.ask.target = (struct msg_vm_target) { .id = v->id };
	payload.ask.client = s->id;
	m->fd = -1;
	vment_wait(v, s->id, WAIT_ANSWER);
	if (msg_send(parent_link(p, PROC_VMM), m->type, v->id, fd, &payload,
		len, m->tail, m->tail_len) == -1) {
		r.error = VM_ERROR_FAILED;
		r.sys_errno = (uint32_t)errno;
		ask_end(p, v, s->id, &r, "");
	}
}

/* The VM whose process sent m, if the client it names waits for that. */
static struct vment *
ask_vm(struct parent *p, const struct msg *m, uint32_t *client)
{
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);

	/* Every part and every end begins with the client's number. */
	memcpy(client, m->payload, sizeof(*client));
	return v != NULL && vment_has_waiter(v, *client, WAIT_ANSWER) ? v
								      : NULL;
}

void
ask_part(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	struct msg_link *control = parent_link(p, PROC_CONTROL);
	struct msg_result r;
	uint32_t client;
	struct vment *v = ask_vm(p, m, &client);

	if (v == NULL)
		return;
	if (control->ibuf.wqueued <= ASK_QUEUE_MAX) {
		msg_forward(control, m, client);
		return;
	}
	r = request_result(v, VM_ERROR_FAILED);
	ask_cancel(p, v, client);
	ask_end(p, v, client, &r, "too much is asked of the daemon at once");
}

void
ask_answer(void *arg, struct msg *m)
{
	struct parent *p = ((struct parent_proc *)arg)->parent;
	const struct msg_vm_answer *a = m->payload;
	char detail[VMD_DETAIL_MAX + 1];
	struct msg_result r;
	uint32_t client;
	struct vment *v = vmlist_find_id(&p->vms, m->peerid);

	/* Nobody may wait for it any more. */
	if (v != NULL)
		vmsend_answered(v, a->client);
	if ((v = ask_vm(p, m, &client)) == NULL)
		return;
	r = request_result(
	    v, a->error < VM_ERROR__COUNT ? a->error : VM_ERROR_FAILED);
	r.sys_errno = a->sys_errno;
	snprintf(detail, sizeof(detail), "%.*s", (int)m->tail_len, m->tail);
	ask_end(p, v, client, &r, detail);
}

void
ask_cancel(struct parent *p, struct vment *v, uint32_t client)
{
	const struct msg_vm_cancel m = { .client = client };

	if (vment_has_waiter(v, client, WAIT_ANSWER))
		MSG_SEND(parent_link(p, PROC_VMM), MSG_VM_CANCEL, v->id, &m);
}

void
ask_ended(struct parent *p, struct vment *v)
{
	const struct msg_result r = request_result(v, VM_ERROR_NOT_RUNNING);

	request_answer_waiters(p, v, WAIT_ANSWER, &r, "");
}
