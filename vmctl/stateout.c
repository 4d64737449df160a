/* SPDX-License-Identifier: ISC */
/*
 * Prints state streams; see stateout.h.  Names and paths in them are anybody's:
 * what is not plain ASCII is shown as \xNN.
 */
#include "stateout.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "size.h"
#include "statewhat.h"

#define COLUMNS "%12s %6s %-8s %3s %8s  %s\n"
#define INDENT 42 /* where the last column begins */
#define MAC_TEXT 18

static const char *
nic_type(const struct state_nic *nic)
{
	return nic->type == NIC_TAP ? "tap" : "user";
}

static const char *
mac_text(const uint8_t mac[6], char text[MAC_TEXT])
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
	    mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

/* The text without what a terminal or JSON would not have; static. */
static const char *
plain(const char *text)
{
	static char out[4 * STATE_PATH_MAX + 1];
	size_t at = 0;

	for (; *text != '\0' && at + 4 < sizeof(out); text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c < 0x7f)
			out[at++] = *text;
		else
			at += (size_t)snprintf(out + at, 5, "\\x%02x", c);
	}
	out[at] = '\0';
	return out;
}

/* --- as a table ----------------------------------------------------------- */

static void
table_head(const struct state_section *s, const char *name)
{
	printf("%12" PRIu64 " %6" PRIu64 " %-8s %3u %8" PRIu64 "  ", s->offset,
	    s->head.number, name, s->head.version, s->head.length);
}

static void
table_config(const struct state_config *c)
{
	char text[SIZE_TEXT], mac[MAC_TEXT];

	printf("%s, %s, %u vCPU%s%s\n", plain(c->name),
	    size_format(c->memory, text), c->cpus, c->cpus == 1 ? "" : "s",
	    (c->flags & STATE_CONFIG_GDB) != 0 ? ", gdb" : "");
	if (c->cmdline[0] != '\0')
		printf("%*scommand line %s\n", INDENT, "", plain(c->cmdline));
	for (uint32_t i = 0; i < c->nics; i++) {
		const struct state_nic *nic = &c->nic[i];

		printf("%*sinterface %u %s, %s%s%s%s\n", INDENT, "", i,
		    nic_type(nic), mac_text(nic->mac, mac),
		    (nic->flags & STATE_NIC_FIXED) != 0 ? " fixed" : "",
		    nic->ifname[0] != '\0' ? ", " : "", plain(nic->ifname));
	}
	for (uint32_t i = 0; i < c->files; i++) {
		const struct state_file *f = &c->file[i];

		printf("%*s%s %u %s, %s%s\n", INDENT, "",
		    state_file_name(f->kind), f->index, plain(f->path),
		    size_format(f->size, text),
		    (f->flags & STATE_FILE_READONLY) != 0 ? ", read-only" : "");
	}
}

static void
table_memory(const struct state_memory *m)
{
	printf("0x%" PRIx64 "-0x%" PRIx64 ", %u page%s", m->gpa,
	    m->gpa + (uint64_t)m->pages * STATE_PAGE - 1, m->data_pages,
	    m->data_pages == 1 ? "" : "s");
	if (m->packing == STATE_ZSTD)
		printf(" in %zu bytes of zstd", m->data_len);
	if (m->zero_pages > 0)
		printf(", %u zero", m->zero_pages);
	putchar('\n');
}

/* --- as JSON -------------------------------------------------------------- */

static void
json_set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *
json_number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *
json_head(const struct state_section *s)
{
	const struct state_row *row = state_row(s->head.type);
	json_t *o = json_object();

	json_set(o, "offset", json_number(s->offset));
	json_set(o, "number", json_number(s->head.number));
	json_set(o, "type", json_integer(s->head.type));
	json_set(o, "name", row != NULL ? json_string(row->name) : json_null());
	json_set(o, "version", json_integer(s->head.version));
	json_set(o, "length", json_number(s->head.length));
	json_set(
	    o, "required", json_boolean((s->head.flags & STATE_REQUIRED) != 0));
	return o;
}

static json_t *
json_nic(const struct state_nic *nic)
{
	json_t *o = json_object();
	char mac[MAC_TEXT];

	json_set(o, "type", json_string(nic_type(nic)));
	json_set(o, "lladdr", json_string(mac_text(nic->mac, mac)));
	json_set(o, "fixed", json_boolean((nic->flags & STATE_NIC_FIXED) != 0));
	json_set(o, "name", json_string(plain(nic->ifname)));
	return o;
}

static json_t *
json_file(const struct state_file *f)
{
	json_t *o = json_object();

	json_set(o, "kind", json_string(state_file_name(f->kind)));
	json_set(o, "index", json_integer(f->index));
	json_set(o, "path", json_string(plain(f->path)));
	json_set(o, "size", json_number(f->size));
	json_set(o, "generation", json_number(f->generation));
	json_set(
	    o, "readonly", json_boolean((f->flags & STATE_FILE_READONLY) != 0));
	return o;
}

static json_t *
json_config(const struct state_config *c)
{
	json_t *o = json_object(), *nics = json_array(), *files = json_array();

	for (uint32_t i = 0; i < c->nics; i++)
		json_array_append_new(nics, json_nic(&c->nic[i]));
	for (uint32_t i = 0; i < c->files; i++)
		json_array_append_new(files, json_file(&c->file[i]));
	json_set(o, "name", json_string(plain(c->name)));
	json_set(o, "memory", json_number(c->memory));
	json_set(o, "cpus", json_integer(c->cpus));
	json_set(o, "gdb", json_boolean((c->flags & STATE_CONFIG_GDB) != 0));
	json_set(o, "cmdline", json_string(plain(c->cmdline)));
	json_set(o, "interfaces", nics);
	json_set(o, "files", files);
	return o;
}

static json_t *
json_memory(const struct state_memory *m)
{
	json_t *o = json_object();

	json_set(o, "address", json_number(m->gpa));
	json_set(o, "range", json_number((uint64_t)m->pages * STATE_PAGE));
	json_set(o, "pages", json_integer(m->data_pages));
	json_set(o, "zero", json_integer(m->zero_pages));
	json_set(o, "packed", json_boolean(m->packing != STATE_RAW));
	return o;
}

/* Takes o. */
static void
json_section(const struct stateout *out, json_t *o)
{
	fputs(out->sections > 1 ? ",\n  " : "\n  ", stdout);
	json_dumpf(o, stdout, 0);
	json_decref(o);
}

/* -------------------------------------------------------------------------- */

void
stateout_begin(struct stateout *out)
{
	if (out->json)
		fputs("{\"sections\": [", stdout);
	else
		printf(
		    COLUMNS, "OFFSET", "NUMBER", "TYPE", "VER", "LENGTH", "");
}

void
stateout_config(struct stateout *out, const struct state_section *s,
    const struct state_config *c)
{
	json_t *o;

	out->sections++;
	if (out->json) {
		o = json_head(s);
		json_set(o, "config", json_config(c));
		json_section(out, o);
		return;
	}
	table_head(s, state_name(s->head.type));
	table_config(c);
}

void
stateout_memory(struct stateout *out, const struct state_section *s,
    const struct state_memory *m)
{
	json_t *o;

	out->sections++;
	out->pages += m->data_pages;
	if (out->json) {
		o = json_head(s);
		json_set(o, "memory", json_memory(m));
		json_section(out, o);
		return;
	}
	table_head(s, state_name(s->head.type));
	table_memory(m);
}

void
stateout_other(struct stateout *out, const struct state_section *s)
{
	bool known = s->payload != NULL;
	json_t *o, *what;

	out->sections++;
	if (out->json) {
		o = json_head(s);
		what = known ? statewhat_json(s) : NULL;
		if (what != NULL)
			json_set(o, "says", what);
		json_section(out, o);
		return;
	}
	table_head(s, known ? state_name(s->head.type) : "?");
	if (known)
		statewhat_print(s, INDENT);
	else
		printf("unknown, of type %u; not required\n", s->head.type);
}

void
stateout_end(struct stateout *out, uint64_t bytes, const char *error)
{
	json_t *o;

	if (!out->json) {
		printf("%" PRIu64 " section%s, %" PRIu64 " bytes, %" PRIu64
		       " pages of memory%s\n",
		    out->sections, out->sections == 1 ? "" : "s", bytes,
		    out->pages, error != NULL ? "; damaged" : "");
		return;
	}
	o = error != NULL ? json_string(plain(error)) : json_null();
	printf("\n],\n\"bytes\": %" PRIu64 ", \"pages\": %" PRIu64
	       ", \"error\": ",
	    bytes, out->pages);
	json_dumpf(o, stdout, JSON_ENCODE_ANY);
	puts("}");
	json_decref(o);
}
