/* SPDX-License-Identifier: ISC */
/*
 * Sizes and targets as users write them.
 */
#include <errno.h>

#include "check.h"
#include "size.h"
#include "target.h"

static const struct {
	const char *text;
	uint64_t bytes;
} good[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "1B", 1 },
	{ "512b", 512 },
	{ "1K", 1024 },
	{ "1k", 1024 },
	{ "512M", 512ULL << 20 },
	{ "512m", 512ULL << 20 },
	{ "1.5G", 3ULL << 29 },
	{ "0.5t", 1ULL << 39 },
	{ "2T", 2ULL << 40 },
	{ "1P", 1ULL << 50 },
	{ "7E", 7ULL << 60 },
	{ "1.9999999999999999999999K", 2047 },
	{ "9223372036854775807", INT64_MAX },
	{ "1.5", 1 },
	{ "1.K", 1024 },
};

static const char *const bad[] = { "", " 1", "1 ", "K", "-1", "+1", "1KB", "1X",
	".5G", "1,5G", "0x10", "1M1", "M1" };

static const char *const too_big[] = { "9223372036854775808",
	"99999999999999999999999", "8E", "8388608T", "9999999999999G" };

static void
parse_good(void)
{
	uint64_t bytes;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bytes = 1;
		if (!CHECK(size_parse(good[i].text, &bytes) == 0) ||
		    !CHECK_EQ(bytes, good[i].bytes))
			printf("# \"%s\"\n", good[i].text);
	}
}

static void
parse_bad(void)
{
	uint64_t bytes;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!CHECK(size_parse(bad[i], &bytes) == -1) ||
		    !CHECK_EQ(errno, EINVAL))
			printf("# \"%s\"\n", bad[i]);
	for (i = 0; i < sizeof(too_big) / sizeof(too_big[0]); i++)
		if (!CHECK(size_parse(too_big[i], &bytes) == -1) ||
		    !CHECK_EQ(errno, ERANGE))
			printf("# \"%s\"\n", too_big[i]);
}

/* What OpenBSD's fmt_scaled(3) prints. */
static void
format(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1.0K" },
		{ 1024 + 512, "1.5K" },
		{ 64ULL << 20, "64.0M" },
		{ 100ULL << 20, "100M" },
		{ 512ULL << 20, "512M" },
		{ (512ULL << 20) + (700ULL << 10), "513M" },
		{ (1024ULL << 20) - 1, "1024M" },
		{ 1ULL << 30, "1.0G" },
		{ 128ULL << 30, "128G" },
		{ UINT64_MAX, "16.0E" },
	};
	char text[SIZE_TEXT];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_STR(size_format(rows[i].bytes, text), rows[i].text);
}

static void
target_good(void)
{
	static const char longest[] =
	    "a23456789012345678901234567890123456789012345678901234567890123";
	struct msg_vm_target t;
	const char *reason;

	REQUIRE(target_parse("7", &t, &reason) == 0);
	CHECK_EQ(t.id, 7);
	CHECK_STR(t.name, "");
	REQUIRE(target_parse("4294967295", &t, &reason) == 0);
	CHECK_EQ(t.id, UINT32_MAX);
	REQUIRE(target_parse("9lives_a.B-c", &t, &reason) == 0);
	CHECK_EQ(t.id, 0);
	CHECK_STR(t.name, "9lives_a.B-c");
	CHECK_EQ(strlen(longest), VMD_NAME_MAX);
	REQUIRE(target_parse(longest, &t, &reason) == 0);
	CHECK_STR(t.name, longest);
}

static void
target_bad(void)
{
	static const struct {
		const char *word;
		const char *reason;
	} rows[] = {
		{ "", "empty name" },
		{ "0", "id out of range" },
		{ "4294967296", "id out of range" },
		{ "99999999999999999999999999", "id out of range" },
		{ "a234567890123456789012345678901234567890123456789012345678"
		  "901234",
		    "name too long" },
		{ ".a", "invalid VM name" },
		{ "-a", "invalid VM name" },
		{ "_a", "invalid VM name" },
		{ "a b", "invalid VM name" },
		{ "a/b", "invalid VM name" },
		{ "a\nb", "invalid VM name" },
		{ "\303\244", "invalid VM name" },
	};
	struct msg_vm_target t;
	const char *reason;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reason = NULL;
		CHECK(target_parse(rows[i].word, &t, &reason) == -1);
		CHECK_STR(reason, rows[i].reason);
	}
}

int
main(void)
{
	TEST(parse_good);
	TEST(parse_bad);
	TEST(format);
	TEST(target_good);
	TEST(target_bad);
	return CHECK_EXIT();
}
