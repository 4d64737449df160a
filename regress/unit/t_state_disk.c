/* SPDX-License-Identifier: ISC */
/*
 * DISKDATA sections as bytes and numbers, and what becomes of disks that they
 * are written to: bounds, zeroes, packing, and disks that are not meant.
 */
#include "image/state_disk.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "image/state_config.h"
#include "image/state_crc.h"
#include "image/state_wire.h"
#include "image/state_zstd.h"
#include "role/receivedisk.h"

#define DISK (3 * STATE_DISK_CHUNK + 5 * STATE_SECTOR)

static uint8_t payload[STATE_DISKDATA_MAX];
static struct state_config config;
static struct receivedisk rd;
static int fd[VMD_DISKS_MAX];
static uint8_t *disk; /* the first one's content */

/* --- bytes and numbers ---------------------------------------------------- */

static const struct state_disk part = {
	.index = 1,
	.packing = STATE_DISK_RAW,
	.offset = 7 * STATE_SECTOR,
	.length = 2 * STATE_SECTOR,
};

static int
decode(struct state_disk *d, size_t data)
{
	const char *why = NULL;
	int r = state_disk_decode(d, payload, STATE_DISK_HEAD + data, &why);

	CHECK(r == 0 || (why != NULL && errno == EBADMSG));
	return r;
}

static void
both_ways(void)
{
	struct state_disk d = part, again;

	state_disk_encode(&d, payload);
	REQUIRE(decode(&again, 2 * STATE_SECTOR) == 0);
	CHECK_EQ(again.index, 1);
	CHECK_EQ(again.packing, STATE_DISK_RAW);
	CHECK_EQ(again.offset, 7 * STATE_SECTOR);
	CHECK_EQ(again.length, 2 * STATE_SECTOR);
	CHECK(again.data == payload + STATE_DISK_HEAD);
	CHECK_EQ(again.data_len, 2 * STATE_SECTOR);
	d.packing = STATE_DISK_ZSTD;
	state_disk_encode(&d, payload);
	CHECK_EQ(decode(&again, 1), 0);
	CHECK_EQ(decode(&again, 2 * STATE_SECTOR - 1), 0);
	d.packing = STATE_DISK_ZERO;
	d.offset = INT64_MAX - STATE_SECTOR * 4 + 1;
	state_disk_encode(&d, payload);
	CHECK_EQ(decode(&again, 0), 0);
}

/* A head with another number, whose sum is right. */
static int
other(unsigned int at, uint64_t value, unsigned int size, size_t data)
{
	struct state_disk d;

	state_disk_encode(&part, payload);
	memcpy(payload + at, &(uint64_t) { htole64(value) }, size);
	if (at < 20)
		state_put32(payload + 20, state_crc(0, payload, 20));
	return decode(&d, data);
}

static void
hostile_heads(void)
{
	const size_t len = 2 * STATE_SECTOR;
	struct state_disk d;
	const char *why;

	CHECK_EQ(other(0, 1, 4, len), 0); /* as it was */
	CHECK_EQ(other(0, VMD_DISKS_MAX, 4, len), -1);
	CHECK_EQ(other(0, UINT32_MAX, 4, len), -1);
	CHECK_EQ(other(4, STATE_DISK_PACKINGS, 4, len), -1);
	CHECK_EQ(other(8, 1, 8, len), -1);
	CHECK_EQ(other(8, UINT64_MAX - STATE_SECTOR + 1, 8, len), -1);
	CHECK_EQ(other(8, (uint64_t)INT64_MAX - STATE_SECTOR + 1, 8, len), -1);
	CHECK_EQ(other(16, 0, 4, len), -1);
	CHECK_EQ(other(16, 0, 4, 0), -1);
	CHECK_EQ(other(16, 100, 4, 100), -1);
	CHECK_EQ(other(16, STATE_DISK_CHUNK + STATE_SECTOR, 4, len), -1);
	CHECK_EQ(other(20, 77, 4, len), -1);
	CHECK_EQ(other(24, 1, 8, len), -1);
	CHECK_EQ(other(0, 1, 4, len - 1), -1);
	CHECK_EQ(other(0, 1, 4, len + 1), -1);
	CHECK_EQ(other(4, STATE_DISK_ZSTD, 4, 0), -1);
	CHECK_EQ(other(4, STATE_DISK_ZSTD, 4, len), -1);
	CHECK_EQ(other(4, STATE_DISK_ZERO, 4, 1), -1);
	for (size_t n = 0; n < STATE_DISK_HEAD; n++)
		CHECK_EQ(state_disk_decode(&d, payload, n, &why), -1);
}

/* --- disks ---------------------------------------------------------------- */

static int
disk_make(size_t size)
{
	int new = memfd_create("disk", MFD_CLOEXEC);

	return new != -1 && ftruncate(new, (off_t)size) == 0 ? new : -1;
}

/* Two disks, the first full of something, and a configuration with them. */
static bool
begin(void)
{
	memset(&config, 0, sizeof(config));
	memset(&rd, 0, sizeof(rd));
	memset(fd, 0xff, sizeof(fd));
	config.files = 2;
	for (uint16_t i = 0; i < 2; i++) {
		config.file[i].kind = STATE_FILE_DISK;
		config.file[i].index = i;
		config.file[i].size = i == 0 ? DISK : STATE_SECTOR;
		fd[i] = disk_make((size_t)config.file[i].size);
	}
	disk = mmap(NULL, DISK, PROT_READ | PROT_WRITE, MAP_SHARED, fd[0], 0);
	if (disk == MAP_FAILED || fd[1] == -1)
		return false;
	memset(disk, 0xaa, DISK);
	return true;
}

static void
end(void)
{
	receivedisk_fini(&rd);
	munmap(disk, DISK);
	for (unsigned int i = 0; i < VMD_DISKS_MAX; i++)
		if (fd[i] != -1)
			close(fd[i]);
}

static int
take(uint32_t index, uint32_t packing, uint64_t offset, uint32_t length,
    size_t data_len)
{
	const struct state_disk d = { .index = index,
		.packing = packing,
		.offset = offset,
		.length = length };

	state_disk_encode(&d, payload);
	return receivedisk_take(&rd, payload, STATE_DISK_HEAD + data_len);
}

static bool
is_all(uint64_t from, uint64_t to, uint8_t byte)
{
	for (uint64_t i = from; i < to; i++)
		if (disk[i] != byte)
			return false;
	return true;
}

/* What they held before is gone, and what comes later holds. */
static void
disks_are_filled(void)
{
	struct state_packer *packer = state_packer_new(1, 1);
	static uint8_t plain[STATE_DISK_CHUNK];
	size_t packed;

	REQUIRE(begin() && packer != NULL);
	REQUIRE(receivedisk_init(&rd, fd, 2, &config) == 0);
	CHECK(is_all(0, DISK, 0xaa)); /* not touched before something comes */
	memset(payload + STATE_DISK_HEAD, 0x11, STATE_DISK_CHUNK);
	CHECK_EQ(take(0, STATE_DISK_RAW, STATE_DISK_CHUNK, STATE_DISK_CHUNK,
		     STATE_DISK_CHUNK),
	    0);
	CHECK(is_all(0, STATE_DISK_CHUNK, 0));
	CHECK(is_all(STATE_DISK_CHUNK, 2 * STATE_DISK_CHUNK, 0x11));
	CHECK(is_all(2 * STATE_DISK_CHUNK, DISK, 0));
	memset(plain, 0x22, sizeof(plain));
	packed = state_pack(packer, payload + STATE_DISK_HEAD, STATE_DISK_CHUNK,
	    plain, STATE_DISK_CHUNK);
	REQUIRE(packed != 0);
	CHECK_EQ(take(0, STATE_DISK_ZSTD, 0, STATE_DISK_CHUNK, packed), 0);
	CHECK(is_all(0, STATE_DISK_CHUNK, 0x22));
	CHECK_EQ(take(0, STATE_DISK_ZERO, STATE_SECTOR, STATE_SECTOR, 0), 0);
	CHECK(is_all(0, STATE_SECTOR, 0x22));
	CHECK(is_all(STATE_SECTOR, 2 * STATE_SECTOR, 0));
	CHECK(is_all(2 * STATE_SECTOR, STATE_DISK_CHUNK, 0x22));
	/* Up to its end. */
	CHECK_EQ(take(0, STATE_DISK_RAW, 3 * STATE_DISK_CHUNK, 5 * STATE_SECTOR,
		     5 * STATE_SECTOR),
	    0);
	CHECK_EQ(receivedisk_end(&rd), 0);
	state_packer_free(packer);
	end();
}

/* One of which nothing comes is all zero. */
static void
nothing_comes(void)
{
	REQUIRE(begin());
	REQUIRE(receivedisk_init(&rd, fd, 2, &config) == 0);
	CHECK_EQ(receivedisk_end(&rd), 0);
	CHECK(is_all(0, DISK, 0));
	end();
}

static void
parts_that_are_none(void)
{
	struct stat st;

	REQUIRE(begin());
	REQUIRE(receivedisk_init(&rd, fd, 2, &config) == 0);
	memset(payload + STATE_DISK_HEAD, 0x11, STATE_DISK_CHUNK);
#define REFUSED(...)                                      \
	do {                                              \
		CHECK_EQ(take(__VA_ARGS__), -1);          \
		CHECK_EQ(rd.error, VM_ERROR_STATE_BAD);   \
		CHECK(rd.why != NULL && *rd.why != '\0'); \
	} while (0)
	REFUSED(2, STATE_DISK_RAW, 0, STATE_SECTOR, STATE_SECTOR);
	REFUSED(9, STATE_DISK_RAW, 0, STATE_SECTOR, STATE_SECTOR);
	REFUSED(0, STATE_DISK_RAW, 3 * STATE_DISK_CHUNK, 6 * STATE_SECTOR,
	    6 * STATE_SECTOR);
	REFUSED(1, STATE_DISK_RAW, STATE_SECTOR, STATE_SECTOR, STATE_SECTOR);
	REFUSED(0, STATE_DISK_ZERO, 1ULL << 62, STATE_SECTOR, 0);
	CHECK(is_all(0, DISK, 0xaa)); /* nothing was touched */
	REFUSED(0, STATE_DISK_ZSTD, 0, STATE_SECTOR, 40);
	CHECK_EQ(fstat(fd[1], &st), 0);
	CHECK_EQ(st.st_size, STATE_SECTOR);
	end();
}

/* A frame that unpacks to more or less than it says. */
static void
frames_of_other_lengths(void)
{
	struct state_packer *packer = state_packer_new(1, 1);
	static uint8_t plain[STATE_DISK_CHUNK];
	size_t packed;

	REQUIRE(begin() && packer != NULL);
	REQUIRE(receivedisk_init(&rd, fd, 2, &config) == 0);
	packed = state_pack(packer, payload + STATE_DISK_HEAD, STATE_DISK_CHUNK,
	    plain, STATE_DISK_CHUNK);
	REQUIRE(packed != 0 && packed < STATE_SECTOR);
	REFUSED(0, STATE_DISK_ZSTD, 0, STATE_SECTOR, packed);
	packed = state_pack(packer, payload + STATE_DISK_HEAD, STATE_DISK_CHUNK,
	    plain, STATE_SECTOR);
	REFUSED(0, STATE_DISK_ZSTD, 0, STATE_DISK_CHUNK, packed);
	state_packer_free(packer);
	end();
}

static void
disks_that_are_not_meant(void)
{
	REQUIRE(begin());
	config.file[1].size += STATE_SECTOR;
	CHECK_EQ(receivedisk_init(&rd, fd, 2, &config), -1);
	CHECK_EQ(rd.error, VM_ERROR_DISK_SIZE);
	CHECK(rd.of_disk);
	CHECK_EQ(rd.index, 1);
	memset(&rd, 0, sizeof(rd));
	config.file[1].size = STATE_SECTOR;
	CHECK_EQ(receivedisk_init(&rd, fd, 1, &config), -1);
	CHECK_EQ(rd.error, VM_ERROR_STATE_BAD);
	memset(&rd, 0, sizeof(rd));
	CHECK_EQ(receivedisk_init(&rd, fd, 3, &config), -1);
	CHECK_EQ(rd.error, VM_ERROR_STATE_BAD);
	memset(&rd, 0, sizeof(rd));
	close(fd[1]);
	fd[1] = open("/proc/self/exe", O_RDONLY);
	CHECK_EQ(receivedisk_init(&rd, fd, 2, &config), -1);
	CHECK_EQ(rd.error, VM_ERROR_FILE_MODE);
	CHECK_EQ(rd.index, 1);
	memset(&rd, 0, sizeof(rd));
	close(fd[1]);
	fd[1] = -1;
	CHECK_EQ(receivedisk_init(&rd, fd, 2, &config), -1);
	CHECK_EQ(rd.error, VM_ERROR_FILE_MODE);
	CHECK(is_all(0, DISK, 0xaa));
	end();
}

int
main(void)
{
	TEST(both_ways);
	TEST(hostile_heads);
	TEST(disks_are_filled);
	TEST(nothing_comes);
	TEST(parts_that_are_none);
	TEST(frames_of_other_lengths);
	TEST(disks_that_are_not_meant);
	return CHECK_EXIT();
}
