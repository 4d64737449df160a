/* SPDX-License-Identifier: ISC */
/*
 * The x87 and SSE registers, within KVM's XSAVE area: its first 512 bytes are
 * FXSAVE's (SDM 1, 10.5.1).  KVM_GET_FPU and its twin leave MXCSR out.  In the
 * thread that owns the vCPU.
 */
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define FXSAVE_FCW 0
#define FXSAVE_FSW 2
#define FXSAVE_FTW 4
#define FXSAVE_FOP 6
#define FXSAVE_FIP 8
#define FXSAVE_FDP 16
#define FXSAVE_MXCSR 24
#define FXSAVE_ST 32
#define FXSAVE_XMM 160
#define XSAVE_BV 512 /* which components the area holds */
#define XSAVE_X87_SSE 3ULL

/* Where each member is, both ways. */
static const struct kvm_fpu_row {
	size_t area, member, len;
} fpu_rows[] = {
#define ROW(area, m)                                  \
	{                                             \
		area, offsetof(struct vcpu_fpu, m),   \
		    sizeof(((struct vcpu_fpu *)0)->m) \
	}
	ROW(FXSAVE_FCW, fcw),
	ROW(FXSAVE_FSW, fsw),
	ROW(FXSAVE_FTW, ftw),
	ROW(FXSAVE_FOP, fop),
	ROW(FXSAVE_FIP, fip),
	ROW(FXSAVE_FDP, fdp),
	ROW(FXSAVE_MXCSR, mxcsr),
	ROW(FXSAVE_ST, st),
	ROW(FXSAVE_XMM, xmm),
#undef ROW
};

#define FPU_ROWS (sizeof(fpu_rows) / sizeof(fpu_rows[0]))

int
kvm_fpu_get(struct vcpu *vcpu, struct vcpu_fpu *fpu)
{
	struct kvm_xsave area = { 0 };
	size_t i;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_XSAVE, &area) == -1)
		return -1;
	for (i = 0; i < FPU_ROWS; i++)
		memcpy((uint8_t *)fpu + fpu_rows[i].member,
		    (uint8_t *)&area + fpu_rows[i].area, fpu_rows[i].len);
	return 0;
}

int
kvm_fpu_set(struct vcpu *vcpu, const struct vcpu_fpu *fpu)
{
	struct kvm_xsave area = { 0 };
	uint64_t components;
	size_t i;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_XSAVE, &area) == -1)
		return -1;
	for (i = 0; i < FPU_ROWS; i++)
		memcpy((uint8_t *)&area + fpu_rows[i].area,
		    (const uint8_t *)fpu + fpu_rows[i].member, fpu_rows[i].len);
	memcpy(&components, (uint8_t *)&area + XSAVE_BV, sizeof(components));
	components |= XSAVE_X87_SSE;
	memcpy((uint8_t *)&area + XSAVE_BV, &components, sizeof(components));
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XSAVE, &area);
}
