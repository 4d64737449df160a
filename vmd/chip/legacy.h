/* SPDX-License-Identifier: ISC */
/*
 * The remains of a PC/AT that software pokes without asking: the keyboard
 * controller's reset line, port 0x92, the POST port, the firmware's debug
 * port.
 */
#ifndef LEGACY_H
#define LEGACY_H

#include <stddef.h>
#include <stdint.h>

struct machine;
struct legacy;
struct state_buf;

/*
 * debug gets lines that SeaBIOS writes to port 0x402, without the newline; with
 * NULL the port is absent, and the firmware does not spend time on it.  Returns
 * owned; NULL with errno.
 */
struct legacy *legacy_new(
    struct machine *, void (*debug)(void *arg, const char *line), void *arg);
void legacy_free(struct legacy *);

/*
 * State as in pci/state.h: what the keyboard controller waits for.  A line
 * of the firmware that is not complete is the log's, not the guest's.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int legacy_save(struct legacy *, struct state_buf *);
int legacy_load(struct legacy *, struct state_buf *);

#endif /* LEGACY_H */
