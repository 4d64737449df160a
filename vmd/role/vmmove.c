/* SPDX-License-Identifier: ISC */
/*
 * Sending and receiving; see vm.h, send.h and receive.h.  Runs in the VM
 * process, main thread.
 */
#include <string.h>

#include "ipc/log.h"
#include "ipc/msg.h"
#include "jail/jail.h"
#include "role/answer.h"
#include "role/machine_state.h"
#include "role/vm.h"

/* --- sending ---------------------------------------------------------------
 */

static const char *
vmmove_refuses(void *arg)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;

	if (debug_is_attached(&r->debug))
		return "a debugger has it: let it detach first";
	if (r->stop_asked)
		return "it is being stopped";
	if (r->doubt)
		return "it may run elsewhere";
	return vcpus_ended(&r->vcpus, &reason, detail) ? "it has ended" : NULL;
}

static void
vmmove_sent(void *arg, enum send_end end)
{
	struct vm_role *r = arg;

	if (end == SEND_DONE)
		vm_exit(r, END_SENT, VM_ERROR_OK, "");
	if (end == SEND_UNSURE) {
		log_warnx("vm", "%s", vm_error_text(VM_ERROR_SEND_DOUBT));
		vmpause_keep(r, true);
		still_drop(&r->still, STILL_SEND);
	}
	if (r->stop_later) {
		r->stop_later = false;
		vmpause_stop(r, NULL);
	}
}

void
vmmove_config(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (r->phase >= VM_RUNS)
		send_config(&r->send, m);
}

void
vmmove_disk_data(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (r->phase >= VM_RUNS)
		send_disk_data(&r->send, m);
}

void
vmmove_send(void *arg, struct msg *m)
{
	const struct msg_vm_send *send = m->payload;
	struct vm_role *r = arg;

	if (vm_may_answer(r, &send->ask))
		send_begin(&r->send, m);
}

int
vmmove_init(struct vm_role *r)
{
	r->send.refuses = vmmove_refuses;
	r->send.over = vmmove_sent;
	r->send.arg = r;
	return send_init(&r->send, &r->child, &r->board, &r->vcpus, &r->still);
}

/* --- receiving -------------------------------------------------------------
 */

static void
vmmove_failed(void *arg, const struct msg_result *why, const char *detail)
{
	vm_fail(arg, why, detail);
}

static void
vmmove_devices(void *arg, bool waits)
{
	vm_limit(arg, waits ? DEVICES_UP_S : 0);
}

/* Any thread, without the lock: somebody waits for memory, and will for ever.
 */
static void
vmmove_lost(void *arg, int error, const char *why)
{
	log_warnx("vm", "its memory cannot be read any more: %s: %s", why,
	    strerror(error));
	vm_exit(arg, END_FORCED, VM_ERROR_FILE_READ, why);
}

/* The state is there, and the VM is this one from now on. */
static void
vmmove_received(void *arg, bool paused, const char *text)
{
	const struct msg_result ok = { .error = VM_ERROR_OK };
	struct vm_role *r = arg;

	if (jail_seal(ROLE_VM) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot seal the sandbox");
	machine_state_start_clocks(r->receive.machine, &r->hold);
	vm_limit(r, 0);
	r->phase = VM_RUNS;
	child_send(&r->child, MSG_VM_READY, 0, -1, &ok, sizeof(ok), text,
	    strlen(text));
	if (text[0] != '\0')
		log_warnx("vm", "%s", text);
	if (paused)
		vmpause_keep(r, text[0] != '\0');
	if (r->debug_waits)
		debug_wait(&r->debug);
	board_announce(&r->board);
	hold_drop(&r->hold, HOLD_START);
	still_drop(&r->still, STILL_RECEIVE);
}

void
vmmove_receive(struct vm_role *r)
{
	struct receive *receive = &r->receive;

	receive->child = &r->child;
	receive->board = &r->board;
	receive->vcpus = &r->vcpus;
	receive->hold = &r->hold;
	receive->still = &r->still;
	receive->done = vmmove_received;
	receive->failed = vmmove_failed;
	receive->devices = vmmove_devices;
	receive->lost = vmmove_lost;
	receive->arg = r;
	/* It takes as long as the sender does; the client may end it. */
	vm_limit(r, 0);
	if (vcpus_start(&r->vcpus) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot make vCPU threads");
	if (receive_begin(receive, r->spec) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot read the state");
}

void
vmmove_disks_done(void *arg, struct msg *m)
{
	const struct msg_vm_disks_done *done = m->payload;
	struct vm_role *r = arg;

	if (r->receive.on)
		receive_disks_done(&r->receive, m);
	else if (r->doubt)
		vmpause_locked(r,
		    done->error < VM_ERROR__COUNT ? done->error
						  : VM_ERROR_FAILED);
	else
		send_disks_done(&r->send, m);
}
