/* SPDX-License-Identifier: ISC */
/*
 * Short sections of a state stream; see statewhat.h.  They were written by
 * anybody: what is read is numbers, within the payload, and nothing is made of
 * them.
 */
#include "statewhat.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "image/state_disk.h"
#include "image/state_wire.h"
#include "size.h"

#define DISK 16U /* bytes of a row of DISKS: size and generation */
#define NS ((uint64_t)1000000000)

enum form { DECIMAL, HEX, SECONDS, DATE, PACKING };

struct what {
	enum state_type type;
	uint32_t at; /* in the payload */
	uint32_t size; /* bytes */
	enum form form;
	const char *key;
	const char *text; /* with one %s */
};

/* The places are those of vmd/role/machine_wire.h, which has the layouts. */
static const struct what whats[] = {
	{ STATE_HANDOVER, 0, 1, DECIMAL, "way",
	    "the receiver answers, way %s" },
	{ STATE_CPU, 0, 4, DECIMAL, "entries", "%s entries of CPUID" },
	{ STATE_CPU, 4, 4, DECIMAL, "tsc_khz", "TSC of %s kHz" },
	{ STATE_ROM, 0, 8, HEX, "address", "ROM at %s" },
	{ STATE_ROM, 8, 4, DECIMAL, "size", "of %s bytes" },
	{ STATE_ROM, 12, 4, DECIMAL, "offset", "from byte %s on" },
	{ STATE_VCPU, 0, 4, DECIMAL, "vcpu", "vCPU %s" },
	{ STATE_VCPU, 12, 4, DECIMAL, "msrs", "%s MSRs" },
	{ STATE_TIME, 0, 8, DATE, "realtime_ns", "stood at %s" },
	{ STATE_TIME, 8, 8, SECONDS, "clock_ns", "its clock at %s s" },
	{ STATE_TIME, 16, 8, HEX, "tsc", "TSC %s" },
	{ STATE_DISKDATA, 0, 4, DECIMAL, "disk", "disk %s" },
	{ STATE_DISKDATA, 8, 8, DECIMAL, "offset", "from byte %s on" },
	{ STATE_DISKDATA, 16, 4, DECIMAL, "size", "%s bytes" },
	{ STATE_DISKDATA, 4, 4, PACKING, "packing", "%s" },
};

static const char *const packings[STATE_DISK_PACKINGS] = {
	[STATE_DISK_RAW] = "raw",
	[STATE_DISK_ZSTD] = "zstd",
	[STATE_DISK_ZERO] = "zero",
};

static uint64_t
what_value(const struct what *w, const uint8_t *payload)
{
	const uint8_t *p = payload + w->at;

	return w->size == 8 ? state_get64(p)
	    : w->size == 4  ? state_get32(p)
			    : *p;
}

/* Whether the row is one of that section, which is as long as that. */
static bool
what_is_of(const struct what *w, const struct state_section *s)
{
	return w->type == s->head.type && s->head.length >= w->at + w->size;
}

static void
what_format(const struct what *w, uint64_t value, char *text, size_t size)
{
	time_t seconds = (time_t)(value / NS);
	struct tm tm;

	if (w->form == HEX)
		snprintf(text, size, "0x%" PRIx64, value);
	else if (w->form == SECONDS)
		snprintf(text, size, "%" PRIu64 ".%03u", value / NS,
		    (unsigned int)(value % NS / 1000000));
	else if (w->form == DATE && gmtime_r(&seconds, &tm) != NULL)
		strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
	else if (w->form == PACKING && value < STATE_DISK_PACKINGS)
		snprintf(text, size, "%s", packings[value]);
	else
		snprintf(text, size, "%" PRIu64, value);
}

static void
print_numbers(const struct state_section *s)
{
	char value[64], text[128];
	bool any = false;

	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		const struct what *w = &whats[i];
		const char *gap = strstr(w->text, "%s");

		if (!what_is_of(w, s))
			continue;
		what_format(w, what_value(w, s->payload), value, sizeof(value));
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(gap - w->text),
		    w->text, value, gap + 2);
		printf("%s%s", any ? ", " : "", text);
		any = true;
	}
	puts(any ? "" : "all checksums are right");
}

static void
print_disks(const struct state_section *s, int indent)
{
	char text[SIZE_TEXT];

	if (s->head.length < DISK)
		puts("no disks");
	for (uint64_t i = 0; i < s->head.length / DISK; i++) {
		const uint8_t *row = s->payload + i * DISK;

		printf("%*sdisk %" PRIu64 ": %s, generation %" PRIu64 "\n",
		    i > 0 ? indent : 0, "", i,
		    size_format(state_get64(row), text), state_get64(row + 8));
	}
}

void
statewhat_print(const struct state_section *s, int indent)
{
	if (s->head.type == STATE_DISKS)
		print_disks(s, indent);
	else
		print_numbers(s);
}

static json_t *
json_disks(const struct state_section *s)
{
	json_t *disks = json_array(), *o = json_object(), *disk;

	for (uint64_t i = 0; i < s->head.length / DISK; i++) {
		const uint8_t *row = s->payload + i * DISK;

		disk = json_object();
		json_object_set_new(
		    disk, "size", json_integer((json_int_t)state_get64(row)));
		json_object_set_new(disk, "generation",
		    json_integer((json_int_t)state_get64(row + 8)));
		json_array_append_new(disks, disk);
	}
	json_object_set_new(o, "disks", disks);
	return o;
}

json_t *
statewhat_json(const struct state_section *s)
{
	json_t *o = NULL;

	if (s->head.type == STATE_DISKS)
		return json_disks(s);
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		const struct what *w = &whats[i];

		if (!what_is_of(w, s))
			continue;
		if (o == NULL)
			o = json_object();
		json_object_set_new(o, w->key,
		    json_integer((json_int_t)what_value(w, s->payload)));
	}
	return o;
}
