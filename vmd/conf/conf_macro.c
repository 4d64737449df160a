/* SPDX-License-Identifier: ISC */
/*
 * The macros of vm.conf: "name = value" and -D name=value, which wins.  Values
 * are text; what a use of one means is found by reading that text.
 */
#include "conf/conf_parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static struct conf_macro *
conf_macro_find(struct conf_parser *p, const char *name)
{
	struct conf_macro *macro;

	TAILQ_FOREACH(macro, &p->macros, entry)
		if (strcmp(macro->name, name) == 0)
			return macro;
	return NULL;
}

void
conf_macro_set(
    struct conf_parser *p, const char *name, char *value, const char *file)
{
	struct conf_macro *macro = conf_macro_find(p, name);

	if (macro != NULL && macro->file == NULL && file != NULL) {
		free(value);
		return;
	}
	if (macro == NULL) {
		if (p->nmacros == CONF_MACROS_MAX) {
			conf_error(p, "too many macros");
			free(value);
			return;
		}
		p->nmacros++;
		macro = conf_xalloc(sizeof(*macro));
		macro->name = conf_xstrdup(name);
		TAILQ_INSERT_TAIL(&p->macros, macro, entry);
	}
	free(macro->value);
	free(macro->file);
	macro->value = value;
	macro->file = file != NULL ? conf_xstrdup(file) : NULL;
	macro->line = p->line;
}

/* A name that "$" could find again. */
static bool
conf_macro_name_ok(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return len > 0;
}

void
conf_macro_define(struct conf_parser *p, char *name, char *value)
{
	if (conf_macro_name_ok(name, strlen(name)))
		conf_macro_set(p, name, value, conf_source_file(p)->name);
	else {
		conf_error(p,
		    "macro name '%s' may hold letters, digits and '_' only",
		    name);
		free(value);
	}
	free(name);
}

void
conf_macro_defs(struct conf_parser *p)
{
	const char *const *def, *equals;
	char *name;

	for (def = p->in->defs; def != NULL && *def != NULL; def++) {
		equals = strchr(*def, '=');
		if (equals == NULL || strlen(equals) > CONF_TOKEN_MAX ||
		    !conf_macro_name_ok(*def, (size_t)(equals - *def))) {
			conf_report(p, CONF_ERROR, NULL, 0,
			    "-D %s: not of the form name=value", *def);
			continue;
		}
		name = conf_xalloc((size_t)(equals - *def) + 1);
		memcpy(name, *def, (size_t)(equals - *def));
		conf_macro_set(p, name, conf_xstrdup(equals + 1), NULL);
		free(name);
	}
}

const char *
conf_macro_use(struct conf_parser *p, const char *name)
{
	struct conf_macro *macro = conf_macro_find(p, name);

	if (macro == NULL)
		return NULL;
	macro->used = true;
	return macro->value;
}

void
conf_macro_report_unused(struct conf_parser *p)
{
	struct conf_macro *macro;

	TAILQ_FOREACH(macro, &p->macros, entry)
		if (!macro->used)
			conf_report(p, CONF_WARNING, macro->file, macro->line,
			    "macro '%s' not used", macro->name);
}

void
conf_macro_free(struct conf_parser *p)
{
	struct conf_macro *macro;

	while ((macro = TAILQ_FIRST(&p->macros)) != NULL) {
		TAILQ_REMOVE(&p->macros, macro, entry);
		free(macro->name);
		free(macro->value);
		free(macro->file);
		free(macro);
	}
}
