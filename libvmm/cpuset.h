/* SPDX-License-Identifier: ISC */
/*
 * What the sets of vCPUs ask of the run and of the opening of one.
 */
#ifndef CPUSET_H
#define CPUSET_H

#include "vmm.h"

/* A run of the vCPU ends as suspended; stop is why (VCPU_STOP_*). */
void cpuset_suspended(
    struct vcpu *vcpu, unsigned int stop, struct vm_exit *exit);

/* A vCPU that is being opened takes the VM's state. */
void cpuset_open(struct vcpu *vcpu);

#endif /* CPUSET_H */
