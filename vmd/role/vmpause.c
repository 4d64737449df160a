/* SPDX-License-Identifier: ISC */
/*
 * Pausing, going on and stopping; see vm.h.  Runs in the VM process, main
 * thread.
 */
#include <string.h>

#include "chip/pm.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "role/vm.h"

/* A guest that hears the power button has this long to switch itself off; one
 * that does not even look is given the shorter time. */
#define STOP_DEAF_S 3
#define STOP_HEARD_S 120

void
vmpause_state(struct vm_role *r, enum vm_state state, enum vm_error error)
{
	const struct msg_vm_state m = { .state = state, .error = error };

	child_send(&r->child, MSG_VM_STATE, 0, -1, &m, sizeof(m), NULL, 0);
}

static void
vmpause_stands(void *arg, bool stands)
{
	struct vm_role *r = arg;

	r->phase = stands ? VM_IS_PAUSED : VM_RUNS;
	vmpause_state(r, stands ? VM_PAUSED : VM_RUNNING,
	    stands ? VM_ERROR_OK : VM_ERROR_TIMEOUT);
}

void
vmpause_pause(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	(void)m;
	/* The answer to who asked first is for all who ask. */
	if (r->phase == VM_PAUSING)
		return;
	if (r->phase != VM_RUNS || r->stop_asked) {
		vmpause_state(r,
		    r->phase == VM_IS_PAUSED ? VM_PAUSED : VM_RUNNING,
		    r->phase == VM_IS_PAUSED ? VM_ERROR_PAUSED
			: r->stop_asked	     ? VM_ERROR_STOPPING
					     : VM_ERROR_NOT_RUNNING);
		return;
	}
	r->phase = VM_PAUSING;
	still_take(&r->still, STILL_PAUSE, vmpause_stands, r);
}

/* What has stopped for a pause goes on; who waits for the pause hears why. */
static void
vmpause_abandon(struct vm_role *r, enum vm_error error)
{
	still_drop(&r->still, STILL_PAUSE);
	r->phase = VM_RUNS;
	vmpause_state(r, VM_RUNNING, error);
}

static void
vmpause_go_on(struct vm_role *r)
{
	r->phase = VM_RUNS;
	still_drop(&r->still, STILL_PAUSE);
	vmpause_state(r, VM_RUNNING, VM_ERROR_OK);
}

void
vmpause_unpause(void *arg, struct msg *m)
{
	const struct msg_vm_disks lock = { .what = DISKS_LOCK };
	struct vm_role *r = arg;

	(void)m;
	if (r->phase != VM_IS_PAUSED)
		vmpause_state(r, VM_RUNNING, VM_ERROR_NOT_PAUSED);
	else if (!r->doubt)
		vmpause_go_on(r);
	else if (!r->locking) {
		/* Only who has the disks may run; the answer is for all who
		 * ask. */
		r->locking = true;
		child_send(&r->child, MSG_VM_DISKS, r->child.vm_id, -1, &lock,
		    sizeof(lock), NULL, 0);
	}
}

void
vmpause_stop(void *arg, struct msg *m)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;
	bool heard;

	(void)m;
	if (r->phase < VM_RUNS || r->stop_asked)
		return;
	if (send_is_handing(&r->send)) {
		r->stop_later = true;
		return;
	}
	/* If it runs elsewhere, it is not to be shut down from here. */
	if (r->doubt)
		vm_exit(r, END_FORCED, VM_ERROR_OK, "");
	send_cancel(&r->send, 0, VM_ERROR_STOPPING);
	/* A guest that stands still cannot hear the button. */
	dump_cancel(&r->dump, 0, VM_ERROR_STOPPING);
	/* One that has ended, and is a debugger's to look at, never will. */
	if (vcpus_ended(&r->vcpus, &reason, detail))
		vm_ended(r);
	if (r->phase == VM_PAUSING)
		vmpause_abandon(r, VM_ERROR_STOPPING);
	else if (r->phase == VM_IS_PAUSED)
		vmpause_go_on(r);
	r->stop_asked = true;
	heard = pm_power_button(r->board.pm);
	log_debug("vm", "power button pressed, the guest %s",
	    heard ? "hears it" : "does not listen yet");
	vm_limit(r, heard ? STOP_HEARD_S : STOP_DEAF_S);
}

void
vmpause_keep(struct vm_role *r, bool doubt)
{
	r->doubt = doubt;
	if (r->phase == VM_IS_PAUSED)
		return;
	r->phase = VM_PAUSING;
	still_take(&r->still, STILL_PAUSE, vmpause_stands, r);
}

void
vmpause_locked(struct vm_role *r, enum vm_error error)
{
	r->locking = false;
	if (!r->doubt || r->phase != VM_IS_PAUSED)
		return;
	if (error != VM_ERROR_OK) {
		vmpause_state(r, VM_PAUSED, error);
		return;
	}
	r->doubt = false;
	vmpause_go_on(r);
}
