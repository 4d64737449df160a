/* SPDX-License-Identifier: ISC */
/*
 * Fields to bytes and back: see state.h.  Runs in the VM process.  The host is
 * little endian (x86), so a number's bytes are those in memory.
 */
#include "pci/state.h"

#include <errno.h>
#include <string.h>

int
state_put(struct state_buf *buf, const void *bytes, size_t len)
{
	if (len > buf->size - buf->at) {
		errno = ENOSPC;
		return -1;
	}
	if (len > 0)
		memcpy(buf->bytes + buf->at, bytes, len);
	buf->at += len;
	return 0;
}

const uint8_t *
state_get(struct state_buf *buf, size_t len)
{
	const uint8_t *bytes = buf->bytes + buf->at;

	if (len > buf->size - buf->at) {
		errno = EBADMSG;
		return NULL;
	}
	buf->at += len;
	return bytes;
}

static int
state_wrong(struct state_buf *buf, const struct state_table *table,
    const char *field, int error)
{
	buf->table = table->name;
	buf->field = field;
	errno = error;
	return -1;
}

int
state_check(struct state_buf *buf, const struct state_table *table,
    const char *field, bool ok)
{
	return ok ? 0 : state_wrong(buf, table, field, EINVAL);
}

int
state_save(
    struct state_buf *buf, const struct state_table *table, const void *from)
{
	const uint8_t *base = from;

	if (state_put(buf, &table->version, sizeof(table->version)) == -1)
		return -1;
	for (unsigned int i = 0; i < table->fields; i++) {
		const struct state_field *f = &table->field[i];

		if (state_put(buf, base + f->offset,
			(size_t)f->width * f->count) == -1)
			return -1;
	}
	return 0;
}

static int
state_load_field(struct state_buf *buf, const struct state_table *table,
    const struct state_field *f, uint8_t *to)
{
	for (unsigned int i = 0; i < f->count; i++) {
		const uint8_t *bytes = state_get(buf, f->width);
		uint64_t value = 0;

		if (bytes == NULL)
			return state_wrong(buf, table, f->name, EBADMSG);
		memcpy(&value, bytes, f->width);
		if ((value & ~f->bits) != 0 || value > f->max)
			return state_wrong(buf, table, f->name, EINVAL);
		memcpy(to + i * f->width, bytes, f->width);
	}
	return 0;
}

int
state_load(struct state_buf *buf, const struct state_table *table, void *to)
{
	const uint8_t *bytes = state_get(buf, sizeof(uint16_t));
	uint16_t version;

	if (bytes == NULL)
		return state_wrong(buf, table, "version", EBADMSG);
	memcpy(&version, bytes, sizeof(version));
	if (version == 0 || version > table->version)
		return state_wrong(buf, table, "version", EPROTONOSUPPORT);
	for (unsigned int i = 0; i < table->fields; i++) {
		const struct state_field *f = &table->field[i];

		if (f->since <= version &&
		    state_load_field(
			buf, table, f, (uint8_t *)to + f->offset) == -1)
			return -1;
	}
	return 0;
}

void
state_copy(const struct state_table *table, void *to, const void *from)
{
	for (unsigned int i = 0; i < table->fields; i++) {
		const struct state_field *f = &table->field[i];

		memcpy((uint8_t *)to + f->offset,
		    (const uint8_t *)from + f->offset,
		    (size_t)f->width * f->count);
	}
}
