/* SPDX-License-Identifier: ISC */
/*
 * What show-state says of the short sections of a machine.
 */
#include "statewhat.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "image/state_wire.h"

static uint8_t payload[64];
static char printed[512], json[512];

/* Both forms of a section of that type and length. */
static void
say(enum state_type type, size_t len)
{
	const struct state_section s = {
		.head = { .type = type, .length = len }, .payload = payload
	};
	FILE *f = tmpfile();
	int saved = dup(STDOUT_FILENO);
	json_t *o = statewhat_json(&s);
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	snprintf(json, sizeof(json), "%s", text != NULL ? text : "");
	free(text);
	json_decref(o);
	REQUIRE(f != NULL);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	statewhat_print(&s, 4);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	printed[fread(printed, 1, sizeof(printed) - 1, f)] = '\0';
	fclose(f);
}

static void
numbers(void)
{
	memset(payload, 0, sizeof(payload));
	state_put64(payload, 1700000000123456789ULL);
	state_put64(payload + 8, 61002000000ULL);
	state_put64(payload + 16, 0xabcdef);
	say(STATE_TIME, 32);
	CHECK_STR(printed,
	    "stood at 2023-11-14 22:13:20 UTC, its clock at 61.002 s, "
	    "TSC 0xabcdef\n");
	CHECK_STR(json,
	    "{\"realtime_ns\":1700000000123456789,\"clock_ns\":61002000000,"
	    "\"tsc\":11259375}");
	memset(payload, 0, sizeof(payload));
	payload[0] = 1;
	say(STATE_HANDOVER, 16);
	CHECK_STR(printed, "the receiver answers, way 1\n");
	CHECK_STR(json, "{\"way\":1}");
	state_put64(payload, 0xfffe0000);
	state_put32(payload + 8, 131072);
	say(STATE_ROM, 16);
	CHECK_STR(
	    printed, "ROM at 0xfffe0000, of 131072 bytes, from byte 0 on\n");
	memset(payload, 0, sizeof(payload));
	payload[0] = 1;
	payload[4] = 2;
	state_put64(payload + 8, 1 << 20);
	state_put32(payload + 16, 4096);
	say(STATE_DISKDATA, 32);
	CHECK_STR(printed, "disk 1, from byte 1048576 on, 4096 bytes, zero\n");
	CHECK_STR(json,
	    "{\"disk\":1,\"offset\":1048576,\"size\":4096,\"packing\":2}");
	payload[4] = 9;
	say(STATE_DISKDATA, 32);
	CHECK_STR(printed, "disk 1, from byte 1048576 on, 4096 bytes, 9\n");
	say(STATE_CHIPS, 16);
	CHECK_STR(printed, "all checksums are right\n");
	CHECK_STR(json, "");
}

static void
disks(void)
{
	state_put64(payload, 1ULL << 30);
	state_put64(payload + 8, 7);
	state_put64(payload + 16, 512);
	state_put64(payload + 24, UINT64_MAX);
	say(STATE_DISKS, 32);
	CHECK_STR(printed,
	    "disk 0: 1.0G, generation 7\n"
	    "    disk 1: 512B, generation 18446744073709551615\n");
	say(STATE_DISKS, 16);
	CHECK_STR(json, "{\"disks\":[{\"size\":1073741824,\"generation\":7}]}");
	say(STATE_DISKS, 0);
	CHECK_STR(printed, "no disks\n");
}

/* A time that no calendar has, and a payload that ends early. */
static void
odd(void)
{
	memset(payload, 0xff, sizeof(payload));
	say(STATE_TIME, 64);
	CHECK(strstr(printed, "TSC 0xffffffffffffffff\n") != NULL);
	say(STATE_ROM, 8);
	CHECK_STR(printed, "ROM at 0xffffffffffffffff\n");
}

int
main(void)
{
	TEST(numbers);
	TEST(disks);
	TEST(odd);
	return CHECK_EXIT();
}
