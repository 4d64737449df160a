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

/*
 * debug gets lines that SeaBIOS writes to port 0x402, without the newline; with
 * NULL the port is absent, and the firmware does not spend time on it.  Returns
 * owned; NULL with errno.
 */
struct legacy *legacy_new(
    struct machine *, void (*debug)(void *arg, const char *line), void *arg);
void legacy_free(struct legacy *);

#endif /* LEGACY_H */
