/* SPDX-License-Identifier: ISC */
/*
 * A VM's state in memory, to which it can go back any number of times: for
 * sandboxes that serve one call after another.  Going back costs the pages that
 * were written since.  Included by vmm.h.
 */
#ifndef VMM_SNAPSHOT_H
#define VMM_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

struct vm;
struct vm_snapshot;

/*
 * Takes the RAM, all open vCPUs and, with VM_IRQCHIP, the chips; the copy
 * needs as much memory as the RAM has pages.  While no vCPU runs, each with its
 * last exit answered (vcpu_complete()).  Returned owned; it goes before its VM
 * does.  Until then vm_dirty_enable() and vm_dirty_get() are its own, and fail
 * with EBUSY.  EBUSY: there is a snapshot, or that log is on; ENOENT: there is
 * no RAM; ENOTSUP: the VM has a device of the host, and what that writes is in
 * no log.
 *
 * Not in it: MSRs that vcpu_reset() does not set either; memory of
 * vm_map_memory() and vm_map_devmem(); time, which goes on (TSC, kvm-clock);
 * and eventfds that are bound.
 */
int vm_snapshot_take(struct vm *vm, struct vm_snapshot **snapshotp);

/*
 * Puts all of it back; *pages (unless NULL) becomes how many pages were
 * written since the last time.  While no vCPU runs; an exit that waits for its
 * answer is dropped.  Needs the same vCPUs, else EINVAL, and no device of the
 * host, else ENOTSUP.  After another error call it again: what was written is
 * still noted.
 */
int vm_snapshot_restore(struct vm_snapshot *snapshot, uint64_t *pages);

/*
 * What the guest writes is noted, and what vm_copyin() does; what this process
 * writes otherwise (vm_map_gpa()) into [gpa, gpa+len) must be told before the
 * restore.  What another process writes to the RAM must be told, too.  EFAULT:
 * not all of it is RAM.
 */
int vm_snapshot_note(struct vm_snapshot *snapshot, uint64_t gpa, uint64_t len);

/* Takes it; the VM stays as it is.  NULL is allowed. */
void vm_snapshot_free(struct vm_snapshot *snapshot);

#endif /* VMM_SNAPSHOT_H */
