/* SPDX-License-Identifier: ISC */
/*
 * Virtqueues: 8 KiB of guest memory with rings in it, popped, given back,
 * pushed, with a log of what was written.  Reaches dev/virtq.c.  No buffer may
 * be outside guest memory, nothing noted beyond it.
 */
#include "dev/virtq.h"

#include <stdlib.h>
#include <string.h>

#define GPA 0x1000ULL
#define SIZE 0x2000U
#define LOG_BITS ((1ULL << SIZE / DEV_LOG_PAGE) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_chain(const struct virtq_chain *c, uint8_t *mem)
{
	uint64_t out = 0, in = 0;

	for (unsigned int i = 0; i < c->nout + c->nin; i++) {
		uint8_t *p = c->iov[i].iov_base;

		if (p < mem || p >= mem + SIZE ||
		    c->iov[i].iov_len > (size_t)(mem + SIZE - p))
			abort();
		*(i < c->nout ? &out : &in) += c->iov[i].iov_len;
	}
	if (out != c->out_len || in != c->in_len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtq_chain c;
	uint8_t *mem = aligned_alloc(4096, SIZE), buf[64];
	uint64_t *log = calloc((SIZE / DEV_LOG_PAGE + 63) / 64, 8);
	struct guestmem gm = { .count = 1,
		.region = { { .gpa = GPA, .len = SIZE, .base = mem } },
		.log = log };
	struct msg_dev_queue m = {
		.desc = GPA, .driver = GPA + 0x800, .device = GPA + 0xc00
	};
	struct virtq vq;

	if (mem == NULL || log == NULL || size < 2) {
		free(log);
		free(mem);
		return 0;
	}
	memset(mem, 0, SIZE);
	m.size = 1U << (data[0] % 9);
	memcpy(mem, data + 2, size - 2 < SIZE ? size - 2 : SIZE);
	if (virtq_init(&vq, &gm, &m, (uint64_t)data[1] << 24) == 0) {
		for (unsigned int i = 0; i < 1024; i++) {
			if (virtq_pop(&vq, &c) != 1)
				break;
			check_chain(&c, mem);
			virtq_copy_out(c.iov, c.nout, i % 7, buf, sizeof(buf));
			if (i % 5 == 4)
				virtq_unpop(&vq, 1);
			else
				virtq_push(&vq, c.head, c.in_len);
			/* The rings are within reach of the buffers. */
			virtq_copy_in(
			    c.iov + c.nout, c.nin, 0, data, size % 64);
			virtq_wrote(&vq, &c, c.in_len - i % 3);
			if (i % 3 == 0)
				virtq_publish(&vq);
		}
		virtq_enable_notify(&vq);
		virtq_disable_notify(&vq);
	}
	if ((log[0] & ~LOG_BITS) != 0)
		abort();
	free(log);
	free(mem);
	return 0;
}
