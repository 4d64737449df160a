/* SPDX-License-Identifier: ISC */
/*
 * State beyond registers by name: checks sizes and room, keeps the time that
 * vm_restore_time() sets, and has the names of what KVM does not offer.
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

int
vcpu_get_debugregs(struct vcpu *vcpu, struct vcpu_debugregs *regs)
{
	return vcpu->be->get_debugregs(vcpu, regs);
}

int
vcpu_set_debugregs(struct vcpu *vcpu, const struct vcpu_debugregs *regs)
{
	return vcpu->be->set_debugregs(vcpu, regs);
}

/* Sets *len to need; whether there is a buffer to fill: 1, 0, or an error. */
static int
state_room(const void *buf, size_t *len, size_t need)
{
	size_t room = *len;

	*len = need;
	if (buf == NULL)
		return 0;
	if (room < need) {
		errno = ENOBUFS;
		return -1;
	}
	return 1;
}

int
vcpu_get_xsave(struct vcpu *vcpu, void *area, size_t *len)
{
	size_t need;
	int rc;

	if (vcpu->be->xsave_size(vcpu, &need) == -1)
		return -1;
	rc = state_room(area, len, need);
	return rc == 1 ? vcpu->be->get_xsave(vcpu, area, need) : rc;
}

int
vcpu_set_xsave(struct vcpu *vcpu, const void *area, size_t len)
{
	size_t need;

	if (vcpu->be->xsave_size(vcpu, &need) == -1)
		return -1;
	if (len != need) {
		errno = EINVAL;
		return -1;
	}
	return vcpu->be->set_xsave(vcpu, area);
}

int
vcpu_get_xcr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	return vcpu->be->get_xcr(vcpu, index, value);
}

int
vcpu_set_xcr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	return vcpu->be->set_xcr(vcpu, index, value);
}

int
vcpu_get_msrs(struct vcpu *vcpu, struct vcpu_msr *msrs, uint32_t count)
{
	return vcpu->be->get_msrs(vcpu, msrs, count);
}

int
vcpu_set_msrs(struct vcpu *vcpu, const struct vcpu_msr *msrs, uint32_t count)
{
	return vcpu->be->set_msrs(vcpu, msrs, count);
}

int
vm_get_chips(struct vm *vm, void *chips, size_t *len)
{
	int rc;

	if (vm_need_chips(vm) == -1)
		return -1;
	rc = state_room(chips, len, vm->be->chips_size(vm));
	return rc == 1 ? vm->be->chips_get(vm, chips) : rc;
}

int
vm_set_chips(struct vm *vm, const void *chips, size_t len)
{
	uint64_t clock;

	if (vm_need_chips(vm) == -1 ||
	    vm->be->chips_set(vm, chips, len, &clock) == -1)
		return -1;
	vm->saved_clock = clock;
	vm->has_saved_clock = true;
	return 0;
}

int
vm_restore_time(struct vm *vm)
{
	struct vcpu *vcpu;
	int i;

	if (!vm->has_saved_clock) {
		errno = ENOENT;
		return -1;
	}
	if (vm->be->vm_clock_set(vm, vm->saved_clock) == -1)
		return -1;
	for (i = 0; i < VMM_MAX_VCPUS; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && vcpu_clock_paused(vcpu) == -1)
			return -1;
	}
	return 0;
}

static int
state_none(void)
{
	errno = ENOTSUP;
	return -1;
}

int
vm_rtc_write(struct vm *vm, int offset, uint8_t value)
{
	(void)vm;
	(void)offset;
	(void)value;
	return state_none();
}

int
vm_rtc_read(struct vm *vm, int offset, uint8_t *value)
{
	(void)vm;
	(void)offset;
	(void)value;
	return state_none();
}

int
vm_rtc_settime(struct vm *vm, time_t secs)
{
	(void)vm;
	(void)secs;
	return state_none();
}

int
vm_rtc_gettime(struct vm *vm, time_t *secs)
{
	(void)vm;
	(void)secs;
	return state_none();
}

int
vm_get_hpet_capabilities(struct vm *vm, uint32_t *capabilities)
{
	(void)vm;
	(void)capabilities;
	return state_none();
}
