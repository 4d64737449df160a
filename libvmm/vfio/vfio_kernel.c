/* SPDX-License-Identifier: ISC */
/*
 * The real kernel behind struct vfio_ops.  Runs in the process that owns the
 * VM, which needs the rights on /dev/vfio that an administrator gave it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../handle.h"
#include "pptdev.h"

static int
kernel_open(void *arg, const char *path)
{
	(void)arg;
	return open(path, O_RDWR | O_CLOEXEC);
}

static void
kernel_close(void *arg, int fd)
{
	(void)arg;
	close(fd);
}

static ssize_t
kernel_readlink(void *arg, const char *path, char *buf, size_t size)
{
	(void)arg;
	return readlink(path, buf, size);
}

static int
kernel_populated(void *arg, const char *path)
{
	const struct dirent *e;
	DIR *d = opendir(path);
	int n = 0;

	(void)arg;
	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while (n == 0 && (e = readdir(d)) != NULL)
		n = e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int
kernel_ioctl(void *arg, int fd, unsigned long request, void *p)
{
	(void)arg;
	return ioctl(fd, request, p);
}

static void *
kernel_mmap(void *arg, size_t len, int prot, int fd, uint64_t off)
{
	(void)arg;
	return mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)off);
}

static void
kernel_munmap(void *arg, void *p, size_t len)
{
	(void)arg;
	munmap(p, len);
}

static ssize_t
kernel_pread(void *arg, int fd, void *buf, size_t len, uint64_t off)
{
	(void)arg;
	return pread(fd, buf, len, (off_t)off);
}

static ssize_t
kernel_pwrite(void *arg, int fd, const void *buf, size_t len, uint64_t off)
{
	(void)arg;
	return pwrite(fd, buf, len, (off_t)off);
}

static int
kernel_eventfd(void *arg)
{
	(void)arg;
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int
kernel_kvm_group(void *arg, struct vm *vm, int group_fd, bool add)
{
	(void)arg;
	return vm->be->vfio_group(vm, group_fd, add);
}

const struct vfio_ops vfio_ops_kernel = {
	.open_rw = kernel_open,
	.close = kernel_close,
	.readlink = kernel_readlink,
	.populated = kernel_populated,
	.control = kernel_ioctl,
	.map = kernel_mmap,
	.unmap = kernel_munmap,
	.pread = kernel_pread,
	.pwrite = kernel_pwrite,
	.eventfd = kernel_eventfd,
	.kvm_group = kernel_kvm_group,
};
