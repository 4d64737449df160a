/* SPDX-License-Identifier: ISC */
/*
 * Missing pages by userfaultfd(2); see faults.h.  Runs in the parent, which
 * opens the device and nothing else, in VM processes and in device processes.
 */
#include "ipc/faults.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <unistd.h>

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00) /* Linux 6.1 */
#endif
#define FAULTS_PAGE 4096ULL

int
faults_open(void)
{
	return open(FAULTS_DEVICE, O_RDWR | O_CLOEXEC);
}

const char *
faults_hint(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return FAULTS_DEVICE " is missing: receive -c needs Linux 6.1 "
				     "with CONFIG_USERFAULTFD";
	case EACCES:
	case EPERM:
		return FAULTS_DEVICE " may not be opened: give the daemon's "
				     "user access to it, or use root's daemon";
	default:
		return FAULTS_DEVICE " cannot be used";
	}
}

int
faults_new(int device)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return -1;
	if (ioctl(fd, UFFDIO_API, &api) == -1) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int
faults_watch(int fd, const void *base, size_t len)
{
	struct uffdio_register r = {
		.range = { .start = (uintptr_t)base, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return ioctl(fd, UFFDIO_REGISTER, &r);
}

int
faults_next(int fd, uint64_t *page)
{
	struct uffd_msg m;
	ssize_t n = read(fd, &m, sizeof(m));

	if (n == -1)
		return -1;
	/* A process that asked for other events is not one of ours. */
	if (n != sizeof(m) || m.event != UFFD_EVENT_PAGEFAULT) {
		errno = EPROTO;
		return -1;
	}
	*page = m.arg.pagefault.address & ~(FAULTS_PAGE - 1);
	return 0;
}

/* Somebody else was faster, by another process' descriptor, and has woken only
 * who waits there. */
static int
faults_wake(int fd, uint64_t page)
{
	struct uffdio_range r = { .start = page, .len = FAULTS_PAGE };

	return ioctl(fd, UFFDIO_WAKE, &r);
}

int
faults_copy(int fd, uint64_t page, const void *src, size_t len)
{
	struct uffdio_copy c = {
		.dst = page, .src = (uintptr_t)src, .len = len
	};

	if (ioctl(fd, UFFDIO_COPY, &c) == 0)
		return 0;
	if (errno == EEXIST)
		return faults_wake(fd, page);
	/* EAGAIN after some pages: one behind them was there already. */
	return errno == EAGAIN && c.copy > 0 ? 0 : -1;
}

int
faults_zero(int fd, uint64_t page)
{
	struct uffdio_zeropage z = { .range = {
					 .start = page, .len = FAULTS_PAGE } };

	if (ioctl(fd, UFFDIO_ZEROPAGE, &z) == 0)
		return 0;
	return errno == EEXIST ? faults_wake(fd, page) : -1;
}
