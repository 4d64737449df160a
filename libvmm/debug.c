/* SPDX-License-Identifier: ISC */
/*
 * What a vCPU exits for on a debugger's behalf: one setting per vCPU, which
 * the capability mtrap_exit and the gdb server share; and the FPU, which mostly
 * debuggers look at.  In the vCPU's thread, or while it stands.
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

#define DEBUG_FLAGS (VCPU_DEBUG_STEP | VCPU_DEBUG_QUIET | VCPU_DEBUG_INT3)

static bool
debug_point_is_sane(const struct vcpu_point *p)
{
	if (p->kind == VCPU_POINT_NONE)
		return true;
	if ((unsigned int)p->kind > VCPU_POINT_ACCESS)
		return false;
	if (p->len != 1 && p->len != 2 && p->len != 4 && p->len != 8)
		return false;
	if (p->kind == VCPU_POINT_EXEC && p->len != 1)
		return false;
	return p->addr % p->len == 0;
}

int
vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
	int i;

	for (i = 0; i < VCPU_POINTS; i++)
		if (!debug_point_is_sane(&debug->point[i]))
			break;
	if (i < VCPU_POINTS || (debug->flags & ~DEBUG_FLAGS) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (vcpu->be->set_debug(vcpu, debug) == -1)
		return -1;
	vcpu->debug = *debug;
	return 0;
}

int
vcpu_get_debug(struct vcpu *vcpu, struct vcpu_debug *debug)
{
	*debug = vcpu->debug;
	return 0;
}

int
vcpu_get_fpu(struct vcpu *vcpu, struct vcpu_fpu *fpu)
{
	return vcpu->be->get_fpu(vcpu, fpu);
}

int
vcpu_set_fpu(struct vcpu *vcpu, const struct vcpu_fpu *fpu)
{
	return vcpu->be->set_fpu(vcpu, fpu);
}
