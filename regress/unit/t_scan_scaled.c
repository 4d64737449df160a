/* SPDX-License-Identifier: ISC */
/*
 * Sizes as people write them.
 */
#include "scan_scaled.h"

#include <errno.h>

#include "check.h"

static void
sizes(void)
{
	static const struct {
		const char *text;
		long long value;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "1b", 1 },
		{ " 12", 12 },
		{ "+3k", 3072 },
		{ "-3K", -3072 },
		{ "1.5K", 1536 },
		{ "1.7M", 1782579 },
		{ ".5G", 1LL << 29 },
		{ "512M", 512LL << 20 },
		{ "128g", 128LL << 30 },
		{ "2T", 2LL << 40 },
		{ "1.25T", 1374389534720LL },
		{ "3P", 3LL << 50 },
		{ "7E", 7LL << 60 },
		{ "0.9999999999999999999", 0 },
		{ "9223372036854775807", 9223372036854775807LL },
	};
	long long v;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		v = -77;
		CHECK_EQ(scan_scaled(good[i].text, &v), 0);
		if (!CHECK_EQ(v, good[i].value))
			printf("# of \"%s\"\n", good[i].text);
	}
}

static void
not_sizes(void)
{
	static const char *const bad[] = { "", " ", "K", ".", "-", "1KB", "1X",
		"1 K", "12M3", "0x10", "--1", "1.2.3", "1e9" };
	static const char *const large[] = { "9223372036854775808", "8E",
		"99999999999999999999999", "9223372036854775807K" };
	long long v = 5;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		CHECK_EQ(scan_scaled(bad[i], &v), -1);
		if (!CHECK_EQ(errno, EINVAL))
			printf("# of \"%s\"\n", bad[i]);
	}
	for (i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		errno = 0;
		CHECK_EQ(scan_scaled(large[i], &v), -1);
		CHECK_EQ(errno, ERANGE);
	}
	CHECK_EQ(v, 5);
}

int
main(void)
{
	TEST(sizes);
	TEST(not_sizes);
	return CHECK_EXIT();
}
