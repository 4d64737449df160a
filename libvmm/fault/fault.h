/* SPDX-License-Identifier: ISC */
/*
 * Fault injection, in builds with FAULT=1 only: there each file of libvmm is
 * compiled with this header in front, so that its system calls and allocations
 * pass vmm_fault(), which makes the Nth of them fail.  Not among them: close
 * and munmap, which have no way to fail that a caller could act upon.
 */
#ifndef FAULT_H
#define FAULT_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The call that fails, counted from 1 and from now; 0: none.  And its errno. */
void vmm_fault_set(uint64_t nth, int err);

/* Calls since vmm_fault_set(). */
uint64_t vmm_fault_count(void);

/* Counts a call; true with errno if it is the one that fails.  Any thread. */
bool vmm_fault(void);

/* As the functions without fault_. */
int fault_open(const char *path, int flags);
int fault_ioctl(int fd, unsigned long request, unsigned long arg);
int fault_fcntl(int fd, int cmd, int arg);
int fault_fstat(int fd, struct stat *st);
int fault_ftruncate(int fd, off_t len);
off_t fault_lseek(int fd, off_t off, int whence);
int fault_memfd_create(const char *name, unsigned int flags);
int fault_madvise(void *addr, size_t len, int advice);
int fault_mlock(const void *addr, size_t len);
int fault_sigaction(
    int signo, const struct sigaction *new, struct sigaction *old);
ssize_t fault_read(int fd, void *buf, size_t len);
ssize_t fault_pread(int fd, void *buf, size_t len, off_t off);
ssize_t fault_write(int fd, const void *buf, size_t len);
ssize_t fault_pwrite(int fd, const void *buf, size_t len, off_t off);
void *fault_mmap(
    void *addr, size_t len, int prot, int flags, int fd, off_t off);
int fault_timer_create(clockid_t clock, struct sigevent *event, timer_t *timer);
int fault_timer_settime(timer_t timer, int flags,
    const struct itimerspec *value, struct itimerspec *old);
void *fault_malloc(size_t len);
void *fault_calloc(size_t n, size_t len);
void *fault_realloc(void *old, size_t len);

#ifdef FAULT_INJECT
#define open(path, flags) fault_open(path, flags)
#define ioctl(fd, request, arg) fault_ioctl(fd, request, (unsigned long)(arg))
#define fcntl(fd, cmd, arg) fault_fcntl(fd, cmd, (int)(arg))
#define fstat(fd, st) fault_fstat(fd, st)
#define ftruncate(fd, len) fault_ftruncate(fd, len)
#define lseek(fd, off, whence) fault_lseek(fd, off, whence)
#define memfd_create(name, flags) fault_memfd_create(name, flags)
#define madvise(addr, len, advice) fault_madvise(addr, len, advice)
#define mlock(addr, len) fault_mlock(addr, len)
#define syscall(...) (vmm_fault() ? -1L : syscall(__VA_ARGS__))
#define sigaction(signo, new, old) fault_sigaction(signo, new, old)
#define timer_create(clock, event, timer) \
	fault_timer_create(clock, event, timer)
#define timer_settime(timer, flags, value, old) \
	fault_timer_settime(timer, flags, value, old)
/* Without arguments: members of structures have these names, too. */
#define read fault_read
#define pread fault_pread
#define write fault_write
#define pwrite fault_pwrite
#define mmap(addr, len, prot, flags, fd, off) \
	fault_mmap(addr, len, prot, flags, fd, off)
#define malloc(len) fault_malloc(len)
#define calloc(n, len) fault_calloc(n, len)
#define realloc(old, len) fault_realloc(old, len)
#endif

#endif /* FAULT_H */
