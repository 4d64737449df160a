/* SPDX-License-Identifier: ISC */
/*
 * A VM's vCPUs and chips out of one VM and into another.  Registers come first
 * (APIC base), the TSC before timers that wait for it, chips before MSRs that
 * need a LAPIC and before events, which setting registers would drop.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cpustate.h"
#include "handle.h"
#include "vmm.h"

#define MSR_TSC_DEADLINE 0x6e0U

/* MSRs that are no state of the guest's. */
static const struct {
	uint32_t first, last;
	const char *reason;
} machine_not_msrs[] = {
	{ 0x10, 0x10, "TSC: vm_set_time()'s" },
	{ 0x11, 0x11, "a write makes KVM write the time into memory" },
	{ 0x40000000, 0x400001ff, "Hyper-V's, whom no guest is told of" },
	{ 0x4b564d00, 0x4b564d00, "as 0x11" },
};

/* MSRs that tell of the host; where it refuses the sender's, its own stays. */
static const struct {
	uint32_t index;
	const char *what;
} machine_host_msrs[] = {
	{ 0x8b, "microcode" },
	{ 0xce, "platform" },
	{ 0x10a, "which of its kind's flaws the CPU has not" },
	{ 0x345, "performance counters" },
	{ 0xc0010015, "HWCR" },
	{ 0xc0011029, "DE_CFG" },
};

static bool
machine_is_msr(uint32_t index)
{
	size_t i;

	for (i = 0; i < sizeof(machine_not_msrs) / sizeof(machine_not_msrs[0]);
	     i++)
		if (index >= machine_not_msrs[i].first &&
		    index <= machine_not_msrs[i].last)
			return false;
	return true;
}

static bool
machine_is_host_msr(uint32_t index)
{
	size_t i;

	for (i = 0;
	     i < sizeof(machine_host_msrs) / sizeof(machine_host_msrs[0]); i++)
		if (machine_host_msrs[i].index == index)
			return true;
	return false;
}

/* --- out of a VM ---------------------------------------------------------- */

/* Those of the host's list that this vCPU has; the deadline's last. */
static int
machine_get_msrs(struct vcpu *vcpu, struct vcpu_state *state)
{
	const struct vm *vm = vcpu->vm;
	struct vcpu_msr msr[VCPU_STATE_MSRS];
	uint32_t i, n = 0, at = 0;
	int got;

	for (i = 0; i < vm->nmsrs; i++)
		if (machine_is_msr(vm->msr[i]) &&
		    vm->msr[i] != MSR_TSC_DEADLINE)
			msr[n++] = (struct vcpu_msr) { vm->msr[i], 0 };
	for (i = 0; i < vm->nmsrs; i++)
		if (vm->msr[i] == MSR_TSC_DEADLINE)
			msr[n++] = (struct vcpu_msr) { vm->msr[i], 0 };
	while (at < n) {
		got = vcpu->be->get_msrs(vcpu, msr + at, n - at);
		if (got == -1)
			return -1;
		memcpy(state->msr + state->nmsrs, msr + at,
		    (size_t)got * sizeof(msr[0]));
		state->nmsrs += (uint32_t)got;
		at += (uint32_t)got + 1; /* one that it has not */
	}
	return 0;
}

int
vcpu_get_state(struct vcpu *vcpu, struct vcpu_state *state)
{
	memset(state, 0, sizeof(*state));
	if (cpustate_get(vcpu, state) == -1 ||
	    clock_tsc_ahead(vcpu->vm, vcpu->id, &state->tsc_ahead) == -1)
		return -1;
	return machine_get_msrs(vcpu, state);
}

/* --- into a VM ------------------------------------------------------------ */

static int
machine_refused(char *why, const char *what, uint32_t id)
{
	int err = errno;

	(void)snprintf(
	    why, VMM_REASON_MAX, "%s of vCPU %u: %s", what, id, strerror(err));
	errno = err;
	return -1;
}

static bool
machine_knows_msr(const struct vm *vm, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < vm->nmsrs; i++)
		if (vm->msr[i] == index)
			return machine_is_msr(index);
	return false;
}

/* Whether the guest can do with what the host has in place of this. */
static bool
machine_can_do(struct vcpu *vcpu, const struct vcpu_msr *msr)
{
	struct vcpu_msr now = { msr->index, 0 };

	return msr->value == 0 || machine_is_host_msr(msr->index) ||
	    (vcpu->be->get_msrs(vcpu, &now, 1) == 1 && now.value == msr->value);
}

static int
machine_msr_refused(
    const struct vcpu *vcpu, const struct vcpu_msr *msr, char *why)
{
	(void)snprintf(why, VMM_REASON_MAX,
	    "MSR 0x%" PRIx32 " of vCPU %u with 0x%" PRIx64
	    ": this host has no such",
	    msr->index, vcpu->id, msr->value);
	errno = ENOTSUP;
	return -1;
}

static int
machine_set_msrs(struct vcpu *vcpu, const struct vcpu_state *state, char *why)
{
	const struct vcpu_msr *msr = state->msr;
	uint32_t i, at = 0;
	int got;

	while (at < state->nmsrs) {
		for (i = at; i < state->nmsrs &&
		     machine_knows_msr(vcpu->vm, msr[i].index);)
			i++;
		got = vcpu->be->set_msrs(vcpu, msr + at, i - at);
		if (got == -1)
			return machine_refused(why, "the MSRs", vcpu->id);
		at += (uint32_t)got;
		if (at < state->nmsrs) {
			if (!machine_can_do(vcpu, &msr[at]))
				return machine_msr_refused(vcpu, &msr[at], why);
			at++;
		}
	}
	return 0;
}

static int
machine_check(struct vm *vm, const struct vm_machine *machine, char *why)
{
	bool chips = (vm->params.flags & VM_IRQCHIP) != 0;
	uint32_t i;

	if (machine->nvcpus != vm->params.ncpus ||
	    chips != (machine->chips != NULL)) {
		(void)snprintf(why, VMM_REASON_MAX,
		    "the VM has other vCPUs or other chips");
		errno = EINVAL;
		return -1;
	}
	for (i = 0; i < machine->nvcpus; i++)
		if (atomic_load(&vm->vcpus[i]) == NULL ||
		    machine->vcpu[i]->nmsrs > VCPU_STATE_MSRS) {
			(void)snprintf(why, VMM_REASON_MAX,
			    "vCPU %u cannot be what it should", i);
			errno = EINVAL;
			return -1;
		}
	return 0;
}

static int
machine_set_time(struct vm *vm, const struct vm_machine *machine, char *why)
{
	int64_t ahead[VMM_MAX_VCPUS] = { 0 };
	uint32_t i;

	for (i = 0; i < machine->nvcpus; i++)
		ahead[i] = machine->vcpu[i]->tsc_ahead;
	if (clock_set(vm, &machine->time, 0, ahead) == -1)
		return machine_refused(why, "the clocks", 0);
	return 0;
}

static int
machine_set_vcpu_late(
    struct vcpu *vcpu, const struct vcpu_state *state, char *why)
{
	if (machine_set_msrs(vcpu, state, why) == -1)
		return -1;
	if (vcpu->be->set_events(vcpu, &state->events) == -1)
		return machine_refused(why, "pending events", vcpu->id);
	return 0;
}

int
vm_set_machine(struct vm *vm, const struct vm_machine *machine, char *why)
{
	uint32_t i;

	why[0] = '\0';
	if (machine_check(vm, machine, why) == -1)
		return -1;
	for (i = 0; i < machine->nvcpus; i++)
		if (cpustate_set(vm->vcpus[i], machine->vcpu[i]) == -1)
			return machine_refused(why, "the registers", i);
	if (machine_set_time(vm, machine, why) == -1)
		return -1;
	if (machine->chips != NULL &&
	    vm_set_chips(vm, machine->chips, machine->chips_len) == -1) {
		(void)snprintf(
		    why, VMM_REASON_MAX, "the chips: %s", strerror(errno));
		return -1;
	}
	for (i = 0; i < machine->nvcpus; i++)
		if (machine_set_vcpu_late(
			vm->vcpus[i], machine->vcpu[i], why) == -1)
			return -1;
	return 0;
}
