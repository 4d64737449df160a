/* SPDX-License-Identifier: ISC */
/*
 * Files for tests of boot loaders: bytes in a memfd, and one call of
 * boot_load() on the machine of pc.h.
 */
#ifndef BOOTFILE_H
#define BOOTFILE_H

#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "pc.h"

static inline int
bootfile(const void *bytes, size_t len)
{
	int fd = memfd_create("bootfile", MFD_CLOEXEC);

	if (fd == -1 || ftruncate(fd, (off_t)len) == -1 ||
	    pwrite(fd, bytes, len, 0) != (ssize_t)len)
		abort();
	return fd;
}

struct bootcase {
	const void *kernel;
	size_t kernel_len;
	const void *initrd;
	size_t initrd_len;
	const char *cmdline;
};

/* Loads into a fresh pc of that much memory, which the caller ends. */
static inline int
bootcase_load(const struct bootcase *c, struct pc *pc, uint64_t memory,
    struct boot_result *result)
{
	struct boot_params params = {
		.kernel_fd = bootfile(c->kernel, c->kernel_len),
		.initrd_fd =
		    c->initrd != NULL ? bootfile(c->initrd, c->initrd_len) : -1,
		.firmware_fd = -1,
		.cmdline = c->cmdline,
		.machine = &pc->machine,
	};
	int rc;

	pc_init(pc, memory, 2);
	rc = boot_load(&params, result);
	close(params.kernel_fd);
	if (params.initrd_fd != -1)
		close(params.initrd_fd);
	return rc;
}

#endif /* BOOTFILE_H */
