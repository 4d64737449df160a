/* SPDX-License-Identifier: ISC */
/* The logs of disks; see disklog.h.  Runs in the VM process. */
#include "role/disklog.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "role/board.h"

#define LOG_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static size_t
disklog_words(const struct disklog *log)
{
	return (size_t)((log->shared.chunks + 63) / 64);
}

static int
disklog_make(struct disklog *log, uint64_t chunks)
{
	size_t len;
	int fd;

	log->shared.chunks = chunks;
	len = disklog_words(log) * 8;
	log->shared.fd = fd =
	    memfd_create("vmd-disklog", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || ftruncate(fd, (off_t)len) == -1 ||
	    fcntl(fd, F_ADD_SEALS, LOG_SEALS) == -1)
		return -1;
	log->bits = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return log->bits == MAP_FAILED ? -1 : 0;
}

int
disklog_init(struct board *b, uint32_t disks, uint64_t chunks)
{
	b->disks = disks < VMD_DISKS_MAX ? disks : VMD_DISKS_MAX;
	for (uint32_t i = 0; i < b->disks; i++)
		if (disklog_make(&b->disk[i], chunks > 0 ? chunks : 1) == -1)
			return -1;
	return 0;
}

void
disklog_start(struct board *b)
{
	for (unsigned int i = 0; i < b->devices; i++) {
		struct virtio_device *v = b->device[i];
		unsigned int index = virtio_index(v);

		if (virtio_get_class(v)->kind != DEVICE_BLK ||
		    index >= b->disks)
			continue;
		for (size_t w = 0; w < disklog_words(&b->disk[index]); w++)
			__atomic_store_n(
			    &b->disk[index].bits[w], 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(
		    &b->disk[index].shared.lost, 0, __ATOMIC_SEQ_CST);
		virtio_disk_log(v, &b->disk[index].shared);
	}
}

void
disklog_take(struct board *b, uint32_t disk, uint64_t *bitmap, size_t words)
{
	struct disklog *log = &b->disk[disk];
	bool lost =
	    __atomic_exchange_n(&log->shared.lost, 0, __ATOMIC_SEQ_CST) != 0;

	if (words > disklog_words(log))
		words = disklog_words(log);
	for (size_t w = 0; w < words; w++)
		bitmap[w] |= (lost ? ~0ULL : 0) |
		    __atomic_exchange_n(&log->bits[w], 0, __ATOMIC_SEQ_CST);
}
