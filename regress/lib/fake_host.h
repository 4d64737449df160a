/* SPDX-License-Identifier: ISC */
/*
 * A machine and a PCI host without KVM: what they are asked for is remembered
 * in arrays that a test can look at.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "pci/bus.h"
#include "pci/machine.h"
#include "pci/pci.h"

#define FAKE_MAX 64

static struct fake_host {
	bool level[24];
	unsigned int edges; /* calls of irq */
	struct {
		uint64_t addr;
		uint32_t value;
	} msi[FAKE_MAX];
	unsigned int nmsi;
	unsigned int resets;
	unsigned int collisions; /* what KVM refuses with EEXIST or EBUSY */
	struct {
		bool used;
		uint16_t port;
		unsigned int len;
		int fd;
	} ioeventfd[FAKE_MAX];
	struct {
		bool used;
		int fd;
		uint64_t addr;
		uint32_t value;
	} irqfd[FAKE_MAX];
	struct fake_watch {
		bool used;
		int fd;
		void (*ready)(void *);
		void *arg;
	} watch[FAKE_MAX];
} fake;

static inline void
fake_irq(void *arg, unsigned int gsi, bool level)
{
	(void)arg;
	fake.level[gsi] = level;
	fake.edges++;
}

static inline void
fake_msi(void *arg, uint64_t addr, uint32_t value)
{
	(void)arg;
	if (fake.nmsi < FAKE_MAX) {
		fake.msi[fake.nmsi].addr = addr;
		fake.msi[fake.nmsi++].value = value;
	}
}

static inline void
fake_power(void *arg, enum machine_power power)
{
	(void)arg;
	if (power == POWER_RESET)
		fake.resets++;
}

static inline int
fake_ioeventfd_add(void *arg, uint16_t port, unsigned int len, int fd)
{
	(void)arg;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		fake.collisions +=
		    fake.ioeventfd[i].used && fake.ioeventfd[i].port == port;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		if (!fake.ioeventfd[i].used) {
			fake.ioeventfd[i].used = true;
			fake.ioeventfd[i].port = port;
			fake.ioeventfd[i].len = len;
			fake.ioeventfd[i].fd = fd;
			return 0;
		}
	errno = ENOSPC;
	return -1;
}

static inline void
fake_ioeventfd_remove(void *arg, uint16_t port, unsigned int len, int fd)
{
	(void)arg;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		if (fake.ioeventfd[i].used && fake.ioeventfd[i].port == port &&
		    fake.ioeventfd[i].len == len && fake.ioeventfd[i].fd == fd)
			fake.ioeventfd[i].used = false;
}

/* The eventfd behind a port, -1 for none. */
static inline int
fake_port_fd(uint16_t port)
{
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		if (fake.ioeventfd[i].used && fake.ioeventfd[i].port == port)
			return fake.ioeventfd[i].fd;
	return -1;
}

static inline int
fake_irqfd_add(void *arg, int fd, uint64_t addr, uint32_t value)
{
	(void)arg;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		fake.collisions += fake.irqfd[i].used && fake.irqfd[i].fd == fd;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		if (!fake.irqfd[i].used) {
			fake.irqfd[i].used = true;
			fake.irqfd[i].fd = fd;
			fake.irqfd[i].addr = addr;
			fake.irqfd[i].value = value;
			return (int)i;
		}
	errno = ENOSPC;
	return -1;
}

static inline int
fake_irqfd_update(void *arg, int handle, uint64_t addr, uint32_t value)
{
	(void)arg;
	fake.irqfd[handle].addr = addr;
	fake.irqfd[handle].value = value;
	return 0;
}

static inline void
fake_irqfd_remove(void *arg, int handle, int fd)
{
	(void)arg;
	if (fake.irqfd[handle].fd == fd)
		fake.irqfd[handle].used = false;
}

static inline void *
fake_watch(void *arg, int fd, void (*ready)(void *), void *cb_arg)
{
	(void)arg;
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		if (!fake.watch[i].used) {
			fake.watch[i] = (struct fake_watch) { .used = true,
				.fd = fd,
				.ready = ready,
				.arg = cb_arg };
			return &fake.watch[i];
		}
	errno = ENOSPC;
	return NULL;
}

static inline void
fake_unwatch(void *arg, void *handle)
{
	(void)arg;
	((struct fake_watch *)handle)->used = false;
}

/* One round of the event loop; how many were called. */
static inline unsigned int
fake_poll(int timeout_ms)
{
	unsigned int called = 0;

	for (unsigned int i = 0; i < FAKE_MAX; i++) {
		struct pollfd p = { .fd = fake.watch[i].fd, .events = POLLIN };

		if (!fake.watch[i].used || poll(&p, 1, timeout_ms) != 1)
			continue;
		fake.watch[i].ready(fake.watch[i].arg);
		called++;
	}
	return called;
}

static inline unsigned int
fake_count_irqfds(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_MAX; i++)
		n += fake.irqfd[i].used;
	return n;
}

static inline unsigned int
fake_count_ioeventfds(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_MAX; i++)
		n += fake.ioeventfd[i].used;
	return n;
}

static struct machine fake_machine = {
	.memory = 64 << 20,
	.lowmem = 64 << 20,
	.ncpus = 1,
	.irq = fake_irq,
	.msi = fake_msi,
	.power = fake_power,
};

static const struct pci_host fake_pci_host = {
	.ioeventfd_add = fake_ioeventfd_add,
	.ioeventfd_remove = fake_ioeventfd_remove,
	.irqfd_add = fake_irqfd_add,
	.irqfd_update = fake_irqfd_update,
	.irqfd_remove = fake_irqfd_remove,
	.watch = fake_watch,
	.unwatch = fake_unwatch,
};

/* A fresh machine with a bus and a PCI bus. */
static inline struct pci *
fake_pci(void)
{
	memset(&fake, 0, sizeof(fake));
	fake_machine.bus = bus_new();
	return pci_new(&fake_machine, &fake_pci_host);
}

static inline void
fake_pci_free(struct pci *pci)
{
	pci_free(pci);
	bus_free(fake_machine.bus);
}

static inline uint32_t
fake_in(uint16_t port, unsigned int len)
{
	uint64_t mask = len == 4 ? 0xffffffff : (1ULL << 8 * len) - 1;

	return (
	    uint32_t)(bus_read(fake_machine.bus, BUS_PIO, port, len) & mask);
}

static inline void
fake_out(uint16_t port, unsigned int len, uint32_t value)
{
	bus_write(fake_machine.bus, BUS_PIO, port, len, value);
}

static inline uint32_t
fake_config_in(unsigned int slot, unsigned int reg, unsigned int len)
{
	fake_out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	return fake_in((uint16_t)(0xcfc + (reg & 3)), len);
}

static inline void
fake_config_out(
    unsigned int slot, unsigned int reg, unsigned int len, uint32_t value)
{
	fake_out(0xcf8, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
	fake_out((uint16_t)(0xcfc + (reg & 3)), len, value);
}

#endif /* FAKE_HOST_H */
