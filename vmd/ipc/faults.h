/* SPDX-License-Identifier: ISC */
/*
 * Memory that is filled on demand, by userfaultfd(2): who touches a page that
 * is missing waits, the kernel on a process' behalf too (KVM, io_uring), until
 * another thread has put it there.
 *
 * The parent opens the device and sends it; a process makes of it a descriptor
 * of its own memory, which any process may serve that it is sent to.  The
 * memory is a shared memfd: "missing" is a page the memfd does not have, so one
 * that is there is there for every process, and is never put there again.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>
#include <stdint.h>

#define FAULTS_DEVICE "/dev/userfaultfd" /* Linux 6.1 */

/* Opens the device.  Returns owned; -1 with errno. */
int faults_open(void);
/* What to do about such an error: a sentence (constant). */
const char *faults_hint(int error);

/*
 * A descriptor for missing pages of the calling process; device is borrowed.
 * Returns owned, non-blocking; -1 with errno, ENOTTY: not that device.
 */
int faults_new(int device);
/* Whoever touches a missing page of [base, base + len) waits from now on.  -1
 * with errno. */
int faults_watch(int fd, const void *base, size_t len);

/*
 * The next wait, or 0 at once: the page's address, in the process that made fd.
 * -1 with errno EAGAIN: nobody waits; EPROTO: fd says what is none.
 */
int faults_next(int fd, uint64_t *page);
/*
 * Puts len bytes, whole pages, there, as far as pages are missing, and wakes
 * who waits for the first one, also when that was there already.  -1 with
 * errno: ENOENT, ESRCH and EFAULT are that process' own doing.
 */
int faults_copy(int fd, uint64_t page, const void *src, size_t len);
/* The same for one page of zeroes. */
int faults_zero(int fd, uint64_t page);

#endif /* FAULTS_H */
