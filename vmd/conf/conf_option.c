/* SPDX-License-Identifier: ISC */
/*
 * The options of a VM that are one word and one value: a row each.  Limits,
 * default, storage and the words of error messages come from the row, and a
 * test compares the rows with vm.conf(5).
 */
#include "conf/conf_parser.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "scan_scaled.h"

#define MEGABYTE ((uint64_t)1 << 20)

static const struct conf_option options[] = {
	{
	    .name = "boot",
	    .type = OPTION_FILE,
	    .max = PATH_MAX - 1,
	    .offset = offsetof(struct conf_vm, boot),
	    .help = "kernel or firmware image",
	},
	{
	    .name = "cmdline",
	    .type = OPTION_TEXT,
	    .max = VMD_CMDLINE_MAX,
	    .offset = offsetof(struct conf_vm, cmdline),
	    .help = "arguments of the kernel",
	},
	{
	    .name = "cpus",
	    .type = OPTION_NUMBER,
	    .min = 1,
	    .max = VMD_CPUS_MAX,
	    .def = 1,
	    .offset = offsetof(struct conf_vm, cpus),
	    .help = "number of virtual CPUs",
	},
	{
	    .name = "initrd",
	    .type = OPTION_FILE,
	    .max = PATH_MAX - 1,
	    .offset = offsetof(struct conf_vm, initrd),
	    .help = "initial RAM disk or boot module of the kernel",
	},
	{
	    .name = "interfaces",
	    .type = OPTION_NUMBER,
	    .max = VMD_NICS_MAX,
	    .offset = offsetof(struct conf_vm, interfaces),
	    .too_large = "too many interfaces",
	    .help = "number of network interfaces",
	},
	{
	    .name = "memory",
	    .type = OPTION_SIZE,
	    .min = VMD_MEMORY_MIN,
	    .max = VMD_MEMORY_MAX,
	    .def = VMD_MEMORY_DEFAULT,
	    .offset = offsetof(struct conf_vm, memory),
	    .help = "guest memory",
	},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))
_Static_assert(OPTIONS <= 32, "conf_vm.seen has a bit for each");

const struct conf_option *
conf_option_row(size_t n)
{
	return n < OPTIONS ? &options[n] : NULL;
}

const struct conf_option *
conf_option_find(const char *name)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

static void *
conf_option_field(struct conf_vm *vm, const struct conf_option *option)
{
	return (char *)vm + option->offset;
}

void
conf_option_defaults(struct conf_vm *vm)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++) {
		if (options[i].type == OPTION_SIZE)
			*(uint64_t *)conf_option_field(vm, &options[i]) =
			    options[i].def;
		if (options[i].type == OPTION_NUMBER)
			*(uint32_t *)conf_option_field(vm, &options[i]) =
			    (uint32_t)options[i].def;
	}
}

/* --- one function per type ------------------------------------------- */

static void
conf_set_number(
    struct conf_parser *p, const struct conf_option *option, const char *value)
{
	unsigned long number = ULONG_MAX;
	char *end = NULL;

	errno = 0;
	if (isdigit((unsigned char)value[0]))
		number = strtoul(value, &end, 10);
	if (end == NULL || *end != '\0')
		conf_error(p, "%s: '%s' is not a number", option->name, value);
	else if (errno == 0 && number >= option->min && number <= option->max)
		*(uint32_t *)conf_option_field(p->vm, option) =
		    (uint32_t)number;
	else if (option->too_large != NULL)
		conf_error(p, "%s: %s", option->too_large, value);
	else
		conf_error(p, "%s must be %" PRIu64 " to %" PRIu64,
		    option->name, option->min, option->max);
}

static void
conf_set_size(
    struct conf_parser *p, const struct conf_option *option, const char *value)
{
	long long bytes = 0;
	int error = scan_scaled(value, &bytes) == -1 ? errno : 0;
	uint64_t size = (uint64_t)bytes;

	if (error == EINVAL) {
		conf_error(
		    p, "failed to parse %s size: %s", option->name, value);
		return;
	}
	if (error == 0 && bytes < (long long)option->min) {
		conf_error(p, "%s size must be at least %" PRIu64 "M",
		    option->name, option->min / MEGABYTE);
		return;
	}
	if (error != 0 || size > option->max) {
		conf_error(p, "%s size must be at most %" PRIu64 "G",
		    option->name, option->max >> 30);
		return;
	}
	if (size % MEGABYTE != 0) {
		size -= size % MEGABYTE;
		conf_report(p, CONF_NOTE, conf_source_file(p)->name, p->line,
		    "%s size rounded to %" PRIu64 "M", option->name,
		    size / MEGABYTE);
	}
	*(uint64_t *)conf_option_field(p->vm, option) = size;
}

static void
conf_set_file(
    struct conf_parser *p, const struct conf_option *option, const char *value)
{
	*(char **)conf_option_field(p->vm, option) =
	    conf_check_path(p, option->name, value, false);
}

static void
conf_set_text(
    struct conf_parser *p, const struct conf_option *option, const char *value)
{
	size_t i, len = strlen(value);

	if (len > option->max) {
		conf_error(p, "%s too long", option->name);
		return;
	}
	for (i = 0; i < len; i++)
		if (iscntrl((unsigned char)value[i])) {
			conf_error(p, "control character in %s", option->name);
			return;
		}
	*(char **)conf_option_field(p->vm, option) = conf_xstrdup(value);
}

void
conf_option_set(
    struct conf_parser *p, const struct conf_option *option, char *value)
{
	static void (*const set[])(
	    struct conf_parser *, const struct conf_option *, const char *) = {
		[OPTION_SIZE] = conf_set_size,
		[OPTION_NUMBER] = conf_set_number,
		[OPTION_FILE] = conf_set_file,
		[OPTION_TEXT] = conf_set_text,
	};
	uint32_t bit = 1U << (option - options);

	if (p->vm->seen & bit)
		conf_error(p, "%s specified more than once", option->name);
	else
		set[option->type](p, option, value);
	p->vm->seen |= bit;
	free(value);
}
