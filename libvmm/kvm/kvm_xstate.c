/* SPDX-License-Identifier: ISC */
/*
 * Extended state as KVM has it: the XSAVE area, XCRs, sets of MSRs.  In the
 * vCPU's thread.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define MSRS_AT_ONCE 128 /* KVM takes 256 */

int
kvm_xstate_size(struct vcpu *vcpu, size_t *len)
{
	int n = ioctl(kvm_vm_fd(vcpu->vm), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (n == -1)
		return -1;
	*len = sizeof(struct kvm_xsave);
	if ((size_t)n > *len)
		*len = (size_t)n;
	return 0;
}

int
kvm_xstate_get(struct vcpu *vcpu, void *area, size_t len)
{
	unsigned long call =
	    len > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;

	return ioctl(kvm_vcpu_fd(vcpu), call, area);
}

int
kvm_xstate_set(struct vcpu *vcpu, const void *area)
{
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XSAVE, area);
}

int
kvm_xstate_get_xcr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct kvm_xcrs x = { 0 };
	uint32_t i;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_XCRS, &x) == -1)
		return -1;
	for (i = 0; i < x.nr_xcrs && i < KVM_MAX_XCRS; i++)
		if (x.xcrs[i].xcr == index) {
			*value = x.xcrs[i].value;
			return 0;
		}
	errno = EINVAL;
	return -1;
}

int
kvm_xstate_set_xcr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct kvm_xcrs x = { .nr_xcrs = 1 };
	uint64_t old;

	/* KVM ignores those that it does not know. */
	if (kvm_xstate_get_xcr(vcpu, index, &old) == -1)
		return -1;
	x.xcrs[0].xcr = index;
	x.xcrs[0].value = value;
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XCRS, &x);
}

int
kvm_xstate_msr_list(int fd, uint32_t *indices, uint32_t max)
{
	struct kvm_msr_list count = { 0 }, *list;
	uint32_t i;
	int rc;

	/* E2BIG: it has told how many. */
	if (ioctl(fd, KVM_GET_MSR_INDEX_LIST, &count) == -1 && errno != E2BIG)
		return -1;
	list =
	    calloc(1, sizeof(*list) + count.nmsrs * sizeof(list->indices[0]));
	if (list == NULL)
		return -1;
	list->nmsrs = count.nmsrs;
	rc = ioctl(fd, KVM_GET_MSR_INDEX_LIST, list);
	for (i = 0; rc == 0 && i < list->nmsrs && i < max; i++)
		indices[i] = list->indices[i];
	if (rc == 0)
		rc = (int)list->nmsrs;
	free(list);
	return rc;
}

/* Room for some MSRs behind KVM's header. */
union kvm_xstate_msrs {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) +
	    MSRS_AT_ONCE * sizeof(struct kvm_msr_entry)];
};

/*
 * One call for as many of msrs as fit, with their values, which a reading one
 * replaces in m.  How many KVM took; *n of how many.
 */
static int
kvm_xstate_msrs(struct vcpu *vcpu, unsigned long call,
    const struct vcpu_msr *msrs, uint32_t *n, union kvm_xstate_msrs *m)
{
	uint32_t i;

	if (*n > MSRS_AT_ONCE)
		*n = MSRS_AT_ONCE;
	memset(m, 0, sizeof(*m));
	m->head.nmsrs = *n;
	for (i = 0; i < *n; i++)
		m->head.entries[i] =
		    (struct kvm_msr_entry) { .index = msrs[i].index,
			    .data = msrs[i].value };
	return ioctl(kvm_vcpu_fd(vcpu), call, &m->head);
}

int
kvm_xstate_get_msrs(struct vcpu *vcpu, struct vcpu_msr *msrs, uint32_t count)
{
	union kvm_xstate_msrs m;
	uint32_t done = 0, i, n;
	int got;

	while (done < count) {
		n = count - done;
		got = kvm_xstate_msrs(vcpu, KVM_GET_MSRS, msrs + done, &n, &m);
		if (got == -1)
			return -1;
		for (i = 0; i < (uint32_t)got; i++)
			msrs[done + i].value = m.head.entries[i].data;
		done += (uint32_t)got;
		if ((uint32_t)got < n)
			break;
	}
	return (int)done;
}

int
kvm_xstate_set_msrs(
    struct vcpu *vcpu, const struct vcpu_msr *msrs, uint32_t count)
{
	union kvm_xstate_msrs m;
	uint32_t done = 0, n;
	int got;

	while (done < count) {
		n = count - done;
		got = kvm_xstate_msrs(vcpu, KVM_SET_MSRS, msrs + done, &n, &m);
		if (got == -1)
			return -1;
		done += (uint32_t)got;
		if ((uint32_t)got < n)
			break;
	}
	return (int)done;
}
