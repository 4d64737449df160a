/* SPDX-License-Identifier: ISC */
/*
 * Memory into a state stream; see sendmem.h.  Runs in the VM process.
 */
#include "role/sendmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_write.h"
#include "role/board.h"
#include "role/board_log.h"
#include "vmm.h"

/* A multiple of 64; so often the caller hears of it. */
#define STEP_PAGES 4096U
#define DEVICES_MS 5000

static size_t
sendmem_words(const struct sendmem_part *p)
{
	return (size_t)((p->pages + 63) / 64);
}

static void
sendmem_set(struct sendmem_part *p, uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end && i < p->pages; i++)
		p->bitmap[i / 64] |= 1ULL << (i % 64);
}

static uint64_t
sendmem_count(const struct sendmem_part *p, uint64_t word, uint64_t words)
{
	uint64_t n = 0;

	for (uint64_t i = word; i < word + words && i < sendmem_words(p); i++)
		n += (uint64_t)__builtin_popcountll(p->bitmap[i]);
	return n;
}

/* A page that the memfd has not is zero, and to look at it would make it. */
static int
sendmem_find(struct sendmem_part *p, int fd)
{
	off_t at = (off_t)p->offset, hole;
	off_t end = at + (off_t)(p->pages * STATE_PAGE);

	while (at < end) {
		at = lseek(fd, at, SEEK_DATA);
		if (at == -1)
			return errno == ENXIO ? 0 : -1;
		if (at >= end)
			break;
		if ((hole = lseek(fd, at, SEEK_HOLE)) == -1)
			return -1;
		sendmem_set(p, ((uint64_t)at - p->offset) / STATE_PAGE,
		    ((uint64_t)hole - p->offset + STATE_PAGE - 1) / STATE_PAGE);
		at = hole;
	}
	return 0;
}

static int
sendmem_part_init(struct sendmem *m, const struct vm_memseg *seg)
{
	struct sendmem_part *p = &m->part[m->nparts++];

	p->gpa = seg->gpa;
	p->offset = seg->offset;
	p->pages = seg->len / STATE_PAGE;
	p->host = vm_map_gpa(m->board->vm, seg->gpa, seg->len);
	p->bitmap = calloc(sendmem_words(p), sizeof(uint64_t));
	p->log = calloc(sendmem_words(p), sizeof(uint64_t));
	return p->host == NULL || p->bitmap == NULL || p->log == NULL ? -1 : 0;
}

int
sendmem_scan(struct sendmem *m)
{
	for (unsigned int i = 0; i < m->nparts; i++) {
		struct sendmem_part *p = &m->part[i];

		/* Memory that comes from a file is not there yet. */
		if (m->board->lazy != NULL)
			sendmem_set(p, 0, p->pages);
		else if (sendmem_find(p, vm_memory_fd(m->board->vm)) == -1)
			return -1;
		m->left += sendmem_count(p, 0, sendmem_words(p));
	}
	return 0;
}

int
sendmem_init(struct sendmem *m, struct board *board,
    struct state_writer *writer, int (*tick)(void *arg, uint64_t left),
    void *arg)
{
	struct vm_memseg segs[SENDMEM_PARTS];
	int n = vm_memory_layout(board->vm, segs, SENDMEM_PARTS);

	memset(m, 0, sizeof(*m));
	m->board = board;
	m->writer = writer;
	m->tick = tick;
	m->arg = arg;
	m->first = true;
	for (int i = 0; i < n && i < SENDMEM_PARTS; i++)
		if (sendmem_part_init(m, &segs[i]) == -1)
			return -1;
	return 0;
}

void
sendmem_fini(struct sendmem *m)
{
	if (m->logs) {
		pthread_mutex_lock(&m->board->lock);
		vm_dirty_enable(m->board->vm, false);
		board_log_stop(m->board);
		pthread_mutex_unlock(&m->board->lock);
	}
	m->logs = false;
	for (unsigned int i = 0; i < m->nparts; i++) {
		free(m->part[i].bitmap);
		free(m->part[i].log);
	}
	m->nparts = 0;
}

int
sendmem_log(struct sendmem *m)
{
	int error = 0;

	pthread_mutex_lock(&m->board->lock);
	if (vm_dirty_enable(m->board->vm, true) == -1)
		error = errno;
	else {
		m->logs = true;
		board_log_start(m->board);
		if (board_log_wait(m->board, DEVICES_MS) == -1)
			error = errno;
	}
	pthread_mutex_unlock(&m->board->lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
sendmem_step(
    struct sendmem *m, struct sendmem_part *p, uint64_t page, uint32_t flags)
{
	uint64_t pages =
	    p->pages - page < STEP_PAGES ? p->pages - page : STEP_PAGES;
	uint64_t n = sendmem_count(p, page / 64, (pages + 63) / 64);
	const struct state_range range = {
		.gpa = p->gpa + page * STATE_PAGE,
		.host = p->host + page * STATE_PAGE,
		.pages = pages,
		.bitmap = p->bitmap + page / 64,
		.flags = flags,
	};

	if (n == 0)
		return 0;
	if (state_write_memory(m->writer, &range) == -1)
		return -1;
	m->left -= n;
	return m->tick(m->arg, m->left);
}

int
sendmem_round(struct sendmem *m, bool still)
{
	uint32_t flags = (m->first ? STATE_RANGE_FRESH : 0) |
	    (still ? STATE_RANGE_STILL : 0);

	for (unsigned int i = 0; i < m->nparts; i++) {
		struct sendmem_part *p = &m->part[i];

		for (uint64_t page = 0; page < p->pages; page += STEP_PAGES)
			if (sendmem_step(m, p, page, flags) == -1)
				return -1;
		memset(p->bitmap, 0, sendmem_words(p) * sizeof(uint64_t));
	}
	m->first = false;
	return 0;
}

int
sendmem_collect(struct sendmem *m)
{
	if (!m->logs)
		return 0;
	for (unsigned int i = 0; i < m->nparts; i++) {
		struct sendmem_part *p = &m->part[i];
		size_t words = sendmem_words(p);

		if (vm_dirty_get(m->board->vm, p->gpa, p->log, words) == -1)
			return -1;
		for (size_t w = 0; w < words; w++)
			p->bitmap[w] |= p->log[w];
		board_log_take(m->board, p->gpa, p->bitmap, words);
		m->left += sendmem_count(p, 0, words);
	}
	return 0;
}

int
sendmem_forget(struct sendmem *m)
{
	if (sendmem_collect(m) == -1)
		return -1;
	for (unsigned int i = 0; i < m->nparts; i++)
		memset(m->part[i].bitmap, 0,
		    sendmem_words(&m->part[i]) * sizeof(uint64_t));
	m->left = 0;
	return 0;
}
