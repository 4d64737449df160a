/* SPDX-License-Identifier: ISC */
/*
 * i440FX host bridge and PIIX3 ISA bridge: see hostbridge.h.
 *
 * Register numbers from Intel's 82441FX (290549) and 82371SB (290550) data
 * sheets.  The subsystem id of the host bridge is the one by which SeaBIOS
 * knows that it runs in a virtual machine of this kind.
 */
#include "pci/hostbridge.h"

#include <string.h>

#define PAM0 0x59 /* shadowing of 0xf0000-0xfffff, then six more */
#define PAM_REGS 7
#define PAM0_RAM 0x30 /* reads and writes go to RAM */
#define PAM_RAM 0x33
#define SMRAM 0x72
#define PIRQ_ROUTE 0x60 /* A, B, C, D */
#define PIRQ_OFF 0x80
#define XBCS 0x4e

static const struct pci_ids i440fx = {
	.vendor = 0x8086,
	.device = 0x1237,
	.sub_vendor = 0x1af4,
	.sub_device = 0x1100,
	.class = 0x060000,
	.revision = 2,
};

static const struct pci_ids piix3 = {
	.vendor = 0x8086,
	.device = 0x7000,
	.sub_vendor = 0x1af4,
	.sub_device = 0x1100,
	.class = 0x060100,
};

static const struct pci_device_ops no_ops = { .reset = NULL };

int
hostbridge_add(struct pci *pci, struct pci_device **isa)
{
	/* Where SeaBIOS routes the links too. */
	static const uint8_t routes[4] = { 10, 10, 11, 11 };
	struct pci_device *host;

	if ((host = pci_add(pci, 0, "hostbridge", &i440fx, &no_ops, NULL)) ==
	    NULL)
		return -1;
	pci_config(host)[PAM0] = PAM0_RAM;
	memset(pci_config(host) + PAM0 + 1, PAM_RAM, PAM_REGS - 1);
	memset(pci_config_wmask(host) + PAM0, 0x33, PAM_REGS);
	pci_config_wmask(host)[SMRAM] = 0x7f;
	pci_config_done(host);

	if ((*isa = pci_add(pci, 1, "isabridge", &piix3, &no_ops, NULL)) ==
	    NULL)
		return -1;
	memcpy(pci_config(*isa) + PIRQ_ROUTE, routes, sizeof(routes));
	memset(pci_config_wmask(*isa) + PIRQ_ROUTE, 0x8f, sizeof(routes));
	memset(pci_config_wmask(*isa) + XBCS, 0xff, 2);
	pci_config_done(*isa);
	return 0;
}

int
hostbridge_pirq(struct pci_device *isa, unsigned int link)
{
	uint8_t route = pci_config(isa)[PIRQ_ROUTE + (link & 3)];

	return (route & PIRQ_OFF) || (route & 0xf) < 3 ? -1 : route & 0xf;
}
