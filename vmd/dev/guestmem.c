/* SPDX-License-Identifier: ISC */
/*
 * Maps guest memory into a device process, and notes what that writes: see
 * guestmem.h.
 *
 * Why no write is lost.  Here a page is written first, then its bit is set by a
 * locked instruction.  Who copies the memory takes the bit by an exchange first
 * and copies then.  Either its exchange comes after ours, and it sees the bit
 * and copies the page (again); or ours comes after its exchange, and the bit is
 * there for the next round.  A bit is therefore set even if it seems to be set
 * already: a plain load could be done before the write is visible, and the bit
 * be taken in between.  The last round comes after DEV_STOPPED, which is sent
 * when all that was begun has been written, marked and pushed.
 */
#include "dev/guestmem.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ipc/faults.h"

static int
guestmem_check(int fd, const struct msg_dev_memory *m)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	/* A file that shrinks would kill this process by SIGBUS. */
	if (seals == -1 || !(seals & F_SEAL_SHRINK) || m->count == 0 ||
	    m->count > DEV_REGIONS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	for (unsigned int i = 0; i < m->count; i++) {
		uint64_t len = m->region[i].len, end;

		if (len == 0 || len > SIZE_MAX ||
		    __builtin_add_overflow(m->region[i].gpa, len, &end) ||
		    __builtin_add_overflow(m->region[i].offset, len, &end) ||
		    end > (uint64_t)st.st_size) {
			errno = EINVAL;
			return -1;
		}
	}
	return 0;
}

int
guestmem_map(struct guestmem *gm, int fd, const struct msg_dev_memory *m)
{
	memset(gm, 0, sizeof(*gm));
	if (guestmem_check(fd, m) == -1)
		return -1;
	for (unsigned int i = 0; i < m->count; i++) {
		struct guestmem_region *r = &gm->region[i];

		r->base = mmap(NULL, m->region[i].len, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_NORESERVE, fd, (off_t)m->region[i].offset);
		if (r->base == MAP_FAILED) {
			int error = errno;

			guestmem_unmap(gm);
			errno = error;
			return -1;
		}
		r->gpa = m->region[i].gpa;
		r->len = m->region[i].len;
		r->offset = m->region[i].offset;
		gm->count++;
		/* The guest's secrets do not belong in our core files. */
		madvise(r->base, r->len, MADV_DONTDUMP);
	}
	return 0;
}

int
guestmem_watch(const struct guestmem *gm, int device)
{
	int fd = faults_new(device), error;

	if (fd == -1)
		return -1;
	for (unsigned int i = 0; i < gm->count; i++)
		if (faults_watch(fd, gm->region[i].base, gm->region[i].len) ==
		    -1) {
			error = errno;
			close(fd);
			errno = error;
			return -1;
		}
	return fd;
}

void
guestmem_unmap(struct guestmem *gm)
{
	guestmem_log_stop(gm);
	while (gm->count > 0) {
		gm->count--;
		munmap(gm->region[gm->count].base, gm->region[gm->count].len);
	}
}

/* --- log -------------------------------------------------------------------
 */

static int
guestmem_log_check(const struct guestmem *gm, int fd, uint64_t pages)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals == -1 || !(seals & F_SEAL_SHRINK)) {
		errno = EINVAL;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	/* Neither side can overflow: a file's size is an off_t. */
	if (pages == 0 || (pages - 1) / 64 >= (uint64_t)st.st_size / 8) {
		errno = EINVAL;
		return -1;
	}
	for (unsigned int i = 0; i < gm->count; i++)
		if ((gm->region[i].offset + gm->region[i].len - 1) /
			DEV_LOG_PAGE >=
		    pages) {
			errno = EINVAL;
			return -1;
		}
	return 0;
}

int
guestmem_log_start(struct guestmem *gm, int fd, uint64_t pages)
{
	void *log;

	if (guestmem_log_check(gm, fd, pages) == -1)
		return -1;
	gm->log_len = ((pages - 1) / 64 + 1) * 8;
	log =
	    mmap(NULL, gm->log_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED)
		return -1;
	gm->log = log;
	return 0;
}

void
guestmem_log_stop(struct guestmem *gm)
{
	if (gm->log != NULL)
		munmap(gm->log, gm->log_len);
	gm->log = NULL;
}

static void
guestmem_mark_pages(uint64_t *log, uint64_t first, uint64_t last)
{
	for (uint64_t page = first; page <= last; page = (page | 63) + 1) {
		uint64_t bits = ~0ULL << page % 64;

		if ((page | 63) > last)
			bits &= ~0ULL >> (63 - last % 64);
		__atomic_fetch_or(&log[page / 64], bits, __ATOMIC_SEQ_CST);
	}
}

void
guestmem_mark(const struct guestmem *gm, const volatile void *at, size_t len)
{
	for (unsigned int i = 0; i < gm->count && len != 0; i++) {
		const struct guestmem_region *r = &gm->region[i];
		uint64_t off = (uintptr_t)at - (uintptr_t)r->base;

		if (off >= r->len)
			continue;
		off += r->offset;
		guestmem_mark_pages(gm->log, off / DEV_LOG_PAGE,
		    (off + len - 1) / DEV_LOG_PAGE);
		return;
	}
}
