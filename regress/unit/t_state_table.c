/* SPDX-License-Identifier: ISC */
/* The table of fields from which chips save and load themselves. */
#include "pci/state.h"

#include "check.h"
#include "state_test.h"

struct thing {
	uint8_t byte;
	bool flag;
	uint16_t bits;
	uint32_t limited;
	uint64_t any;
	uint16_t array[3];
	uint32_t young;
};

static const struct state_field fields[] = {
	STATE_ANY(struct thing, byte),
	STATE_BOOL(struct thing, flag),
	STATE_BITS(struct thing, bits, 0x8001),
	STATE_MAX(struct thing, limited, 1000),
	STATE_ANY(struct thing, any),
	STATE_ARRAY(struct thing, array),
	{ .name = "young",
	    .offset = offsetof(struct thing, young),
	    .width = 4,
	    .count = 1,
	    .since = 2,
	    .bits = UINT64_MAX,
	    .max = 7 },
};
static const struct state_table first = {
	.name = "thing", .version = 1, .fields = 6, .field = fields
};
static const struct state_table second = STATE_TABLE("thing", 2, fields);

static const struct thing sample = { 0xfe, true, 0x8000, 1000,
	0x1122334455667788, { 1, 2, 0xffff }, 7 };

static void
bytes_are_little_endian_and_packed(void)
{
	static const uint8_t want[] = { 2, 0, 0xfe, 1, 0, 0x80, 0xe8, 3, 0, 0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 1, 0, 2, 0,
		0xff, 0xff, 7, 0, 0, 0 };
	uint8_t bytes[sizeof(want) + 1] = { 0 };
	struct state_buf buf = { .bytes = bytes, .size = sizeof(bytes) };
	struct thing back = { 0 };

	CHECK_EQ(state_save(&buf, &second, &sample), 0);
	CHECK_EQ(buf.at, sizeof(want));
	CHECK(memcmp(bytes, want, sizeof(want)) == 0);
	buf.at = 0;
	CHECK_EQ(state_load(&buf, &second, &back), 0);
	CHECK_EQ(buf.at, sizeof(want));
	CHECK_EQ(back.byte, 0xfe);
	CHECK(back.flag);
	CHECK_EQ(back.bits, 0x8000);
	CHECK_EQ(back.limited, 1000);
	CHECK_EQ(back.any, 0x1122334455667788);
	CHECK_EQ(back.array[2], 0xffff);
	CHECK_EQ(back.young, 7);
}

static void
room_is_bounded(void)
{
	uint8_t bytes[32];

	for (size_t size = 0; size < 28; size++) {
		struct state_buf buf = { .bytes = bytes, .size = size };

		memset(bytes, 0x5a, sizeof(bytes));
		CHECK_EQ(state_save(&buf, &second, &sample), -1);
		CHECK_EQ(errno, ENOSPC);
		CHECK(buf.at <= size);
		CHECK_EQ(bytes[size], 0x5a);
		buf.at = 0;
	}
}

static void
values_are_checked(void)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		const char *field;
	} rows[] = {
		{ 3, 2, "flag" },
		{ 4, 2, "bits" },
		{ 5, 0x40, "bits" },
		{ 6, 0xe9, "limited" },
		{ 9, 1, "limited" },
		{ 24, 8, "young" },
	};
	uint8_t good[28], bytes[28];
	struct state_buf buf = { .bytes = good, .size = sizeof(good) };
	struct thing back;

	REQUIRE(state_save(&buf, &second, &sample) == 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bytes, good, sizeof(bytes));
		bytes[rows[i].at] = rows[i].value;
		buf = (struct state_buf) { .bytes = bytes,
			.size = sizeof(bytes) };
		CHECK_EQ(state_load(&buf, &second, &back), -1);
		CHECK_EQ(errno, EINVAL);
		CHECK_STR(buf.table, "thing");
		CHECK_STR(buf.field, rows[i].field);
	}
	for (size_t size = 0; size < sizeof(good); size++) {
		buf = (struct state_buf) { .bytes = good, .size = size };
		CHECK_EQ(state_load(&buf, &second, &back), -1);
		CHECK_EQ(errno, EBADMSG);
		CHECK(buf.at <= size);
	}
}

static void
older_versions_are_loaded(void)
{
	uint8_t bytes[28];
	struct state_buf buf = { .bytes = bytes, .size = sizeof(bytes) };
	struct thing back = { .young = 5 };

	REQUIRE(state_save(&buf, &first, &sample) == 0);
	buf = (struct state_buf) { .bytes = bytes, .size = buf.at };
	CHECK_EQ(state_load(&buf, &second, &back), 0);
	CHECK_EQ(buf.at, 24);
	CHECK_EQ(back.any, sample.any);
	CHECK_EQ(back.young, 5); /* as it was at first */
	/* And a younger one is not. */
	buf = (struct state_buf) { .bytes = bytes, .size = sizeof(bytes) };
	REQUIRE(state_save(&buf, &second, &sample) == 0);
	buf.at = 0;
	CHECK_EQ(state_load(&buf, &first, &back), -1);
	CHECK_EQ(errno, EPROTONOSUPPORT);
	CHECK_STR(buf.field, "version");
}

static void
copies_take_listed_fields_only(void)
{
	struct thing to = { .young = 3, .byte = 1 };

	state_copy(&first, &to, &sample);
	CHECK_EQ(to.byte, 0xfe);
	CHECK_EQ(to.array[1], 2);
	CHECK_EQ(to.young, 3);
}

int
main(void)
{
	TEST(bytes_are_little_endian_and_packed);
	TEST(room_is_bounded);
	TEST(values_are_checked);
	TEST(older_versions_are_loaded);
	TEST(copies_take_listed_fields_only);
	return CHECK_EXIT();
}
