/* SPDX-License-Identifier: ISC */
/*
 * The output of a VM's console on its way to the terminal: a ring in memory
 * that outlives the VM process, so that what a guest printed before somebody
 * looked, or before it rebooted, is not lost.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "vmd_limits.h"

struct console;
struct state_buf;

#define CONSOLE_HEADER 64
/* The size of the mapping that console_new() wants. */
#define CONSOLE_MAPPING (CONSOLE_HEADER + VMD_CONSOLE_RING)

/*
 * Borrows memory (CONSOLE_MAPPING bytes, 8-byte aligned) until console_free().
 * Zeroes and anything else that is no ring start an empty one; a ring of an
 * earlier process goes on.  Returns owned; NULL with errno.
 */
struct console *console_new(void *memory);
void console_free(struct console *);

/* Adds output; when the ring is full the oldest bytes are dropped. */
void console_output(struct console *, const uint8_t *bytes, size_t len);

/* Bytes that wait for a reader. */
size_t console_pending(const struct console *);

/*
 * Writes to a non-blocking descriptor what it takes.  0: the ring is empty, 1:
 * bytes are left (wait until fd is writable), -1 with errno: fd is of no use
 * now (EIO: a terminal that nobody has open); what was not written stays.
 */
int console_flush(struct console *, int fd);

/*
 * State as in pci/state.h: the output that nobody has read yet (up to the
 * ring's size).  Loaded output comes after what is there.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int console_save(struct console *, struct state_buf *);
int console_load(struct console *, struct state_buf *);

#endif /* CONSOLE_H */
