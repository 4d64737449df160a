/* SPDX-License-Identifier: ISC */
/*
 * Where the pages of a received state go: right in each case, into large pages
 * where the stream is full, and nowhere that costs memory for nothing.
 */
#include "role/receivemem.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "check.h"
#include "guest.h"
#include "image/state_read.h"
#include "role/board.h"
#include "state_sample.h"

#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)STATE_PAGE)
#define RAM (16 * MIB)

static struct guest g;
static struct board board;
static struct receivemem memory;
static struct state_bytes stream;
static _Alignas(4096) uint8_t sent[RAM];

/* --- what is sent ----------------------------------------------------------
 */

/* Each step'th page of [from, to) has something. */
static void
fill(size_t from, size_t to, size_t step, uint32_t seed)
{
	for (size_t at = from; at < to; at += step * PAGE)
		for (size_t i = 0; i < PAGE; i += sizeof(seed)) {
			uint32_t value =
			    (uint32_t)(at + i) * 2654435761U + seed;

			memcpy(sent + at + i, &value, sizeof(value));
		}
}

static int
put_config(struct state_writer *w)
{
	static uint8_t payload[STATE_CONFIG_MAX];
	const char *why;
	size_t len = state_config_encode(&sample_config, payload, &why);

	return state_write_section(w, STATE_CONFIG, payload, len);
}

/* All of it, then what fill() and a memset() have changed below 4 MiB. */
static void
send_rounds(size_t len, struct state_packer *packer)
{
	struct state_writer *w = state_writer_new(sample_put, &stream, packer);
	uint64_t changed[4 * MIB / PAGE / 64] = { 0 };
	struct state_range range = {
		.host = sent, .pages = len / PAGE, .flags = STATE_RANGE_FRESH
	};

	REQUIRE(w != NULL);
	stream.len = stream.at = 0;
	CHECK_EQ(state_write_begin(w), 0);
	CHECK_EQ(put_config(w), 0);
	CHECK_EQ(state_write_memory(w, &range), 0);
	fill(MIB, MIB + 64 * PAGE, 1, 77);
	memset(sent + 3 * MIB, 0, 64 * PAGE);
	changed[MIB / PAGE / 64] = changed[3 * MIB / PAGE / 64] = UINT64_MAX;
	range = (struct state_range) {
		.host = sent, .pages = 4 * MIB / PAGE, .bitmap = changed
	};
	CHECK_EQ(state_write_memory(w, &range), 0);
	CHECK_EQ(state_write_end(w), 0);
	state_writer_free(w);
}

/* --- the VM ----------------------------------------------------------------
 */

static bool
begin(size_t len)
{
	const struct vm_params params = {
		.size = sizeof(params), .memory_bytes = len, .ncpus = 1
	};

	g.kvm = vmm_open(NULL);
	memset(&board, 0, sizeof(board));
	if (vm_create(g.kvm, &params, &g.vm) == -1)
		return false;
	board.vm = g.vm;
	board.memory.map.count = 1;
	board.memory.map.region[0].len = len;
	return true;
}

/* Whether this host has large pages to give. */
static bool
has_large(void)
{
	bool has;

	if (!begin(RAM))
		return false;
	has = vm_memory_large(g.vm, 0, RAM) == 0;
	guest_stop(&g);
	printf("# large pages: %s\n", has ? "yes" : "no");
	return has;
}

static bool
receive(bool small)
{
	struct state_reader *r = state_reader_new(sample_get, &stream);
	struct state_section s;
	int more;

	if (r == NULL || receivemem_init(&memory, &board, r) == -1)
		return false;
	memory.small = small;
	while ((more = state_next(r, &s)) == 1)
		continue;
	if (more == -1)
		printf("# %s\n", state_reader_error(r));
	state_reader_free(r);
	return more == 0;
}

static bool
is_the_same(size_t len)
{
	const uint8_t *host = vm_map_gpa(g.vm, 0, len);

	return host != NULL && memcmp(host, sent, len) == 0;
}

/* Bytes of the file behind the RAM. */
static size_t
taken(void)
{
	struct stat st;

	return fstat(vm_memory_fd(g.vm), &st) == 0 ? (size_t)st.st_blocks * 512
						   : SIZE_MAX;
}

/* Bytes of the RAM's mapping that are mapped as large pages. */
static size_t
mapped_large(void)
{
	unsigned long host = (unsigned long)vm_map_gpa(g.vm, 0, PAGE), from, to;
	FILE *f = fopen("/proc/self/smaps", "re");
	bool mine = false;
	char line[512];
	size_t kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			mine = host >= from && host < to;
		if (mine && sscanf(line, "ShmemPmdMapped: %zu", &kib) == 1)
			break;
	}
	if (f != NULL)
		fclose(f);
	return kib << 10;
}

/* --- tests -----------------------------------------------------------------
 */

/* Full to 5 MiB, but for some pages, a little at 8, full from 10 on. */
static void
make_memory(void)
{
	memset(sent, 0, RAM);
	fill(0, 5 * MIB, 1, 1);
	for (size_t at = 0; at < 5 * MIB; at += 32 * PAGE)
		memset(sent + at, 0, PAGE);
	fill(8 * MIB, 10 * MIB, 8, 2);
	fill(10 * MIB, RAM, 1, 3);
}

static void
large_where_it_is_full(void)
{
	bool large;

	GUEST_NEEDS_KVM();
	large = has_large();
	make_memory();
	send_rounds(RAM, NULL);
	REQUIRE(begin(RAM) && receive(false));
	/* The holes stay: 6 MiB, 64 pages and 6 MiB are taken; a look at the
	 * rest takes it. */
	CHECK(taken() <= 12 * MIB + 64 * PAGE);
	CHECK(is_the_same(RAM));
	if (large) {
		CHECK(!memory.small);
		CHECK_EQ(memory.large_from, 10 * MIB);
		CHECK_EQ(memory.large_to, RAM);
		CHECK(mapped_large() >= 12 * MIB);
	}
	guest_stop(&g);
}

static void
packed(void)
{
	struct state_packer *packer = state_packer_new(1, 1);

	GUEST_NEEDS_KVM();
	REQUIRE(packer != NULL);
	make_memory();
	send_rounds(RAM, packer);
	REQUIRE(begin(RAM) && receive(false));
	CHECK(is_the_same(RAM));
	guest_stop(&g);
	state_packer_free(packer);
}

static void
without_large_pages(void)
{
	GUEST_NEEDS_KVM();
	make_memory();
	send_rounds(RAM, NULL);
	REQUIRE(begin(RAM) && receive(true));
	CHECK(is_the_same(RAM));
	CHECK_EQ(memory.large_to, 0);
	CHECK_EQ(mapped_large(), 0);
	guest_stop(&g);
}

/* The last large page would be half beyond the RAM. */
static void
an_odd_end(void)
{
	bool large;

	GUEST_NEEDS_KVM();
	large = has_large();
	make_memory();
	send_rounds(15 * MIB, NULL);
	REQUIRE(begin(15 * MIB) && receive(false));
	CHECK(is_the_same(15 * MIB));
	if (large)
		CHECK(!memory.small);
	guest_stop(&g);
}

/* Memory that the VM does not have. */
static void
beyond(void)
{
	GUEST_NEEDS_KVM();
	make_memory();
	send_rounds(RAM, NULL);
	REQUIRE(begin(8 * MIB));
	CHECK(!receive(false));
	CHECK(taken() <= 8 * MIB);
	guest_stop(&g);
}

int
main(void)
{
	TEST(large_where_it_is_full);
	TEST(packed);
	TEST(without_large_pages);
	TEST(an_odd_end);
	TEST(beyond);
	sample_free(&stream);
	return CHECK_EXIT();
}
