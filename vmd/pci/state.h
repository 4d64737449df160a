/* SPDX-License-Identifier: ISC */
/*
 * The state of a chip as bytes: a table of its fields, from which saving,
 * loading and the checks of a load are made.
 *
 * Runs in the VM process, machine lock held.  It stands beside machine.h, on
 * the lowest floor that chips and PCI have in common.  Numbers are little
 * endian and of fixed width; there are no pointers and no lengths to believe.
 * What is loaded is hostile: a chip loads into a copy of itself, checks that,
 * and becomes the copy only if all of it is right.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that is enough for every chip and device but the console's output. */
#define STATE_SIZE_MAX 65536

/* Borrowed bytes that are written or read from the front. */
struct state_buf {
	uint8_t *bytes;
	size_t size; /* of bytes: room, or what there is to load */
	size_t at;
	/* A load checks everything and changes nothing. */
	bool check;
	/* After an error of a load: what was wrong; constant texts or NULL. */
	const char *table;
	const char *field;
};

/* One member, or array, of a structure; numbers are unsigned. */
struct state_field {
	const char *name;
	uint32_t offset; /* in the structure */
	uint16_t width; /* bytes of a number: 1, 2, 4 or 8 */
	uint16_t count; /* of numbers */
	uint16_t since; /* version that brought it, 0 is 1 */
	uint64_t bits; /* that may be set */
	uint64_t max;
};

struct state_table {
	const char *name;
	uint16_t version; /* of what is saved; older ones are loaded too */
	uint16_t fields;
	const struct state_field *field;
};

#define STATE_SIZE(s, m) sizeof(((s *)0)->m)
#define STATE_FIELD(s, m, bits_, max_)                                      \
	{                                                                   \
#m, offsetof(s, m), STATE_SIZE(s, m), 1, 0, (bits_), (max_) \
	}
/* A number of which only some bits exist; with a limit; of any value. */
#define STATE_BITS(s, m, bits_) STATE_FIELD(s, m, bits_, UINT64_MAX)
#define STATE_MAX(s, m, max_) STATE_FIELD(s, m, UINT64_MAX, max_)
#define STATE_ANY(s, m) STATE_FIELD(s, m, UINT64_MAX, UINT64_MAX)
#define STATE_BOOL(s, m) STATE_FIELD(s, m, 1, 1)
/* A number of any value that version since_ brought. */
#define STATE_SINCE(s, m, since_)                                              \
	{                                                                      \
#m, offsetof(s, m), STATE_SIZE(s, m), 1, (since_), UINT64_MAX, \
		    UINT64_MAX                                                 \
	}
/* An array of numbers of any value. */
#define STATE_ARRAY(s, m)                                                  \
	{                                                                  \
#m, offsetof(s, m), STATE_SIZE(s, m[0]),                   \
		    STATE_SIZE(s, m) / STATE_SIZE(s, m[0]), 0, UINT64_MAX, \
		    UINT64_MAX                                             \
	}
#define STATE_TABLE(name_, version_, rows)                                  \
	{                                                                   \
		.name = (name_), .version = (version_),                     \
		.fields = sizeof(rows) / sizeof((rows)[0]), .field = (rows) \
	}

/*
 * Appends the version and the fields of the structure at from.  -1 with errno
 * ENOSPC: no room.
 */
int state_save(
    struct state_buf *, const struct state_table *, const void *from);

/*
 * Takes a version and fields into the structure at to, which is the caller's
 * copy: after an error it is of no use.  Fields younger than the version keep
 * what they have.  -1 with errno EBADMSG: too short; EPROTONOSUPPORT: a version
 * that this build does not know; EINVAL: a value that cannot be.
 */
int state_load(struct state_buf *, const struct state_table *, void *to);

/* Copies the fields that the table lists, and nothing else, between two
 * structures. */
void state_copy(const struct state_table *, void *to, const void *from);

/* For the caller's own checks: ok, or -1 with EINVAL and the field named. */
int state_check(
    struct state_buf *, const struct state_table *, const char *field, bool ok);

/* Plain bytes.  Errors as above; what is got is valid as long as the buffer. */
int state_put(struct state_buf *, const void *bytes, size_t len);
const uint8_t *state_get(struct state_buf *, size_t len);

#endif /* STATE_H */
