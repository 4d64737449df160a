/* SPDX-License-Identifier: ISC */
/*
 * The counter of fault.h, and each call with a fault before it.  Not in a plain
 * build, where libvmm has no globals.
 */
#include "fault.h"

#include <errno.h>
#include <stdatomic.h>

static _Atomic(uint64_t) fault_nth;
static _Atomic(uint64_t) fault_calls;
static atomic_int fault_errno;

void
vmm_fault_set(uint64_t nth, int err)
{
	atomic_store(&fault_errno, err);
	atomic_store(&fault_calls, 0);
	atomic_store(&fault_nth, nth);
}

uint64_t
vmm_fault_count(void)
{
	return atomic_load(&fault_calls);
}

bool
vmm_fault(void)
{
	uint64_t call = atomic_fetch_add(&fault_calls, 1) + 1;

	if (call != atomic_load(&fault_nth))
		return false;
	errno = atomic_load(&fault_errno);
	return true;
}

int
fault_open(const char *path, int flags)
{
	return vmm_fault() ? -1 : open(path, flags);
}

int
fault_ioctl(int fd, unsigned long request, unsigned long arg)
{
	return vmm_fault() ? -1 : ioctl(fd, request, arg);
}

int
fault_fcntl(int fd, int cmd, int arg)
{
	return vmm_fault() ? -1 : fcntl(fd, cmd, arg);
}

int
fault_fstat(int fd, struct stat *st)
{
	return vmm_fault() ? -1 : fstat(fd, st);
}

int
fault_ftruncate(int fd, off_t len)
{
	return vmm_fault() ? -1 : ftruncate(fd, len);
}

off_t
fault_lseek(int fd, off_t off, int whence)
{
	return vmm_fault() ? -1 : lseek(fd, off, whence);
}

int
fault_memfd_create(const char *name, unsigned int flags)
{
	return vmm_fault() ? -1 : memfd_create(name, flags);
}

int
fault_madvise(void *addr, size_t len, int advice)
{
	return vmm_fault() ? -1 : madvise(addr, len, advice);
}

int
fault_mlock(const void *addr, size_t len)
{
	return vmm_fault() ? -1 : mlock(addr, len);
}

int
fault_sigaction(int signo, const struct sigaction *new, struct sigaction *old)
{
	return vmm_fault() ? -1 : sigaction(signo, new, old);
}

ssize_t
fault_read(int fd, void *buf, size_t len)
{
	return vmm_fault() ? -1 : read(fd, buf, len);
}

ssize_t
fault_pread(int fd, void *buf, size_t len, off_t off)
{
	return vmm_fault() ? -1 : pread(fd, buf, len, off);
}

ssize_t
fault_write(int fd, const void *buf, size_t len)
{
	return vmm_fault() ? -1 : write(fd, buf, len);
}

ssize_t
fault_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return vmm_fault() ? -1 : pwrite(fd, buf, len, off);
}

void *
fault_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return vmm_fault() ? MAP_FAILED : mmap(addr, len, prot, flags, fd, off);
}

int
fault_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	return vmm_fault() ? -1 : timer_create(clock, event, timer);
}

int
fault_timer_settime(timer_t timer, int flags, const struct itimerspec *value,
    struct itimerspec *old)
{
	return vmm_fault() ? -1 : timer_settime(timer, flags, value, old);
}

void *
fault_malloc(size_t len)
{
	return vmm_fault() ? NULL : malloc(len);
}

void *
fault_calloc(size_t n, size_t len)
{
	return vmm_fault() ? NULL : calloc(n, len);
}

void *
fault_realloc(void *old, size_t len)
{
	return vmm_fault() ? NULL : realloc(old, len);
}
