/* SPDX-License-Identifier: ISC */
/*
 * The CONFIG section refuses what a start request may not say either, and the
 * MEMORY section what no writer would say.
 */
#include "image/state_config.h"

#include <errno.h>
#include <stdbool.h>

#include "check.h"
#include "image/state_crc.h"
#include "image/state_memory.h"
#include "image/state_wire.h"
#include "image/state_zstd.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"
#include "state_sample.h"

static struct state_config c, again;
static uint8_t payload[STATE_CONFIG_MAX];

/* Whether a VM of these could be started by a message. */
static bool
may_start(const struct state_config *config)
{
	struct vmspec *spec = vmspec_new();
	struct msg_vm_start start = {
		.memory = config->memory,
		.given = START_MEMORY | START_CPUS | START_NICS,
		.cpus = config->cpus,
		.nics = config->nics,
	};
	const struct msg m = { .payload = &start };
	enum vm_error e;

	memcpy(start.target.name, config->name, sizeof(start.target.name));
	for (uint32_t i = 0; i < config->nics && i < VMD_NICS_MAX; i++) {
		start.nic[i].type = config->nic[i].type;
		start.nic[i].flags = config->nic[i].flags & NIC_DOWN;
		memcpy(start.nic[i].mac, config->nic[i].mac, 6);
	}
	e = vmspec_begin(spec, &m);
	vmspec_free(spec);
	return e == VM_ERROR_OK;
}

/* Both say the same of c, and c is the sample again. */
static bool
agree(bool want)
{
	const char *why = "nothing";
	bool ok = state_config_check(&c, &why) == 0, may = may_start(&c);

	if (ok != want || may != want)
		printf("# %s: %d (%s), %d\n", c.name, ok, why, may);
	c = sample_config;
	return ok == want && may == want;
}

static void
as_a_start_request(void)
{
	static const char *const names[] = { "", "1", "-a", "a b", "a/b",
		"a\x1b[", "\xc3\xa4" };

	c = sample_config;
	CHECK(agree(true));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(c.name, sizeof(c.name), "%s", names[i]);
		CHECK(agree(false));
	}
	memset(c.name, 'a', VMD_NAME_MAX);
	CHECK(agree(true));
	c.memory = 0;
	CHECK(agree(false));
	c.memory = VMD_MEMORY_MIN;
	CHECK(agree(true));
	c.memory = VMD_MEMORY_MIN + 4096;
	CHECK(agree(false));
	c.memory = VMD_MEMORY_MAX;
	CHECK(agree(true));
	c.memory = VMD_MEMORY_MAX + (1 << 20);
	CHECK(agree(false));
	c.cpus = 0;
	CHECK(agree(false));
	c.cpus = VMD_CPUS_MAX + 1;
	CHECK(agree(false));
	c.nics = VMD_NICS_MAX + 1;
	CHECK(agree(false));
	c.nic[1].type = 7;
	CHECK(agree(false));
	c.nic[0].mac[0] |= 1;
	CHECK(agree(false));
}

/* What a stream has to say and a request need not. */
static void
files(void)
{
	const char *why;

#define REFUSED(change)                                     \
	do {                                                \
		c = sample_config;                          \
		change;                                     \
		CHECK_EQ(state_config_check(&c, &why), -1); \
		CHECK_EQ(errno, EINVAL);                    \
	} while (0)
	REFUSED(c.file[0].kind = 0);
	REFUSED(c.file[0].kind = 99);
	REFUSED(c.file[1].index = VMD_DISKS_MAX);
	REFUSED(c.file[1].index = 0);
	REFUSED(c.file[2].index = 1);
	REFUSED(c.file[0].size = 0);
	REFUSED(c.file[0].size = 513);
	REFUSED(c.file[0].format = 9);
	REFUSED(c.file[2].format = STATE_FORMAT_RAW);
	REFUSED(c.file[0].flags = 2);
	REFUSED(c.file[0].path[0] = 'v');
	REFUSED(c.file[0].path[4] = '\n');
	REFUSED(c.file[0].path[0] = '\0');
	REFUSED(c.files = STATE_FILES_MAX + 1);
	REFUSED(c.flags = STATE_CONFIG_FLAGS + 1);
	REFUSED(c.cmdline[3] = '\x1b');
	REFUSED(c.nic[0].type = NIC_AUTO);
	REFUSED(memset(c.nic[0].mac, 0, 6));
	REFUSED(c.nic[0].flags = 4);
	REFUSED(c.nic[0].ifname[1] = '/');
}

/* The largest there is. */
static void
largest(void)
{
	const char *why;
	size_t len;

	c = sample_config;
	memset(c.cmdline, 'x', VMD_CMDLINE_MAX);
	c.nics = VMD_NICS_MAX;
	for (unsigned int i = 2; i < VMD_NICS_MAX; i++)
		c.nic[i] = c.nic[0];
	c.files = STATE_FILES_MAX;
	for (unsigned int i = 0; i < STATE_FILES_MAX; i++) {
		struct state_file *f = &c.file[i];

		*f = sample_config.file[0];
		if (i >= VMD_DISKS_MAX) {
			f->kind =
			    (uint16_t)(STATE_FILE_KERNEL + i - VMD_DISKS_MAX);
			f->format = STATE_FORMAT_NONE;
		} else
			f->index = (uint16_t)i;
		memset(f->path, '/', STATE_PATH_MAX);
		f->path[STATE_PATH_MAX] = '\0';
	}
	len = state_config_encode(&c, payload, &why);
	CHECK(len > STATE_FILES_MAX * STATE_PATH_MAX);
	CHECK_EQ(state_config_decode(&again, payload, len, &why), 0);
	CHECK(memcmp(&c, &again, sizeof(c)) == 0);
	/* One byte less or more is an error. */
	CHECK_EQ(state_config_decode(&again, payload, len - 1, &why), -1);
	CHECK_EQ(errno, EBADMSG);
	CHECK_EQ(state_config_decode(&again, payload, len + 1, &why), -1);
}

/* --- memory --------------------------------------------------------------- */

#define RUNS 3U
#define AFTER (STATE_MEMORY_HEAD + RUNS * STATE_RUN)
static uint8_t mem[2 * STATE_PAGE + AFTER + STATE_PAGE];

/* Two pages of data around a zero one, in a range of 8, sound but for what is
 * changed before memory_sum(). */
static void
memory_make(void)
{
	const struct state_run runs[RUNS] = { { 0, 1, STATE_RUN_DATA },
		{ 2, 1, STATE_RUN_ZERO }, { 7, 1, STATE_RUN_DATA } };
	struct state_memory m = {
		.gpa = 0x10000,
		.pages = 8,
		.runs = RUNS,
		.data_pages = 2,
		.run = mem + STATE_MEMORY_HEAD,
	};

	memset(mem, 0, sizeof(mem));
	for (unsigned int i = 0; i < RUNS; i++)
		state_run_encode(
		    runs[i], mem + STATE_MEMORY_HEAD + (size_t)i * STATE_RUN);
	state_memory_encode(&m, AFTER, mem);
}

static int
memory_said(uint64_t offset, size_t len)
{
	struct state_memory m;
	const char *why;
	uint32_t runs = state_get32(mem + 12);

	if (runs <= RUNS)
		state_put32(mem + 28,
		    state_crc(state_crc(0, mem, 28), mem + STATE_MEMORY_HEAD,
			(size_t)runs * STATE_RUN));
	return state_memory_decode(&m, mem, len, offset, &why);
}

static void
memory(void)
{
	const uint64_t at = 2 * STATE_PAGE - AFTER;
	const size_t len = AFTER + 2 * (size_t)STATE_PAGE;
	uint8_t *run = mem + STATE_MEMORY_HEAD;

	memory_make();
	CHECK_EQ(memory_said(at, len), 0);
	mem[28] ^= 1; /* its checksum */
	CHECK_EQ(state_memory_decode(&(struct state_memory) { 0 }, mem, len, at,
		     &(const char *) { NULL }),
	    -1);
	CHECK_EQ(memory_said(at + 1, len), -1); /* not aligned */
	CHECK_EQ(memory_said(at, len - 1), -1);
	CHECK_EQ(memory_said(at, len + 1), -1);
	CHECK_EQ(memory_said(at, 39), -1);
#define BAD(change)                                 \
	do {                                        \
		memory_make();                      \
		change;                             \
		CHECK_EQ(memory_said(at, len), -1); \
	} while (0)
	BAD(state_put64(mem, 0x10001));
	BAD(state_put64(mem, STATE_GPA_MAX - 7 * STATE_PAGE));
	BAD(state_put64(mem, UINT64_MAX & ~0xfffULL));
	BAD(state_put32(mem + 8, 0));
	BAD(state_put32(mem + 8, 7)); /* the last run ends behind */
	BAD(state_put32(mem + 8, STATE_PAGES_MAX + 1));
	BAD(state_put32(mem + 12, 0));
	BAD(state_put32(mem + 12, 9));
	BAD(state_put32(mem + 12, 0x20000000));
	BAD(state_put32(mem + 16, 2));
	BAD(state_put32(mem + 16, STATE_ZSTD)); /* no smaller */
	BAD(state_put32(mem + 20, AFTER - 1));
	BAD(state_put32(mem + 20, AFTER + STATE_PAGE));
	BAD(state_put32(mem + 20, UINT32_MAX));
	BAD(state_put32(mem + 24, 3));
	BAD(state_put16(run + 2, 0)); /* an empty run */
	BAD(state_put16(run + 2, 3)); /* runs that overlap */
	BAD(state_put16(run + 4, 2));
	BAD(state_put16(run + 6, 1));
	BAD(state_put16(run + 8, 7)); /* runs out of order */
	memory_make();
	CHECK_EQ(memory_said(at, len), 0);
}

/* A frame that is of another length than it should be. */
static void
unpack(void)
{
	struct state_packer *p = state_packer_new(1, 0);
	struct state_unpacker *u = state_unpacker_new();
	static uint8_t page[STATE_PAGE * 2], frame[STATE_PAGE], out[STATE_PAGE];
	size_t n;

	n = state_pack(p, frame, sizeof(frame), page, sizeof(page));
	REQUIRE(n > 0);
	CHECK_EQ(state_unpack(u, out, sizeof(out), frame, n), -1);
	CHECK_EQ(errno, EBADMSG);
	n = state_pack(p, frame, sizeof(frame), page, sizeof(out));
	CHECK_EQ(state_unpack(u, out, sizeof(out), frame, n), 0);
	CHECK_EQ(state_unpack(u, out, sizeof(out) - 1, frame, n), -1);
	CHECK_EQ(state_unpack(u, out, sizeof(out), frame, n - 1), -1);
	CHECK_EQ(state_unpack(u, out, sizeof(out), frame, n + 1), -1);
	CHECK_EQ(state_unpack(u, out, sizeof(out), "abc", 3), -1);
	CHECK(state_packer_new(0, 0) == NULL && errno == EINVAL);
	CHECK(state_packer_new(20, 0) == NULL && errno == EINVAL);
	state_packer_free(p);
	state_unpacker_free(u);
}

int
main(void)
{
	TEST(as_a_start_request);
	TEST(files);
	TEST(largest);
	TEST(memory);
	TEST(unpack);
	return CHECK_EXIT();
}
