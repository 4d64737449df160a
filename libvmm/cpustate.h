/* SPDX-License-Identifier: ISC */
/*
 * The part of a vCPU's state that goes back before the chips: registers, debug
 * registers, XCR0, FPU.  MSRs are the caller's, and events, which come last.
 */
#ifndef CPUSTATE_H
#define CPUSTATE_H

struct vcpu;
struct vcpu_state;

/* All but MSRs and tsc_ahead, into zeroed memory. */
int cpustate_get(struct vcpu *vcpu, struct vcpu_state *state);

/* Drops an exit that waits for its answer, then puts back all but MSRs and
 * events. */
int cpustate_set(struct vcpu *vcpu, const struct vcpu_state *state);

#endif /* CPUSTATE_H */
