/* SPDX-License-Identifier: ISC */
/*
 * The two bridges every PC has: i440FX host bridge in slot 0 and PIIX3 ISA
 * bridge in slot 1, as far as firmware and kernels look at them.
 *
 * Runs in the VM process, machine lock held.  They have no state but their
 * registers: shadow memory is always plain RAM here, so the PAM registers only
 * remember, and pci.c reads the PIRQ routes to know the PIC input of a line.
 */
#ifndef HOSTBRIDGE_H
#define HOSTBRIDGE_H

#include "pci/pci.h"

/* 0 with *isa set to the ISA bridge; -1 with errno. */
int hostbridge_add(struct pci *, struct pci_device **isa);
/* The PIC input that a link (0-3, PIRQA-PIRQD) is routed to, -1 for none. */
int hostbridge_pirq(struct pci_device *isa, unsigned int link);

#endif /* HOSTBRIDGE_H */
