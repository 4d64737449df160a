/* SPDX-License-Identifier: ISC */
/*
 * The generation ID, which tells a guest that it is a copy: 16 random bytes in
 * the guest's memory, which change when a guest goes on from a state that it,
 * or another one, has been in before (Microsoft's "Virtual Machine Generation
 * ID"; the guest finds it by ACPI).  Linux then makes its random numbers anew.
 */
#ifndef GENID_H
#define GENID_H

#include <stdbool.h>
#include <stdint.h>

struct genid;
struct machine;
struct pm;
struct state_buf;

#define GENID_SIZE 16

/*
 * firmware: whether the machine starts with firmware or with a kernel, which
 * decides where the ID is.  Touches no guest memory.  Borrows pm.  Returns
 * owned; NULL with errno.
 */
struct genid *genid_new(struct machine *, struct pm *, bool firmware);
void genid_free(struct genid *);

/*
 * Gives a guest that has not run yet its ID, guid: GENID_SIZE bytes that nobody
 * can guess, of the caller.
 */
void genid_set(struct genid *, const uint8_t guid[GENID_SIZE]);

/*
 * Gives a guest that does not run, and whose memory, chips and interrupt
 * controllers are loaded, another ID, and tells it so by an event as soon as
 * it runs (genid_set() does not: it would be news of nothing).
 */
void genid_renew(struct genid *, const uint8_t guid[GENID_SIZE]);

/*
 * State as in pci/state.h: where the ID is and what it is; the guest's memory
 * has it too, and travels by itself.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int genid_save(struct genid *, struct state_buf *);
int genid_load(struct genid *, struct state_buf *);

#endif /* GENID_H */
