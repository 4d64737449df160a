/* SPDX-License-Identifier: ISC */
/* Virtqueues: what a good driver does, and what a hostile one tries. */
#include "dev/virtq.h"

#include <pthread.h>
#include <sched.h>

#include "check.h"

#define GPA 0x10000ULL
#define MEM_SIZE 0x10000U
#define DESC 0x0000
#define AVAIL 0x1000
#define USED 0x2000
#define TABLE 0x3000
#define DATA 0x4000
#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4

static uint8_t memory[MEM_SIZE] __attribute__((aligned(4096)));
static struct guestmem gm = { .count = 1,
	.region = { { .gpa = GPA, .len = MEM_SIZE, .base = memory } } };
static struct virtq vq;
static struct virtq_chain chain;

static void
put(uint32_t off, const void *p, size_t len)
{
	memcpy(memory + off, p, len);
}

static uint16_t
get16(uint32_t off)
{
	uint16_t v;

	memcpy(&v, memory + off, sizeof(v));
	return v;
}

static uint32_t
get32(uint32_t off)
{
	uint32_t v;

	memcpy(&v, memory + off, sizeof(v));
	return v;
}

static void
desc(uint32_t table, unsigned int i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next)
{
	uint32_t off = table + 16 * i;

	put(off, &addr, 8);
	put(off + 8, &len, 4);
	put(off + 12, &flags, 2);
	put(off + 14, &next, 2);
}

static void
avail(uint16_t slot, uint16_t head)
{
	put(AVAIL + 4 + 2U * slot, &head, 2);
}

static void
set16(uint32_t off, uint16_t v)
{
	put(off, &v, 2);
}

static int
setup(uint32_t size, uint64_t features)
{
	struct msg_dev_queue m = { .desc = GPA + DESC,
		.driver = GPA + AVAIL,
		.device = GPA + USED,
		.size = size };

	memset(memory, 0, sizeof(memory));
	return virtq_init(&vq, &gm, &m, features);
}

/* One chain at head 0, made available; what pop says. */
static int
pop_one(void)
{
	avail(0, 0);
	set16(AVAIL + 2, 1);
	return virtq_pop(&vq, &chain);
}

static void
init_checks_addresses(void)
{
	struct msg_dev_queue good = { .desc = GPA,
		.driver = GPA + AVAIL,
		.device = GPA + USED,
		.size = 8 },
			     m;

	CHECK_EQ(virtq_init(&vq, &gm, &good, 0), 0);
	for (uint32_t size = 0; size < 600; size++) {
		m = good;
		m.size = size;
		CHECK_EQ(virtq_init(&vq, &gm, &m, 0),
		    size != 0 && size <= 256 && (size & (size - 1)) == 0 ? 0
									 : -1);
	}
	m = good, m.desc += 8;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
	m = good, m.driver += 1;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
	m = good, m.device += 2;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
	m = good, m.desc = GPA + MEM_SIZE - 16 * 8 + 16;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
	m = good, m.desc = GPA + MEM_SIZE - 16 * 8;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), 0);
	m = good, m.driver = GPA - 2;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
	m = good, m.device = ~0ULL - 3;
	CHECK_EQ(virtq_init(&vq, &gm, &m, 0), -1);
}

static void
chain_in_order(void)
{
	REQUIRE(setup(8, 0) == 0);
	CHECK_EQ(virtq_pop(&vq, &chain), 0);
	desc(DESC, 0, GPA + DATA, 16, F_NEXT, 5);
	desc(DESC, 5, GPA + DATA + 0x100, 512, F_NEXT | F_WRITE, 7);
	desc(DESC, 7, GPA + DATA + 0x400, 1, F_WRITE, 0);
	REQUIRE(pop_one() == 1);
	CHECK_EQ(chain.nout, 1);
	CHECK_EQ(chain.nin, 2);
	CHECK_EQ(chain.out_len, 16);
	CHECK_EQ(chain.in_len, 513);
	CHECK(chain.iov[1].iov_base == memory + DATA + 0x100);
	CHECK_EQ(chain.iov[1].iov_len, 512);
	CHECK_EQ(virtq_pop(&vq, &chain), 0);
	CHECK_EQ(get16(USED + 2), 0);
	virtq_push(&vq, 0, 513);
	CHECK_EQ(get16(USED + 2), 0);
	CHECK(virtq_publish(&vq));
	CHECK_EQ(get16(USED + 2), 1);
	CHECK_EQ(get32(USED + 4), 0);
	CHECK_EQ(get32(USED + 8), 513);
	CHECK(!virtq_publish(&vq));
}

static void
indices_wrap(void)
{
	uint16_t idx = 0;

	REQUIRE(setup(4, 0) == 0);
	desc(DESC, 2, GPA + DATA, 16, 0, 0);
	for (unsigned int i = 0; i < 70000; i++) {
		avail(idx % 4, 2);
		set16(AVAIL + 2, ++idx);
		if (virtq_pop(&vq, &chain) != 1)
			break;
		virtq_push(&vq, 2, i);
		virtq_publish(&vq);
	}
	CHECK(vq.broken == NULL);
	CHECK_EQ(get16(USED + 2), (uint16_t)70000);
	CHECK_EQ(get32(USED + 4 + 8 * ((70000 - 1) % 4) + 4), 70000 - 1);
}

static void
indirect_tables(void)
{
	REQUIRE(setup(4, VIRTQ_F_INDIRECT) == 0);
	desc(DESC, 0, GPA + TABLE + 4, 16 * 3, F_INDIRECT, 0);
	desc(TABLE + 4, 0, GPA + DATA, 16, F_NEXT, 1);
	desc(TABLE + 4, 1, GPA + DATA + 16, 32, F_NEXT | F_WRITE, 2);
	desc(TABLE + 4, 2, GPA + DATA + 48, 1, F_WRITE, 0);
	REQUIRE(pop_one() == 1);
	CHECK_EQ(chain.nout, 1);
	CHECK_EQ(chain.nin, 2);
	CHECK_EQ(chain.in_len, 33);
}

struct bad {
	const char *name;
	uint64_t features;
	struct {
		uint32_t table;
		unsigned int i;
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[3];
};

static const struct bad bads[] = {
	{ "loop of one", 0, { { DESC, 0, GPA + DATA, 16, F_NEXT, 0 } } },
	{ "loop of two", 0,
	    { { DESC, 0, GPA + DATA, 16, F_NEXT, 1 },
		{ DESC, 1, GPA + DATA, 16, F_NEXT, 0 } } },
	{ "next too large", 0, { { DESC, 0, GPA + DATA, 16, F_NEXT, 8 } } },
	{ "next far too large", 0,
	    { { DESC, 0, GPA + DATA, 16, F_NEXT, 0xffff } } },
	{ "past the end", 0, { { DESC, 0, GPA + MEM_SIZE - 8, 16, 0, 0 } } },
	{ "before the start", 0, { { DESC, 0, GPA - 8, 16, 0, 0 } } },
	{ "address wraps", 0, { { DESC, 0, ~0ULL - 7, 16, 0, 0 } } },
	{ "length to the moon", 0,
	    { { DESC, 0, GPA + DATA, 0xffffffff, 0, 0 } } },
	{ "length 0", 0, { { DESC, 0, GPA + DATA, 0, 0, 0 } } },
	{ "in before out", 0,
	    { { DESC, 0, GPA + DATA, 16, F_NEXT | F_WRITE, 1 },
		{ DESC, 1, GPA + DATA, 16, 0, 0 } } },
	{ "indirect not negotiated", 0,
	    { { DESC, 0, GPA + TABLE, 16, F_INDIRECT, 0 },
		{ TABLE, 0, GPA + DATA, 16, 0, 0 } } },
	{ "indirect with next", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 16, F_INDIRECT | F_NEXT, 1 },
		{ TABLE, 0, GPA + DATA, 16, 0, 0 },
		{ DESC, 1, GPA + DATA, 16, 0, 0 } } },
	{ "indirect in indirect", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 32, F_INDIRECT, 0 },
		{ TABLE, 0, GPA + TABLE, 32, F_INDIRECT, 0 } } },
	{ "indirect of odd length", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 24, F_INDIRECT, 0 },
		{ TABLE, 0, GPA + DATA, 16, 0, 0 } } },
	{ "indirect empty", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 0, F_INDIRECT, 0 } } },
	{ "indirect outside", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + MEM_SIZE - 16, 32, F_INDIRECT, 0 } } },
	{ "indirect next outside its table", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 16, F_INDIRECT, 0 },
		{ TABLE, 0, GPA + DATA, 16, F_NEXT, 1 },
		{ TABLE, 1, GPA + DATA, 16, 0, 0 } } },
	{ "indirect loop", VIRTQ_F_INDIRECT,
	    { { DESC, 0, GPA + TABLE, 32, F_INDIRECT, 0 },
		{ TABLE, 0, GPA + DATA, 16, F_NEXT, 1 },
		{ TABLE, 1, GPA + DATA, 16, F_NEXT, 0 } } },
};

static void
hostile_chains_break_the_queue(void)
{
	for (size_t b = 0; b < sizeof(bads) / sizeof(bads[0]); b++) {
		REQUIRE(setup(8, bads[b].features) == 0);
		for (size_t i = 0; i < 3; i++)
			if (bads[b].desc[i].addr != 0)
				desc(bads[b].desc[i].table, bads[b].desc[i].i,
				    bads[b].desc[i].addr, bads[b].desc[i].len,
				    bads[b].desc[i].flags,
				    bads[b].desc[i].next);
		if (!CHECK(pop_one() == -1 && vq.broken != NULL))
			printf("# %s\n", bads[b].name);
		/* Nothing goes through it any more. */
		virtq_push(&vq, 0, 1);
		CHECK(!virtq_publish(&vq));
		CHECK_EQ(get16(USED + 2), 0);
		CHECK_EQ(virtq_pop(&vq, &chain), -1);
	}
}

static void
hostile_indices_break_the_queue(void)
{
	REQUIRE(setup(8, 0) == 0);
	desc(DESC, 0, GPA + DATA, 16, 0, 0);
	set16(AVAIL + 2, 9);
	CHECK_EQ(virtq_pop(&vq, &chain), -1);

	REQUIRE(setup(8, 0) == 0);
	set16(AVAIL + 2, 0xffff);
	CHECK_EQ(virtq_pop(&vq, &chain), -1);

	REQUIRE(setup(8, 0) == 0);
	avail(0, 8);
	set16(AVAIL + 2, 1);
	CHECK_EQ(virtq_pop(&vq, &chain), -1);

	/* More at once than there are descriptors: eight are served. */
	REQUIRE(setup(8, 0) == 0);
	desc(DESC, 0, GPA + DATA, 16, 0, 0);
	set16(AVAIL + 2, 8);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(virtq_pop(&vq, &chain), 1);
	set16(AVAIL + 2, 9);
	CHECK_EQ(virtq_pop(&vq, &chain), -1);
}

static void
notifications_by_flag(void)
{
	REQUIRE(setup(8, 0) == 0);
	desc(DESC, 0, GPA + DATA, 16, 0, 0);
	virtq_disable_notify(&vq);
	CHECK_EQ(get16(USED), 1);
	CHECK(!virtq_enable_notify(&vq));
	CHECK_EQ(get16(USED), 0);
	set16(AVAIL + 2, 1);
	CHECK(virtq_enable_notify(&vq));
	CHECK(virtq_has_work(&vq));
	set16(AVAIL, 1); /* no interrupt, please */
	REQUIRE(virtq_pop(&vq, &chain) == 1);
	virtq_push(&vq, 0, 0);
	CHECK(!virtq_publish(&vq));
	CHECK_EQ(get16(USED + 2), 1);
}

static void
notifications_by_event_index(void)
{
	uint32_t used_event = AVAIL + 4 + 2 * 8, avail_event = USED + 4 + 8 * 8;

	REQUIRE(setup(8, VIRTQ_F_EVENT_IDX) == 0);
	desc(DESC, 0, GPA + DATA, 16, 0, 0);
	set16(AVAIL + 2, 4);
	set16(used_event, 2); /* when the third is used */
	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE(virtq_pop(&vq, &chain) == 1);
		virtq_push(&vq, 0, 0);
		CHECK_EQ(virtq_publish(&vq), i == 2);
	}
	CHECK(!virtq_enable_notify(&vq));
	CHECK_EQ(get16(avail_event), 4);
	/* In one batch that passes the index, too. */
	set16(AVAIL + 2, 8);
	set16(used_event, 5);
	for (unsigned int i = 0; i < 4; i++) {
		REQUIRE(virtq_pop(&vq, &chain) == 1);
		virtq_push(&vq, 0, 0);
	}
	CHECK(virtq_publish(&vq));
}

static void
unpop_gives_back(void)
{
	REQUIRE(setup(8, 0) == 0);
	desc(DESC, 1, GPA + DATA, 16, 0, 0);
	desc(DESC, 2, GPA + DATA, 32, 0, 0);
	avail(0, 1);
	avail(1, 2);
	set16(AVAIL + 2, 2);
	CHECK_EQ(virtq_pop(&vq, &chain), 1);
	CHECK_EQ(virtq_pop(&vq, &chain), 1);
	CHECK_EQ(chain.out_len, 32);
	virtq_unpop(&vq, 2);
	CHECK_EQ(virtq_pop(&vq, &chain), 1);
	CHECK_EQ(chain.out_len, 16);
}

static void
iovec_copies(void)
{
	char a[3] = "abc", b[1] = "d", c[4] = "efgh", out[16] = { 0 };
	struct iovec v[] = { { a, 3 }, { b, 1 }, { c, 4 } }, *p = v;

	CHECK_EQ(virtq_copy_out(v, 3, 2, out, 3), 3);
	CHECK_STR(out, "cde");
	CHECK_EQ(virtq_copy_out(v, 3, 6, out, 16), 2);
	CHECK_EQ(virtq_copy_out(v, 3, 9, out, 16), 0);
	CHECK_EQ(virtq_copy_in(v, 3, 1, "12345", 5), 5);
	CHECK(memcmp(a, "a12", 3) == 0 && b[0] == '3' &&
	    memcmp(c, "45gh", 4) == 0);
	CHECK_EQ(virtq_skip(&p, 3, 4), 1);
	CHECK(p == &v[2] && p->iov_len == 4);
	CHECK_EQ(virtq_skip(&p, 1, 3), 1);
	CHECK(p->iov_len == 1);
	CHECK_EQ(virtq_skip(&p, 1, 1), 0);
}

/* A guest that rewrites descriptors while they are read: the race that a device
 * has to live with, so no report of it. */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:scribble\n";
}

static int stop;

static void *
scribble(void *arg)
{
	volatile uint64_t *d = (volatile uint64_t *)(void *)(memory + DESC);
	uint64_t x = 88172645463325252ULL;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (unsigned int i = 0; i < 16; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			d[i] = (i & 1) == 0
			    ? (x & 3 ? GPA + (x >> 8) % (2 * MEM_SIZE) : x)
			    : (x & 0xffff) |
				((x >> 16) & (i == 1 ? 7 : 3)) << 32 |
				((x >> 20) & 0xf) << 48;
		}
	return NULL;
}

static void
ring_changes_while_read(void)
{
	pthread_t t;
	unsigned int good = 0, bad = 0, outside = 0;

	stop = 0;
	REQUIRE(setup(8, VIRTQ_F_INDIRECT) == 0);
	REQUIRE(pthread_create(&t, NULL, scribble, NULL) == 0);
	/* On a busy machine the other thread may come late to its CPU. */
	for (unsigned int i = 0;
	     i < 300000 || (i < 100000000 && (good == 0 || bad == 0)); i++) {
		struct msg_dev_queue m = { .desc = GPA + DESC,
			.driver = GPA + AVAIL,
			.device = GPA + USED,
			.size = 8 };

		if (i % 1000 == 0)
			sched_yield();
		virtq_init(&vq, &gm, &m, VIRTQ_F_INDIRECT);
		if (pop_one() != 1) {
			bad++;
			continue;
		}
		good++;
		for (unsigned int n = 0; n < chain.nout + chain.nin; n++) {
			uint8_t *p = chain.iov[n].iov_base;

			if (p < memory || p >= memory + MEM_SIZE ||
			    chain.iov[n].iov_len >
				(size_t)(memory + MEM_SIZE - p))
				outside++;
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	CHECK_EQ(outside, 0);
	CHECK(good > 0 && bad > 0);
}

int
main(void)
{
	TEST(init_checks_addresses);
	TEST(chain_in_order);
	TEST(indices_wrap);
	TEST(indirect_tables);
	TEST(hostile_chains_break_the_queue);
	TEST(hostile_indices_break_the_queue);
	TEST(notifications_by_flag);
	TEST(notifications_by_event_index);
	TEST(unpop_gives_back);
	TEST(iovec_copies);
	TEST(ring_changes_while_read);
	return CHECK_EXIT();
}
