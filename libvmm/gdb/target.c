/* SPDX-License-Identifier: ISC */
/*
 * The target description (gdb manual, G), made of the table of registers; see
 * target.h.  Always amd64's: gdb cannot change the architecture of a running
 * target, and a guest passes through 16-bit and 32-bit code on its way.
 */
#include "target.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "registers.h"

#define TARGET_MAX 16384

/* One flag of a register that is shown by names. */
struct target_flag {
	const char *name;
	unsigned int bit;
};

static const struct target_flag eflags[] = { { "CF", 0 }, { "", 1 },
	{ "PF", 2 }, { "AF", 4 }, { "ZF", 6 }, { "SF", 7 }, { "TF", 8 },
	{ "IF", 9 }, { "DF", 10 }, { "OF", 11 }, { "NT", 14 }, { "RF", 16 },
	{ "VM", 17 }, { "AC", 18 }, { "VIF", 19 }, { "VIP", 20 }, { "ID", 21 },
	{ NULL, 0 } };
static const struct target_flag mxcsr[] = { { "IE", 0 }, { "DE", 1 },
	{ "ZE", 2 }, { "OE", 3 }, { "UE", 4 }, { "PE", 5 }, { "DAZ", 6 },
	{ "IM", 7 }, { "DM", 8 }, { "ZM", 9 }, { "OM", 10 }, { "UM", 11 },
	{ "PM", 12 }, { "FZ", 15 }, { NULL, 0 } };
static const struct target_flag cr0[] = { { "PE", 0 }, { "MP", 1 }, { "EM", 2 },
	{ "TS", 3 }, { "ET", 4 }, { "NE", 5 }, { "WP", 16 }, { "AM", 18 },
	{ "NW", 29 }, { "CD", 30 }, { "PG", 31 }, { NULL, 0 } };
static const struct target_flag cr4[] = { { "VME", 0 }, { "PVI", 1 },
	{ "TSD", 2 }, { "DE", 3 }, { "PSE", 4 }, { "PAE", 5 }, { "MCE", 6 },
	{ "PGE", 7 }, { "PCE", 8 }, { "OSFXSR", 9 }, { "OSXMMEXCPT", 10 },
	{ "UMIP", 11 }, { "LA57", 12 }, { "VMXE", 13 }, { "SMXE", 14 },
	{ "FSGSBASE", 16 }, { "PCIDE", 17 }, { "OSXSAVE", 18 }, { "SMEP", 20 },
	{ "SMAP", 21 }, { "PKE", 22 }, { NULL, 0 } };
static const struct target_flag efer[] = { { "SCE", 0 }, { "LME", 8 },
	{ "LMA", 10 }, { "NXE", 11 }, { "SVME", 12 }, { "FFXSR", 14 },
	{ NULL, 0 } };

/* The types that a feature declares. */
static const struct target_flags {
	enum registers_feature feature;
	const char *name;
	unsigned int size;
	const struct target_flag *flags;
} target_flags[] = {
	{ FEATURE_CORE, "eflags", 4, eflags },
	{ FEATURE_SSE, "mxcsr", 4, mxcsr },
	{ FEATURE_SYSTEM, "cr0", 8, cr0 },
	{ FEATURE_SYSTEM, "cr4", 8, cr4 },
	{ FEATURE_SYSTEM, "efer", 8, efer },
};

static const char vector_types[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
    "<union id=\"vec128\">"
    "<field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/>"
    "<field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/>"
    "<field name=\"v4_int32\" type=\"v4i32\"/>"
    "<field name=\"v2_int64\" type=\"v2i64\"/>"
    "<field name=\"uint128\" type=\"uint128\"/>"
    "</union>\n";

/* Ours is one that gdb need not know: it shows what is there. */
static const struct target_feature {
	const char *name;
	const char *types; /* declared beside those of target_flags */
	const char *group; /* of "info registers"; "": gdb knows */
} target_features[FEATURE_COUNT] = {
	[FEATURE_CORE] = { "org.gnu.gdb.i386.core", "", "" },
	[FEATURE_SSE] = { "org.gnu.gdb.i386.sse", vector_types, "" },
	[FEATURE_SEGMENTS] = { "org.gnu.gdb.i386.segments", "", "" },
	[FEATURE_SYSTEM] = { "vmm.i386.system", "", " group=\"system\"" },
};

/* Text of bounded size. */
struct target_text {
	char *buf;
	size_t len;
	bool overflow;
};

static void __attribute__((format(printf, 2, 3)))
target_printf(struct target_text *t, const char *fmt, ...)
{
	size_t room = TARGET_MAX - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		t->overflow = true;
	else
		t->len += (size_t)n;
}

static void
target_flags_type(struct target_text *t, const struct target_flags *type)
{
	const struct target_flag *f;

	target_printf(
	    t, "<flags id=\"%s\" size=\"%u\">", type->name, type->size);
	for (f = type->flags; f->name != NULL; f++)
		target_printf(t, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>",
		    f->name, f->bit, f->bit);
	target_printf(t, "</flags>\n");
}

static void
target_feature(struct target_text *t, enum registers_feature feature)
{
	const struct target_feature *f = &target_features[feature];
	size_t i;

	target_printf(t, "<feature name=\"%s\">\n%s", f->name, f->types);
	for (i = 0; i < sizeof(target_flags) / sizeof(target_flags[0]); i++)
		if (target_flags[i].feature == feature)
			target_flags_type(t, &target_flags[i]);
	for (i = 0; i < registers_count; i++) {
		const struct registers_row *row = &registers_rows[i];

		if (row->feature == feature)
			target_printf(t,
			    "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\""
			    " regnum=\"%zu\"%s/>\n",
			    row->name, row->bits, row->type, i, f->group);
	}
	target_printf(t, "</feature>\n");
}

char *
target_describe(size_t *len)
{
	struct target_text t = { malloc(TARGET_MAX), 0, false };
	unsigned int i;

	if (t.buf == NULL)
		return NULL;
	target_printf(&t,
	    "<?xml version=\"1.0\"?>\n"
	    "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
	    "<target version=\"1.0\">\n"
	    "<architecture>i386:x86-64</architecture>\n"
	    "<osabi>none</osabi>\n");
	for (i = 0; i < FEATURE_COUNT; i++)
		target_feature(&t, i);
	target_printf(&t, "</target>\n");
	if (t.overflow) {
		free(t.buf);
		errno = ENOBUFS;
		return NULL;
	}
	*len = t.len;
	return t.buf;
}
