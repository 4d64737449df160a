/* SPDX-License-Identifier: ISC */
/*
 * The dispatch of port and memory accesses of vCPUs to chips and BARs.
 *
 * Runs in the VM process.  A bus is a sorted table of ranges; chips add theirs
 * at start, PCI moves those of BARs at run time.  The caller holds the VM's
 * machine lock around every call, so neither the bus nor a chip locks.
 */
#ifndef BUS_H
#define BUS_H

#include <stdint.h>

enum bus_space { BUS_PIO, BUS_MMIO };

/*
 * One access of 1, 2, 4 or 8 bytes (len) at offset within the range.  A read
 * returns the value, little endian, in its low bytes.
 */
struct bus_ops {
	uint64_t (*read)(void *arg, uint64_t offset, unsigned int len);
	void (*write)(
	    void *arg, uint64_t offset, unsigned int len, uint64_t value);
};

struct bus;

/* Returns owned; NULL with errno. */
struct bus *bus_new(void);
void bus_free(struct bus *);

/*
 * Adds [base, base + size).  Borrows name (shown in traces), ops and arg until
 * bus_remove.  -1 with errno EEXIST when it overlaps another range, EINVAL when
 * it is empty or wraps, ENOSPC when the table is full.
 */
int bus_add(struct bus *, enum bus_space, uint64_t base, uint64_t size,
    const char *name, const struct bus_ops *ops, void *arg);
/* -1 with errno ENOENT when no range starts at base. */
int bus_remove(struct bus *, enum bus_space, uint64_t base);

/*
 * An access by a vCPU.  Where no range holds the whole access, reads give all
 * ones and writes are dropped, as on a PC.  len is 1 to 8.
 */
uint64_t bus_read(
    struct bus *, enum bus_space, uint64_t addr, unsigned int len);
void bus_write(struct bus *, enum bus_space, uint64_t addr, unsigned int len,
    uint64_t value);

#endif /* BUS_H */
