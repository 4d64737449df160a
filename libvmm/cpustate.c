/* SPDX-License-Identifier: ISC */
/*
 * A vCPU's registers as one structure, for snapshots and for VMs that move.
 * While the vCPU does not run.
 */
#include "cpustate.h"

#include <errno.h>
#include <string.h>

#include "handle.h"
#include "vmm.h"

int
cpustate_get(struct vcpu *vcpu, struct vcpu_state *state)
{
	size_t len;

	if (vcpu->be->get_regs(vcpu, &state->regs) == -1 ||
	    vcpu->be->get_sregs(vcpu, &state->sregs) == -1 ||
	    vcpu->be->get_debugregs(vcpu, &state->debug) == -1 ||
	    vcpu->be->get_events(vcpu, &state->events) == -1)
		return -1;
	if (vcpu->be->get_xcr(vcpu, 0, &state->xcr0) == 0)
		state->has_xcr0 = true;
	else if (errno != EINVAL) /* a CPU without XSAVE */
		return -1;
	if (vcpu->be->xsave_size(vcpu, &len) == -1)
		return -1;
	if (len > sizeof(state->xsave)) {
		errno = ENOBUFS;
		return -1;
	}
	state->xsave_len = (uint32_t)len;
	return vcpu->be->get_xsave(vcpu, state->xsave, len);
}

/*
 * The area is as long as the host has it, which differs from kernel to kernel:
 * what the guest has switched on is in front, and behind that is zero.
 */
static int
cpustate_set_xsave(struct vcpu *vcpu, const struct vcpu_state *state)
{
	uint8_t area[VCPU_STATE_XSAVE];
	size_t len, i;

	if (vcpu->be->xsave_size(vcpu, &len) == -1)
		return -1;
	if (state->xsave_len > sizeof(area) || len > sizeof(area)) {
		errno = EINVAL;
		return -1;
	}
	for (i = len; i < state->xsave_len; i++)
		if (state->xsave[i] != 0) {
			errno = ENOTSUP;
			return -1;
		}
	memset(area, 0, len);
	memcpy(area, state->xsave,
	    state->xsave_len < len ? state->xsave_len : len);
	return vcpu->be->set_xsave(vcpu, area);
}

int
cpustate_set(struct vcpu *vcpu, const struct vcpu_state *state)
{
	if (vcpu_drop_exit(vcpu) == -1 ||
	    vcpu->be->set_sregs(vcpu, &state->sregs) == -1 ||
	    vcpu->be->set_regs(vcpu, &state->regs) == -1 ||
	    vcpu->be->set_debugregs(vcpu, &state->debug) == -1)
		return -1;
	if (state->has_xcr0 && vcpu->be->set_xcr(vcpu, 0, state->xcr0) == -1)
		return -1;
	return cpustate_set_xsave(vcpu, state);
}
