/* SPDX-License-Identifier: ISC */
/*
 * Disks out of a state stream; see receivedisk.h.  Runs in the VM process.
 */
#include "role/receivedisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_config.h"
#include "image/state_disk.h"
#include "image/state_zstd.h"

static int
receivedisk_bad(struct receivedisk *d, const char *why)
{
	d->error = VM_ERROR_STATE_BAD;
	d->why = why;
	return -1;
}

static int
receivedisk_error(
    struct receivedisk *d, enum vm_error error, uint32_t index, int sys_errno)
{
	d->error = error;
	d->index = index;
	d->sys_errno = sys_errno;
	d->of_disk = true;
	d->why = "";
	return -1;
}

/* --- before ----------------------------------------------------------------
 */

static int
receivedisk_look(struct receivedisk *d, uint32_t index, int fd, uint64_t size)
{
	int flags = fd != -1 ? fcntl(fd, F_GETFL) : 0;
	off_t end;

	if ((flags & O_ACCMODE) != O_RDWR)
		return receivedisk_error(d, VM_ERROR_FILE_MODE, index, 0);
	if ((end = lseek(fd, 0, SEEK_END)) == -1)
		return receivedisk_error(d, VM_ERROR_FILE_READ, index, errno);
	d->disk[index].fd = fd;
	d->disk[index].size = (uint64_t)end - (uint64_t)end % STATE_SECTOR;
	if (d->disk[index].size != size)
		return receivedisk_error(d, VM_ERROR_DISK_SIZE, index, 0);
	return 0;
}

int
receivedisk_init(struct receivedisk *d, const int fd[VMD_DISKS_MAX],
    uint32_t disks, const struct state_config *config)
{
	for (uint32_t i = 0; i < config->files; i++) {
		const struct state_file *f = &config->file[i];

		if (f->kind != STATE_FILE_DISK)
			continue;
		/* They are in order. */
		if (f->index != d->disks || f->index >= disks)
			return receivedisk_bad(
			    d, "disks that are not in order");
		if (receivedisk_look(d, f->index, fd[f->index], f->size) == -1)
			return -1;
		d->disks++;
	}
	if (d->disks != disks)
		return receivedisk_bad(d, "not all of the VM's disks");
	return 0;
}

void
receivedisk_fini(struct receivedisk *d)
{
	state_unpacker_free(d->unpacker);
	free(d->content);
	d->unpacker = NULL;
	d->content = NULL;
}

/* --- writing ---------------------------------------------------------------
 */

static int
receivedisk_write(struct receivedisk *d, uint32_t index, uint64_t offset,
    const uint8_t *bytes, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(d->disk[index].fd, bytes, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return receivedisk_error(d, VM_ERROR_FILE_WRITE, index,
			    n == -1 ? errno : EIO);
		bytes += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Room for what is unpacked, and zeroes. */
static int
receivedisk_room(struct receivedisk *d)
{
	if (d->content == NULL)
		d->content = malloc(STATE_DISK_CHUNK);
	if (d->unpacker == NULL)
		d->unpacker = state_unpacker_new();
	if (d->content != NULL && d->unpacker != NULL)
		return 0;
	d->error = VM_ERROR_NO_MEMORY;
	d->why = "";
	return -1;
}

/* A hole takes no room; not every file system has them, nor every device. */
static int
receivedisk_zero(
    struct receivedisk *d, uint32_t index, uint64_t offset, uint64_t len)
{
	size_t part;

	if (fallocate(d->disk[index].fd,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		(off_t)len) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENODEV && errno != ENOSYS)
		return receivedisk_error(d, VM_ERROR_FILE_WRITE, index, errno);
	if (receivedisk_room(d) == -1)
		return -1;
	memset(d->content, 0, STATE_DISK_CHUNK);
	for (; len > 0; len -= part, offset += part) {
		part = len < STATE_DISK_CHUNK ? (size_t)len : STATE_DISK_CHUNK;
		if (receivedisk_write(d, index, offset, d->content, part) == -1)
			return -1;
	}
	return 0;
}

/* Nothing of what they held before remains. */
static int
receivedisk_begin(struct receivedisk *d)
{
	if (d->begun)
		return 0;
	d->begun = true;
	for (uint32_t i = 0; i < d->disks; i++)
		if (receivedisk_zero(d, i, 0, d->disk[i].size) == -1)
			return -1;
	return 0;
}

static int
receivedisk_unpack(struct receivedisk *d, const struct state_disk *s)
{
	if (receivedisk_room(d) == -1)
		return -1;
	if (state_unpack(
		d->unpacker, d->content, s->length, s->data, s->data_len) == -1)
		return receivedisk_bad(d, "a part that zstd did not pack");
	return receivedisk_write(d, s->index, s->offset, d->content, s->length);
}

int
receivedisk_take(struct receivedisk *d, const uint8_t *payload, size_t len)
{
	struct state_disk s;
	const char *why;

	if (state_disk_decode(&s, payload, len, &why) == -1)
		return receivedisk_bad(d, why);
	if (s.index >= d->disks)
		return receivedisk_bad(
		    d, "of a disk that the VM does not have");
	if (s.offset > d->disk[s.index].size ||
	    s.length > d->disk[s.index].size - s.offset)
		return receivedisk_bad(d, "of what is behind the disk's end");
	if (receivedisk_begin(d) == -1)
		return -1;
	switch (s.packing) {
	case STATE_DISK_RAW:
		return receivedisk_write(
		    d, s.index, s.offset, s.data, s.length);
	case STATE_DISK_ZSTD:
		return receivedisk_unpack(d, &s);
	default:
		return receivedisk_zero(d, s.index, s.offset, s.length);
	}
}

int
receivedisk_end(struct receivedisk *d)
{
	if (receivedisk_begin(d) == -1)
		return -1;
	for (uint32_t i = 0; i < d->disks; i++)
		if (fdatasync(d->disk[i].fd) == -1)
			return receivedisk_error(
			    d, VM_ERROR_FILE_WRITE, i, errno);
	return 0;
}
