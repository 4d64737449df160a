/* SPDX-License-Identifier: ISC */
/*
 * CONFIG sections as bytes and as numbers; see state_config.h.  What is decoded
 * is hostile.
 */
#include "image/state_config.h"

#include <errno.h>
#include <string.h>

#include "image/state.h"
#include "image/state_wire.h"
#include "vm_name.h"

#define HEAD 32U
#define NIC 32U /* bytes of an interface */
#define FILE_HEAD 32U /* of a file, before its path */
_Static_assert(HEAD + VMD_NAME_MAX + VMD_CMDLINE_MAX + VMD_NICS_MAX * NIC +
	    STATE_FILES_MAX * (FILE_HEAD + STATE_PATH_MAX) <=
	STATE_CONFIG_MAX,
    "every configuration fits");

static const struct {
	const char *text;
	unsigned int count;
} kinds[] = {
#define KIND_ROW(name, number, count, text) [number] = { text, count },
	STATE_FILES(KIND_ROW)
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *
state_file_name(uint16_t kind)
{
	return kind < KINDS && kinds[kind].text != NULL ? kinds[kind].text
							: "?";
}

static int
bad(const char **why, const char *text)
{
	*why = text;
	errno = EINVAL;
	return -1;
}

/* Nothing that a terminal would obey. */
static bool
text_ok(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int
nic_check(const struct state_nic *nic, const char **why)
{
	static const uint8_t none[6];

	if (nic->type != NIC_TAP && nic->type != NIC_USER)
		return bad(why, "an interface of unknown type");
	if ((nic->flags & ~STATE_NIC_FLAGS) != 0)
		return bad(why, "an interface with unknown flags");
	if ((nic->mac[0] & 0x01) != 0 || memcmp(nic->mac, none, 6) == 0)
		return bad(why, "an interface whose address is none");
	if (!text_ok(nic->ifname) || strchr(nic->ifname, '/') != NULL)
		return bad(why, "an interface whose name is none");
	return 0;
}

static int
file_check(const struct state_file *f, const char **why)
{
	bool disk = f->kind == STATE_FILE_DISK;

	if (f->kind >= KINDS || f->index >= kinds[f->kind].count)
		return bad(why, "a file of unknown kind");
	if ((f->flags & ~STATE_FILE_READONLY) != 0)
		return bad(why, "a file with unknown flags");
	if (f->format != (disk ? STATE_FORMAT_RAW : STATE_FORMAT_NONE))
		return bad(why, "a file of unknown format");
	if (disk && (f->size == 0 || f->size % 512 != 0 || f->size >> 63 != 0))
		return bad(why, "a disk of a size that is none");
	if (f->path[0] != '/' || !text_ok(f->path))
		return bad(why, "a file whose path is none");
	return 0;
}

static bool
file_before(const struct state_file *a, const struct state_file *b)
{
	return a->kind < b->kind || (a->kind == b->kind && a->index < b->index);
}

int
state_config_check(const struct state_config *c, const char **why)
{
	if (!vm_name_ok(c->name))
		return bad(why, "a name no VM may have");
	if (c->memory < VMD_MEMORY_MIN || c->memory > VMD_MEMORY_MAX ||
	    (c->memory & 0xfffff) != 0)
		return bad(why, "a size of memory no VM may have");
	if (c->cpus == 0 || c->cpus > VMD_CPUS_MAX)
		return bad(why, "a number of vCPUs no VM may have");
	if ((c->flags & ~STATE_CONFIG_FLAGS) != 0)
		return bad(why, "unknown flags");
	if (!text_ok(c->cmdline))
		return bad(why, "a command line with control characters");
	if (c->nics > VMD_NICS_MAX || c->files > STATE_FILES_MAX)
		return bad(why, "too many interfaces or files");
	for (uint32_t i = 0; i < c->nics; i++)
		if (nic_check(&c->nic[i], why) == -1)
			return -1;
	for (uint32_t i = 0; i < c->files; i++) {
		if (file_check(&c->file[i], why) == -1)
			return -1;
		if (i > 0 && !file_before(&c->file[i - 1], &c->file[i]))
			return bad(why, "files that are not in order");
	}
	return 0;
}

/* --- to bytes ------------------------------------------------------------- */

static uint8_t *
put_text(uint8_t *p, const char *text)
{
	size_t len = strlen(text);

	memcpy(p, text, len);
	return p + len;
}

static uint8_t *
put_nic(uint8_t *p, const struct state_nic *nic)
{
	memset(p, 0, NIC);
	p[0] = nic->type;
	p[1] = nic->flags;
	memcpy(p + 2, nic->mac, sizeof(nic->mac));
	put_text(p + 16, nic->ifname);
	return p + NIC;
}

static uint8_t *
put_file(uint8_t *p, const struct state_file *f)
{
	state_put16(p, f->kind);
	state_put16(p + 2, f->index);
	state_put32(p + 4, f->flags);
	state_put32(p + 8, f->format);
	state_put32(p + 12, (uint32_t)strlen(f->path));
	state_put64(p + 16, f->size);
	state_put64(p + 24, f->generation);
	return put_text(p + FILE_HEAD, f->path);
}

size_t
state_config_encode(
    const struct state_config *c, uint8_t *payload, const char **why)
{
	uint8_t *p = payload + HEAD;

	if (state_config_check(c, why) == -1)
		return 0;
	state_put64(payload, c->memory);
	state_put32(payload + 8, c->cpus);
	state_put32(payload + 12, c->flags);
	state_put16(payload + 16, (uint16_t)strlen(c->name));
	state_put16(payload + 18, (uint16_t)strlen(c->cmdline));
	state_put16(payload + 20, (uint16_t)c->nics);
	state_put16(payload + 22, (uint16_t)c->files);
	memset(payload + 24, 0, HEAD - 24);
	p = put_text(p, c->name);
	p = put_text(p, c->cmdline);
	for (uint32_t i = 0; i < c->nics; i++)
		p = put_nic(p, &c->nic[i]);
	for (uint32_t i = 0; i < c->files; i++)
		p = put_file(p, &c->file[i]);
	return (size_t)(p - payload);
}

/* --- from bytes ----------------------------------------------------------- */

/* A text of len bytes, at most max, into to, which has one more. */
static bool
take_text(struct state_cursor *c, char *to, size_t len, size_t max)
{
	const uint8_t *p;

	if (len > max || (p = state_take(c, len)) == NULL ||
	    memchr(p, '\0', len) != NULL)
		return false;
	memcpy(to, p, len);
	to[len] = '\0';
	return true;
}

static bool
take_nic(struct state_cursor *c, struct state_nic *nic)
{
	const uint8_t *p = state_take(c, NIC);
	size_t len;

	if (p == NULL || !state_is_zero(p + 8, 8))
		return false;
	nic->type = p[0];
	nic->flags = p[1];
	memcpy(nic->mac, p + 2, sizeof(nic->mac));
	memcpy(nic->ifname, p + 16, sizeof(nic->ifname));
	len = strnlen(nic->ifname, sizeof(nic->ifname));
	return len <= VMD_IFNAME_MAX &&
	    state_is_zero(p + 16 + len, sizeof(nic->ifname) - len);
}

static bool
take_file(struct state_cursor *c, struct state_file *f)
{
	const uint8_t *p = state_take(c, FILE_HEAD);

	if (p == NULL)
		return false;
	f->kind = state_get16(p);
	f->index = state_get16(p + 2);
	f->flags = state_get32(p + 4);
	f->format = state_get32(p + 8);
	f->size = state_get64(p + 16);
	f->generation = state_get64(p + 24);
	return take_text(c, f->path, state_get32(p + 12), STATE_PATH_MAX);
}

static bool
take_all(struct state_config *c, struct state_cursor *at)
{
	const uint8_t *head = state_take(at, HEAD);

	if (head == NULL || !state_is_zero(head + 24, HEAD - 24))
		return false;
	c->memory = state_get64(head);
	c->cpus = state_get32(head + 8);
	c->flags = state_get32(head + 12);
	c->nics = state_get16(head + 20);
	c->files = state_get16(head + 22);
	if (c->nics > VMD_NICS_MAX || c->files > STATE_FILES_MAX ||
	    !take_text(at, c->name, state_get16(head + 16), VMD_NAME_MAX) ||
	    !take_text(at, c->cmdline, state_get16(head + 18), VMD_CMDLINE_MAX))
		return false;
	for (uint32_t i = 0; i < c->nics; i++)
		if (!take_nic(at, &c->nic[i]))
			return false;
	for (uint32_t i = 0; i < c->files; i++)
		if (!take_file(at, &c->file[i]))
			return false;
	return at->left == 0;
}

int
state_config_decode(struct state_config *c, const uint8_t *payload, size_t len,
    const char **why)
{
	struct state_cursor at = { payload, len };
	int r;

	memset(c, 0, sizeof(*c));
	*why = "lengths that do not fit";
	r = take_all(c, &at) ? state_config_check(c, why) : -1;
	if (r == -1)
		errno = EBADMSG;
	return r;
}
