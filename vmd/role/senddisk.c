/* SPDX-License-Identifier: ISC */
/*
 * Disks into a state stream; see senddisk.h.  Runs in the VM process.
 */
#include "role/senddisk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_disk.h"
#include "image/state_page.h"
#include "image/state_write.h"
#include "image/state_zstd.h"
#include "role/board.h"
#include "vmd_msg.h"

_Static_assert(DEV_DISK_CHUNK == STATE_DISK_CHUNK, "a bit is a section");

/* The content of a chunk lies at a page, the head of its payload before it. */
#define CONTENT 4096U
/* So often what was written meanwhile is put at first, unless it is less than
 * so many chunks. */
#define FIRST_ROUNDS 4
#define FIRST_FEW 64

static size_t
senddisk_words(const struct senddisk_part *p)
{
	return (size_t)((p->chunks + 63) / 64);
}

static int
senddisk_error(struct senddisk *d, int error, const char *why)
{
	d->why = why;
	errno = error;
	return -1;
}

static int
senddisk_part_init(struct senddisk *d, uint32_t index, int fd)
{
	struct senddisk_part *p = &d->disk[index];
	off_t end;

	if (fd == -1)
		return senddisk_error(d, EBADF, "its disks cannot be read");
	if ((end = lseek(fd, 0, SEEK_END)) == -1)
		return senddisk_error(d, errno, "the size of a disk");
	p->fd = fd;
	p->size = (uint64_t)end - (uint64_t)end % STATE_SECTOR;
	p->chunks = (p->size + STATE_DISK_CHUNK - 1) / STATE_DISK_CHUNK;
	if (p->chunks > d->board->disk[index].shared.chunks)
		return senddisk_error(
		    d, EFBIG, "a disk has grown since the VM was started");
	p->bitmap = calloc(senddisk_words(p) + 1, sizeof(uint64_t));
	return p->bitmap == NULL ? -1 : 0;
}

int
senddisk_init(struct senddisk *d, struct board *board,
    struct state_writer *writer, struct state_packer *packer,
    const int fd[VMD_DISKS_MAX])
{
	d->board = board;
	d->writer = writer;
	d->packer = packer;
	d->buffer = aligned_alloc(CONTENT, CONTENT + STATE_DISK_CHUNK);
	d->packed = packer != NULL ? malloc(STATE_DISKDATA_MAX) : NULL;
	if (d->buffer == NULL || (packer != NULL && d->packed == NULL))
		return -1;
	for (; d->disks < board->disks; d->disks++)
		if (senddisk_part_init(d, d->disks, fd[d->disks]) == -1)
			return -1;
	return 0;
}

void
senddisk_fini(struct senddisk *d)
{
	for (uint32_t i = 0; i < VMD_DISKS_MAX; i++)
		free(d->disk[i].bitmap);
	free(d->buffer);
	free(d->packed);
}

/* --- what is to go ---------------------------------------------------------
 */

static void
senddisk_count(struct senddisk *d)
{
	d->left = 0;
	for (uint32_t i = 0; i < d->disks; i++)
		for (size_t w = 0; w < senddisk_words(&d->disk[i]); w++)
			d->left += (uint64_t)__builtin_popcountll(
			    d->disk[i].bitmap[w]);
}

static void
senddisk_set(struct senddisk_part *p, uint64_t from, uint64_t end)
{
	uint64_t i = from / STATE_DISK_CHUNK;

	for (; i < p->chunks && i * STATE_DISK_CHUNK < end; i++)
		p->bitmap[i / 64] |= 1ULL << i % 64;
}

/* What a file has not is zero.  Where nobody can say, there may be anything. */
static void
senddisk_find(struct senddisk_part *p)
{
	off_t at = 0, hole;

	while ((uint64_t)at < p->size) {
		at = lseek(p->fd, at, SEEK_DATA);
		if (at == -1 && errno == ENXIO)
			return;
		hole = at != -1 ? lseek(p->fd, at, SEEK_HOLE) : -1;
		if (hole == -1) {
			senddisk_set(p, 0, p->size);
			return;
		}
		senddisk_set(p, (uint64_t)at, (uint64_t)hole);
		at = hole;
	}
}

void
senddisk_scan(struct senddisk *d)
{
	for (uint32_t i = 0; i < d->disks; i++)
		senddisk_find(&d->disk[i]);
	senddisk_count(d);
}

void
senddisk_collect(struct senddisk *d)
{
	for (uint32_t i = 0; i < d->disks; i++) {
		struct senddisk_part *p = &d->disk[i];
		size_t words = senddisk_words(p);

		disklog_take(d->board, i, p->bitmap, words);
		/* None that is behind its end. */
		if (p->chunks % 64 != 0)
			p->bitmap[words - 1] &= ~0ULL >> (64 - p->chunks % 64);
	}
	senddisk_count(d);
}

/* --- as sections -----------------------------------------------------------
 */

static int
senddisk_read(struct senddisk *d, const struct senddisk_part *p,
    uint64_t offset, uint32_t length)
{
	uint32_t got = 0;
	ssize_t n;

	while (got < length) {
		n = pread(p->fd, d->buffer + CONTENT + got, length - got,
		    (off_t)(offset + got));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return senddisk_error(
			    d, n == -1 ? errno : EIO, "reading a disk");
		got += (uint32_t)n;
	}
	/* So that it is looked at by whole pages. */
	memset(d->buffer + CONTENT + got, 0, -got % STATE_PAGE);
	return 0;
}

static bool
senddisk_is_zero(const struct senddisk *d, uint32_t length)
{
	for (uint32_t at = 0; at < length; at += STATE_PAGE)
		if (!state_page_is_zero(d->buffer + CONTENT + at))
			return false;
	return true;
}

/* What was read, as it is or packed. */
static int
senddisk_put(struct senddisk *d, struct state_disk *s)
{
	uint8_t *payload = d->buffer + CONTENT - STATE_DISK_HEAD;
	size_t len = s->length;

	if (senddisk_is_zero(d, s->length)) {
		if (!d->later)
			return 0;
		s->packing = STATE_DISK_ZERO;
		len = 0;
	} else if (d->packer != NULL) {
		len = state_pack(d->packer, d->packed + STATE_DISK_HEAD,
		    s->length, d->buffer + CONTENT, s->length);
		if (len != 0) {
			s->packing = STATE_DISK_ZSTD;
			payload = d->packed;
		} else
			len = s->length;
	}
	state_disk_encode(s, payload);
	return state_write_section(
	    d->writer, STATE_DISKDATA, payload, STATE_DISK_HEAD + len);
}

static int
senddisk_chunk(struct senddisk *d, uint32_t index, uint64_t chunk)
{
	struct senddisk_part *p = &d->disk[index];
	uint64_t offset = chunk * STATE_DISK_CHUNK, length = p->size - offset;
	struct state_disk s = { .index = index,
		.packing = STATE_DISK_RAW,
		.offset = offset,
		.length = length < STATE_DISK_CHUNK ? (uint32_t)length
						    : STATE_DISK_CHUNK };

	if (senddisk_read(d, p, s.offset, s.length) == -1 ||
	    senddisk_put(d, &s) == -1)
		return -1;
	p->bitmap[chunk / 64] &= ~(1ULL << chunk % 64);
	d->left--;
	return d->tick(d->arg, senddisk_left(d) / STATE_PAGE);
}

int
senddisk_round(struct senddisk *d)
{
	for (uint32_t i = 0; i < d->disks; i++) {
		const struct senddisk_part *p = &d->disk[i];

		for (uint64_t c = 0; c < p->chunks; c++)
			if ((p->bitmap[c / 64] >> c % 64 & 1) != 0 &&
			    senddisk_chunk(d, i, c) == -1)
				return -1;
	}
	d->later = true;
	return 0;
}

int
senddisk_first(struct senddisk *d)
{
	senddisk_scan(d);
	for (unsigned int i = 0; i < FIRST_ROUNDS; i++) {
		if (senddisk_round(d) == -1)
			return -1;
		senddisk_collect(d);
		if (d->left < FIRST_FEW)
			break;
	}
	return 0;
}
