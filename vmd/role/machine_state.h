/* SPDX-License-Identifier: ISC */
/*
 * All of a VM's state but memory and the devices' disks: the sections CPU, ROM,
 * VCPU, CHIPS, BOARD and TIME of a state stream.
 *
 * Runs in the VM process, in whatever thread sends or receives; functions that
 * need the machine lock take it themselves unless they say otherwise.  Sending:
 * _write_cpu() early, _take() while guest and devices stand still, _write().
 * Receiving, into a VM that has its vCPUs and its board and has not run:
 * _load() with each section as it comes, _finish() after END, _start_clocks()
 * right before the guest runs.  What is loaded is hostile: it is bounded before
 * anything is allocated and checked before anything is changed.
 */
#ifndef MACHINE_STATE_H
#define MACHINE_STATE_H

#include <stdbool.h>

struct hold;
struct machine_state;
struct state_section;
struct state_writer;
struct vcpus;

/* Borrows vcpus, which have their board.  Returns owned; NULL with ENOMEM. */
struct machine_state *machine_state_new(struct vcpus *vcpus);
/* NULL is allowed. */
void machine_state_free(struct machine_state *);

/* After a -1: what is wrong, a sentence for the user without a period;
 * borrowed. */
const char *machine_state_error(const struct machine_state *);

/* --- sending -------------------------------------------------------------- */

/* Puts CPU, so that a receiver that lacks a feature says so before memory
 * travels; the guest may run.  -1 with errno. */
int machine_state_write_cpu(struct machine_state *, struct state_writer *);

/*
 * Takes a copy of everything else; the guest is held, hold->still, and devices
 * have stopped.  paused: its user did that, and it shall be so where it goes.
 * May be called again for a later standstill.  -1 with errno.
 */
int machine_state_take(
    struct machine_state *, const struct hold *hold, bool paused);

/* Puts what was taken: ROM, VCPU, CHIPS, BOARD, TIME.  -1 with errno. */
int machine_state_write(struct machine_state *, struct state_writer *);

/* --- receiving ------------------------------------------------------------ */

/*
 * Loads one section, if it is of one of the types above: CPU and ROM into the
 * VM at once, the rest is checked for what can be and kept.  1; 0: not ours; -1
 * with errno EBADMSG (it cannot be right), ENOTSUP (this host cannot) or
 * ENOMEM. CPU must come before VCPU.
 */
int machine_state_load(
    struct machine_state *, const struct state_section *section);

/*
 * After END, when memory is complete: builds the board, then vCPUs and chips.
 * The guest is held by HOLD_START and has not run; device processes are there
 * and have stopped (virtio_stop() and its answer), as the board wants it.  -1
 * as above, also when a section is missing; the VM is of no use then.
 */
int machine_state_finish(struct machine_state *, struct hold *hold);

/* Whether the VM was paused by its user where it comes from; after TIME. */
bool machine_state_was_paused(const struct machine_state *);

/*
 * Before hold_drop(HOLD_START), main thread with the machine lock: kvm-clock,
 * TSCs and the board's clock begin where they were, later by the standstill if
 * that was short and the VM was not paused.
 */
void machine_state_start_clocks(struct machine_state *, struct hold *hold);

#endif /* MACHINE_STATE_H */
