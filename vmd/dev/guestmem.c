/* SPDX-License-Identifier: ISC */
/* Maps guest memory into a device process: see guestmem.h. */
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
	while (gm->count > 0) {
		gm->count--;
		munmap(gm->region[gm->count].base, gm->region[gm->count].len);
	}
}
