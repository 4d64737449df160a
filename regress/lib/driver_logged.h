/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the logs of memory and of disks share: logs, and a blk
 * device that is asked for what is to be in them.
 */
#ifndef DRIVER_LOGGED_H
#define DRIVER_LOGGED_H

#include <sys/mman.h>

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "driver_blk.h"
#include "driver_rng.h"

#define PAGE 4096U
#define PAGES (DRIVER_MEMORY / PAGE)
/* Page n of those free for tests. */
#define AT(n) (DRIVER_DATA + PAGE * (n))
#define HEADER_AT AT(100)
#define STATUS_PAGE 101

/* A memfd of words with seals; -1 when there is none. */
static inline int
log_fd(size_t words, int seals)
{
	int fd = memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1 || ftruncate(fd, (off_t)(words * 8)) == -1 ||
	    fcntl(fd, F_ADD_SEALS, seals) == -1)
		return -1;
	return fd;
}

/* A request with two buffers of data at pages 0 and 10; its status. */
static inline unsigned int
ask_blk(uint32_t type, uint64_t sector, uint32_t len0, uint32_t len1)
{
	const struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	const struct driver_buffer b[4] = { { HEADER_AT, sizeof(h), false },
		{ AT(0), len0, in }, { AT(10), len1, in },
		{ AT(STATUS_PAGE), 1, true } };
	uint32_t len;

	memcpy(drv.mem + HEADER_AT, &h, sizeof(h));
	drv.mem[AT(STATUS_PAGE)] = 0xee;
	driver_add(0, b, 4);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	driver_pump(loop);
	return drv.mem[AT(STATUS_PAGE)];
}

#endif /* DRIVER_LOGGED_H */
