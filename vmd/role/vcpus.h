/* SPDX-License-Identifier: ISC */
/*
 * The vCPU threads of a VM.
 *
 * Runs in the VM process: one thread per vCPU, which leaves the guest only for
 * accesses to chips, under the machine lock, and for pauses.
 */
#ifndef VCPUS_H
#define VCPUS_H

#include <pthread.h>
#include <stdbool.h>

#include "boot/boot.h"
#include "vmd_limits.h"
#include "vmd_msg.h"

struct board;
struct vcpu;
struct vm_gdb;

struct vcpus {
	struct board *board;
	struct vm_gdb
	    *gdb; /* borrowed, set before vcpus_start(); may be NULL */
	unsigned int count;
	struct vcpu *vcpu[VMD_CPUS_MAX];
	pthread_t thread[VMD_CPUS_MAX];
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t resume; /* hold or throttle has changed */
	unsigned int throttle; /* percent of the time that they stand */
	bool hold; /* no vCPU may run; else those the debugger lets */
	unsigned int held; /* those that do not */
	int event_fd; /* owned: counts up when held or ended may have changed */
	bool ended; /* the guest cannot go on: see reason, detail */
	struct vcpu *crashed; /* whose doing that is; NULL: it did not crash */
	enum vm_end reason;
	char detail[VMD_DETAIL_MAX];
};

/* Opens the vCPUs, the first with the registers of cpu.  -1 with errno. */
int vcpus_init(struct vcpus *, struct board *, unsigned int count,
    const struct boot_cpu *cpu);
/* Makes the threads, held until vcpus_resume().  -1 with errno. */
int vcpus_start(struct vcpus *);

/* Stops all at an instruction boundary; event_fd tells when it is worth asking
 * whether all have, at least once.  Call without the machine lock or with it.
 */
void vcpus_hold(struct vcpus *);
bool vcpus_are_held(struct vcpus *);
/* Lets them go on, unless the guest has ended.  was_paused: the guest is told
 * that it stood still; all must be held then. */
void vcpus_resume(struct vcpus *, bool was_paused);
/*
 * Slows the guest down: its vCPUs stand still percent (0 to THROTTLE_MAX) of
 * the time, in turns of some 10 ms, by themselves; nobody has to call again.
 * They can be held meanwhile as ever.  Any thread, with the machine lock or
 * without it.
 */
void vcpus_throttle(struct vcpus *, unsigned int percent);
/* Whether the guest cannot go on, and then why; any thread. */
bool vcpus_ended(
    struct vcpus *, enum vm_end *reason, char detail[VMD_DETAIL_MAX]);
/* The vCPU (borrowed) that crashed; NULL: none, or the end had another reason.
 */
struct vcpu *vcpus_crashed(struct vcpus *);
/* The guest cannot go on, once; vcpu is the one that crashed, or NULL.  Any
 * thread; event_fd tells the main one. */
void vcpus_end(struct vcpus *, struct vcpu *vcpu, enum vm_end reason,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif /* VCPUS_H */
