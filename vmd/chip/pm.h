/* SPDX-License-Identifier: ISC */
/*
 * ACPI fixed hardware: PM1a event and control registers, PM timer, reset
 * register (ACPI 6.4, 4.8.3).
 */
#ifndef PM_H
#define PM_H

#include <stdbool.h>

struct machine;
struct pm;

/* Returns owned; NULL with errno. */
struct pm *pm_new(struct machine *);
void pm_free(struct pm *);

/*
 * Presses the power button.  Returns whether the guest has asked to hear of it
 * (its ACPI driver is up), false: nothing will come of it now.
 */
bool pm_power_button(struct pm *);

#endif /* PM_H */
