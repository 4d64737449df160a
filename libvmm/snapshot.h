/* SPDX-License-Identifier: ISC */
/*
 * What the copy into guest memory tells a snapshot.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdint.h>

#include "vmm_snapshot.h"

/* The host wrote [gpa, gpa+len), within one region; the VM's lock is held. */
void snapshot_written(struct vm_snapshot *snapshot, uint64_t gpa, uint64_t len);

#endif /* SNAPSHOT_H */
