/* SPDX-License-Identifier: ISC */
/*
 * Kernels packed by gzip(1): unpacked into memory of this process before a
 * loader looks at them.  What comes out is at most as large as the guest's low
 * memory, for more could not be loaded anyway.  Part of load.h.
 */
#include "boot/load.h"

#include <stdlib.h>
#include <zlib.h>

#include "pci/machine.h"

#define INPUT (64U << 10)
#define OUTPUT_FIRST (4U << 20)
#define WINDOW (15 + 16) /* 32 KiB, gzip header */

struct gunzip {
	struct load *load;
	z_stream stream;
	uint64_t offset; /* of the next input */
	size_t used, room; /* of the output */
	uint8_t *output;
	uint8_t input[INPUT];
};

bool
gzip_is(const struct load *load)
{
	return load->head_len > 2 && load->head[0] == 0x1f &&
	    load->head[1] == 0x8b;
}

/* The next piece of the file, when zlib has taken all of the last. */
static int
gunzip_input(struct gunzip *g)
{
	const struct load_file *file = &g->load->kernel;
	uint64_t left = file->size - g->offset;
	size_t len = left < INPUT ? (size_t)left : INPUT;

	if (g->stream.avail_in > 0)
		return 0;
	if (len == 0)
		return load_fail(g->load, VM_ERROR_FILE_TRUNCATED, file->which,
		    "it ends within its gzip data");
	if (load_read(g->load, file, g->offset, g->input, len) == -1)
		return -1;
	g->offset += len;
	g->stream.next_in = g->input;
	g->stream.avail_in = (uInt)len;
	return 0;
}

/* Room for more output: twice as much as before, up to the limit. */
static int
gunzip_output(struct gunzip *g)
{
	uint64_t limit = g->load->machine->lowmem;
	size_t room = g->room != 0 ? g->room * 2 : OUTPUT_FIRST;
	uint8_t *output;

	if (g->used < g->room)
		return 0;
	if (g->room == limit)
		return load_fail(g->load, VM_ERROR_FILE_TOO_BIG,
		    g->load->kernel.which,
		    "unpacked, it has more than %llu MiB",
		    (unsigned long long)limit >> 20);
	if (room > limit)
		room = limit;
	if ((output = realloc(g->output, room)) == NULL)
		return load_fail(
		    g->load, VM_ERROR_NO_MEMORY, VM_FILE_NONE, "%s", "");
	g->output = output;
	g->room = room;
	return 0;
}

static int
gunzip_run(struct gunzip *g)
{
	int rc = Z_OK;

	while (rc != Z_STREAM_END) {
		size_t room;

		if (gunzip_input(g) == -1 || gunzip_output(g) == -1)
			return -1;
		room = g->room - g->used;
		if (room > OUTPUT_FIRST)
			room = OUTPUT_FIRST; /* avail_out has 32 bits */
		g->stream.next_out = g->output + g->used;
		g->stream.avail_out = (uInt)room;
		rc = inflate(&g->stream, Z_NO_FLUSH);
		g->used += room - g->stream.avail_out;
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return load_fail(g->load, VM_ERROR_FILE_CORRUPT,
			    g->load->kernel.which, "its gzip data is damaged");
	}
	return g->used > 0 ? 0
			   : load_fail(g->load, VM_ERROR_FILE_EMPTY,
				 g->load->kernel.which, "%s", "");
}

int
gzip_unpack(struct load *load)
{
	struct gunzip *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL || inflateInit2(&g->stream, WINDOW) != Z_OK) {
		free(g);
		return load_fail(
		    load, VM_ERROR_NO_MEMORY, VM_FILE_NONE, "%s", "");
	}
	g->load = load;
	rc = gunzip_run(g);
	inflateEnd(&g->stream);
	if (rc == 0) {
		load->kernel.bytes = load->unpacked = g->output;
		load->kernel.size = g->used;
	} else {
		free(g->output);
	}
	free(g);
	return rc;
}
