/* SPDX-License-Identifier: ISC */
/*
 * ibuf: what is added comes back, in the byte order asked for; nothing is read
 * or written outside; failures change nothing.
 */
#include "ibuf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static void
integers_come_back(void)
{
	struct ibuf *buf = ibuf_dynamic(0, 64);
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;
	uint64_t u64 = 0;

	REQUIRE(buf != NULL);
	CHECK_EQ(ibuf_add_n8(buf, 0x01), 0);
	CHECK_EQ(ibuf_add_n16(buf, 0x0203), 0);
	CHECK_EQ(ibuf_add_n32(buf, 0x04050607), 0);
	CHECK_EQ(ibuf_add_n64(buf, 0x08090a0b0c0d0e0fULL), 0);
	CHECK(memcmp(ibuf_data(buf), "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17",
		  15) == 0);
	CHECK_EQ(ibuf_add_h16(buf, 0x1234), 0);
	CHECK_EQ(ibuf_add_h32(buf, 0x12345678), 0);
	CHECK_EQ(ibuf_add_h64(buf, 0x123456789abcdef0ULL), 0);
	CHECK_EQ(ibuf_get_n8(buf, &u8), 0);
	CHECK_EQ(u8, 1);
	CHECK_EQ(ibuf_get_n16(buf, &u16), 0);
	CHECK_EQ(u16, 0x0203);
	CHECK_EQ(ibuf_get_n32(buf, &u32), 0);
	CHECK_EQ(u32, 0x04050607);
	CHECK_EQ(ibuf_get_n64(buf, &u64), 0);
	CHECK_EQ(u64, 0x08090a0b0c0d0e0fULL);
	CHECK_EQ(ibuf_get_h16(buf, &u16), 0);
	CHECK_EQ(u16, 0x1234);
	CHECK_EQ(ibuf_get_h32(buf, &u32), 0);
	CHECK_EQ(u32, 0x12345678);
	CHECK_EQ(ibuf_get_h64(buf, &u64), 0);
	CHECK_EQ(u64, 0x123456789abcdef0ULL);
	CHECK_EQ(ibuf_size(buf), 0);
	CHECK_EQ(ibuf_get_n8(buf, &u8), -1);
	CHECK_EQ(errno, EBADMSG);
	ibuf_rewind(buf);
	CHECK_EQ(ibuf_size(buf), 29);
	ibuf_free(buf);
}

static void
values_must_fit(void)
{
	struct ibuf *buf = ibuf_dynamic(0, 64);

	REQUIRE(buf != NULL);
	CHECK_EQ(ibuf_add_n8(buf, 256), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(ibuf_add_n16(buf, 65536), -1);
	CHECK_EQ(ibuf_add_n32(buf, 1ULL << 32), -1);
	CHECK_EQ(ibuf_add_h16(buf, 65536), -1);
	CHECK_EQ(ibuf_add_h32(buf, 1ULL << 32), -1);
	CHECK_EQ(ibuf_size(buf), 0);
	ibuf_free(buf);
}

static void
sizes_are_bounded(void)
{
	struct ibuf *buf = ibuf_open(4);

	REQUIRE(buf != NULL);
	CHECK_EQ(ibuf_left(buf), 4);
	CHECK_EQ(ibuf_add(buf, "abcde", 5), -1);
	CHECK_EQ(errno, ERANGE);
	CHECK_EQ(ibuf_add(buf, "abc", 3), 0);
	CHECK(ibuf_reserve(buf, SIZE_MAX) == NULL);
	CHECK(ibuf_reserve(buf, 2) == NULL);
	CHECK_EQ(ibuf_add_zero(buf, 1), 0);
	CHECK_EQ(ibuf_left(buf), 0);
	CHECK_EQ(ibuf_add_zero(buf, 1), -1);
	CHECK_EQ(ibuf_add(buf, "", 0), 0);
	CHECK(memcmp(ibuf_data(buf), "abc", 4) == 0);
	ibuf_free(buf);
	CHECK(ibuf_dynamic(8, 4) == NULL);
	CHECK(ibuf_open(0) == NULL);
	ibuf_free(NULL);
}

static void
growing_keeps_the_bytes(void)
{
	struct ibuf *buf = ibuf_dynamic(1, 5000);
	uint16_t v = 0;
	int i;

	REQUIRE(buf != NULL);
	for (i = 0; i < 2500; i++)
		CHECK_EQ(ibuf_add_h16(buf, i), 0);
	CHECK_EQ(ibuf_add_n8(buf, 0), -1);
	CHECK_EQ(buf->size, 5000);
	for (i = 0; i < 2500; i++) {
		REQUIRE(ibuf_get_h16(buf, &v) == 0);
		CHECK_EQ(v, i);
	}
	ibuf_free(buf);
}

static void
set_truncate_skip(void)
{
	struct ibuf *buf = ibuf_dynamic(0, 16);
	char *s;

	REQUIRE(buf != NULL);
	ibuf_add(buf, "xxhello", 7);
	CHECK_EQ(ibuf_skip(buf, 2), 0);
	CHECK_EQ(ibuf_set(buf, 0, "J", 1), 0);
	CHECK_EQ(ibuf_set(buf, 5, "", 0), 0);
	CHECK_EQ(ibuf_set(buf, 5, "x", 1), -1);
	CHECK_EQ(ibuf_set(buf, SIZE_MAX, "x", 2), -1);
	CHECK_EQ(ibuf_truncate(buf, 3), 0);
	CHECK_EQ(ibuf_size(buf), 3);
	CHECK_EQ(ibuf_truncate(buf, 5), 0);
	CHECK(memcmp(ibuf_data(buf), "Jel\0\0", 5) == 0);
	CHECK_EQ(ibuf_truncate(buf, 15), -1);
	s = ibuf_get_string(buf, 5);
	CHECK_STR(s, "Jel");
	free(s);
	CHECK(ibuf_get_string(buf, 1) == NULL);
	s = ibuf_get_string(buf, 0);
	CHECK_STR(s, "");
	free(s);
	CHECK_EQ(ibuf_skip(buf, 1), -1);
	ibuf_free(buf);
}

static void
views_borrow(void)
{
	struct ibuf *buf = ibuf_dynamic(0, 16), view, part;
	char two[2];

	REQUIRE(buf != NULL);
	ibuf_add(buf, "abcdef", 6);
	ibuf_from_ibuf(&view, buf);
	CHECK_EQ(ibuf_get_ibuf(&view, 4, &part), 0);
	CHECK_EQ(ibuf_size(&part), 4);
	CHECK_EQ(ibuf_get_ibuf(&view, 3, &part), -1);
	CHECK_EQ(ibuf_get(&part, two, 2), 0);
	CHECK(memcmp(two, "ab", 2) == 0);
	/* No write through a view, also not over what it was cut from. */
	CHECK_EQ(ibuf_add(&part, "z", 1), -1);
	CHECK_EQ(ibuf_truncate(&part, 1), 0);
	CHECK_EQ(ibuf_add(&part, "z", 1), -1);
	CHECK_EQ(ibuf_size(buf), 6);
	CHECK_EQ(ibuf_add_ibuf(buf, &part), 0);
	CHECK(memcmp(ibuf_data(buf), "abcdefc", 7) == 0);
	ibuf_free(&part);
	ibuf_from_buffer(&view, NULL, 0);
	CHECK_EQ(ibuf_get(&view, two, 0), 0);
	CHECK_EQ(ibuf_get(&view, two, 1), -1);
	ibuf_free(buf);
}

static void
descriptor_has_one_owner(void)
{
	struct ibuf *buf = ibuf_open(1);
	int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int b = open("/dev/null", O_RDONLY | O_CLOEXEC);

	REQUIRE(buf != NULL && a != -1 && b != -1);
	CHECK(!ibuf_fd_avail(buf));
	ibuf_fd_set(buf, a);
	CHECK(ibuf_fd_avail(buf));
	ibuf_fd_set(buf, b);
	CHECK_EQ(fcntl(a, F_GETFD), -1);
	CHECK_EQ(ibuf_fd_get(buf), b);
	CHECK_EQ(ibuf_fd_get(buf), -1);
	ibuf_fd_set(buf, b);
	ibuf_free(buf);
	CHECK_EQ(fcntl(b, F_GETFD), -1);
}

int
main(void)
{
	TEST(integers_come_back);
	TEST(values_must_fit);
	TEST(sizes_are_bounded);
	TEST(growing_keeps_the_bytes);
	TEST(set_truncate_skip);
	TEST(views_borrow);
	TEST(descriptor_has_one_owner);
	return CHECK_EXIT();
}
