/* SPDX-License-Identifier: ISC */
/*
 * Capabilities of a vCPU by libvmmapi's names.  A row says what KVM does and
 * who can change it; what cannot be changed is refused, never ignored.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "vmm.h"

#define MODULE "/sys/module/"

/* Without chips in the kernel every HLT is an exit, with them none is. */
static int
capability_hlt(struct vcpu *vcpu, int *value)
{
	*value = (vcpu->vm->params.flags & VM_IRQCHIP) == 0;
	return 0;
}

static int
capability_step(struct vcpu *vcpu, int *value)
{
	*value = (vcpu->debug.flags & VCPU_DEBUG_STEP) != 0;
	return 0;
}

static int
capability_pause(struct vcpu *vcpu, int *value)
{
	(void)vcpu;
	*value = 0;
	return 0;
}

/* Intel's module says whether real mode runs natively; AMD's always does. */
static int
capability_unrestricted(struct vcpu *vcpu, int *value)
{
	char answer = 0;
	int fd;

	(void)vcpu;
	fd = open(MODULE "kvm_intel/parameters/unrestricted_guest",
	    O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		ssize_t n = read(fd, &answer, 1);

		close(fd);
		if (n == 1) {
			*value = answer == 'Y' || answer == '1';
			return 0;
		}
	} else if (access(MODULE "kvm_amd", F_OK) == 0) {
		*value = 1;
		return 0;
	}
	errno = ENOTSUP;
	return -1;
}

static int
capability_set_step(struct vcpu *vcpu, int value)
{
	struct vcpu_debug debug = vcpu->debug;

	if (value != 0)
		debug.flags |= VCPU_DEBUG_STEP;
	else
		debug.flags &= ~VCPU_DEBUG_STEP;
	return vcpu_set_debug(vcpu, &debug);
}

static const struct capability_row {
	const char *name;
	int (*get)(struct vcpu *vcpu, int *value);
	int (*set)(struct vcpu *vcpu, int value); /* NULL: fixed */
} capability_rows[VM_CAP_MAX] = {
	[VM_CAP_HALT_EXIT] = { "hlt_exit", capability_hlt, NULL },
	[VM_CAP_MTRAP_EXIT] = { "mtrap_exit", capability_step,
	    capability_set_step },
	[VM_CAP_PAUSE_EXIT] = { "pause_exit", capability_pause, NULL },
	[VM_CAP_UNRESTRICTED_GUEST] = { "unrestricted_guest",
	    capability_unrestricted, NULL },
};

static const struct capability_row *
capability_find(enum vm_cap_type type)
{
	if ((unsigned int)type >= VM_CAP_MAX) {
		errno = EINVAL;
		return NULL;
	}
	return &capability_rows[type];
}

int
vm_capability_name2type(const char *name)
{
	int i;

	for (i = 0; i < VM_CAP_MAX; i++)
		if (strcmp(capability_rows[i].name, name) == 0)
			return i;
	errno = EINVAL;
	return -1;
}

const char *
vm_capability_type2name(enum vm_cap_type type)
{
	const struct capability_row *row = capability_find(type);

	return row != NULL ? row->name : NULL;
}

int
vm_get_capability(struct vcpu *vcpu, enum vm_cap_type type, int *value)
{
	const struct capability_row *row = capability_find(type);

	return row != NULL ? row->get(vcpu, value) : -1;
}

int
vm_set_capability(struct vcpu *vcpu, enum vm_cap_type type, int value)
{
	const struct capability_row *row = capability_find(type);
	int now;

	if (row == NULL)
		return -1;
	if (value != 0 && value != 1) {
		errno = EINVAL;
		return -1;
	}
	if (row->set != NULL)
		return row->set(vcpu, value);
	if (row->get(vcpu, &now) == -1)
		return -1;
	if (now == value)
		return 0;
	errno = ENOTSUP;
	return -1;
}
