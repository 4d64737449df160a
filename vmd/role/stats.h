/* SPDX-License-Identifier: ISC */
/*
 * The counters of a VM, told to a client that asks for them.  Runs in the VM
 * process.
 */
#ifndef STATS_H
#define STATS_H

#include "vmd_msg.h"

struct child;
struct vcpus;

/* Sends a STATS_ROW per counter and the end.  The guest goes on meanwhile. */
void stats_answer(
    struct child *, const struct vcpus *, const struct msg_vm_ask *);

#endif /* STATS_H */
