/* SPDX-License-Identifier: ISC */
/*
 * ACPI fixed hardware: PM1a event and control registers, PM timer, reset
 * register (ACPI 6.4, 4.8.3), and the general-purpose events (4.8.4).
 */
#ifndef PM_H
#define PM_H

#include <stdbool.h>

struct machine;
struct pm;
struct state_buf;

/* Returns owned; NULL with errno. */
struct pm *pm_new(struct machine *);
void pm_free(struct pm *);

/*
 * Presses the power button.  Returns whether the guest has asked to hear of it
 * (its ACPI driver is up), false: nothing will come of it now.
 */
bool pm_power_button(struct pm *);

#define PM_GPES 8

/* General-purpose event (0 to PM_GPES - 1) has happened: an edge, kept until
 * the guest clears it. */
void pm_event(struct pm *, unsigned int event);

/*
 * State as in pci/state.h: registers and how far the timer was seen;
 * the timer itself is the VM's clock, which is set before.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int pm_save(struct pm *, struct state_buf *);
int pm_load(struct pm *, struct state_buf *);

#endif /* PM_H */
