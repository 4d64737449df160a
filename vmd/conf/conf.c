/* SPDX-License-Identifier: ISC */
/*
 * The tree of vm.conf: its life, and a run of the parser over one file.  Runs
 * in the parent and in vmd -n.  Owns all memory of a run; a run that failed
 * leaves nothing.
 */
#include "conf/conf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_parser.h"
#include "ipc/log.h"
#include "parse.h"

/* --- memory ---------------------------------------------------------- */

void *
conf_xalloc(size_t len)
{
	void *mem = calloc(1, len);

	if (mem == NULL)
		fatal("conf", "no memory for vm.conf");
	return mem;
}

char *
conf_xstrdup(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(conf_xalloc(len), text, len);
}

void
conf_vm_free(struct conf_vm *vm)
{
	size_t i;

	if (vm == NULL)
		return;
	for (i = 0; i < vm->ndisks; i++)
		free(vm->disks[i].path);
	free(vm->boot);
	free(vm->initrd);
	free(vm->cmdline);
	free(vm->crash_dir);
	free(vm->file);
	free(vm);
}

static struct conf *
conf_new(void)
{
	struct conf *conf = conf_xalloc(sizeof(*conf));

	TAILQ_INIT(&conf->vms);
	conf->socket_owner = (struct conf_owner) { CONF_OWNER_SELF, -1 };
	return conf;
}

void
conf_free(struct conf *conf)
{
	struct conf_vm *vm;

	if (conf == NULL)
		return;
	while ((vm = TAILQ_FIRST(&conf->vms)) != NULL) {
		TAILQ_REMOVE(&conf->vms, vm, entry);
		conf_vm_free(vm);
	}
	free(conf);
}

struct conf_vm *
conf_find(const struct conf *conf, const char *name)
{
	struct conf_vm *vm;

	TAILQ_FOREACH(vm, &conf->vms, entry)
		if (strcmp(vm->name, name) == 0)
			return vm;
	return NULL;
}

/* --- messages -------------------------------------------------------- */

static void __attribute__((format(printf, 5, 0)))
conf_vreport(struct conf_parser *p, enum conf_severity severity,
    const char *file, int line, const char *fmt, va_list ap)
{
	char text[LOG_LINE_MAX], out[LOG_LINE_MAX];
	int n = 0;

	if (severity == CONF_ERROR && p->errors++ >= CONF_ERRORS_MAX)
		return;
	if (file != NULL)
		n = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	/* A file name this long leaves no room to say what is wrong. */
	if (n < 0 || n > (int)sizeof(text) / 2)
		n = 0;
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	log_escape(out, sizeof(out), text, strlen(text));
	if (p->in->report != NULL)
		p->in->report(severity, out, p->in->arg);
	if (severity == CONF_ERROR && p->errors == CONF_ERRORS_MAX &&
	    p->in->report != NULL)
		p->in->report(severity, "too many errors", p->in->arg);
}

void
conf_report(struct conf_parser *p, enum conf_severity severity,
    const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	conf_vreport(p, severity, file, line, fmt, ap);
	va_end(ap);
}

void
conf_error(struct conf_parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	conf_vreport(p, CONF_ERROR,
	    p->nsources > 0 ? conf_source_file(p)->name : NULL, p->line, fmt,
	    ap);
	va_end(ap);
}

/* --- a run ----------------------------------------------------------- */

static void
conf_parser_init(struct conf_parser *p, const struct conf_input *in)
{
	memset(p, 0, sizeof(*p));
	p->in = in;
	p->conf = conf_new();
	p->last = '\n';
	p->pending = -1;
	TAILQ_INIT(&p->macros);
	conf_macro_defs(p);
}

/* Returns the tree, or NULL when there was an error. */
static struct conf *
conf_parser_end(struct conf_parser *p)
{
	struct conf *conf = p->conf;

	if (p->errors == 0)
		conf_macro_report_unused(p);
	while (p->nsources > 0)
		conf_source_pop(p);
	conf_macro_free(p);
	conf_vm_free(p->vm);
	if (p->errors > 0) {
		conf_free(conf);
		conf = NULL;
	}
	return conf;
}

static void
conf_run(struct conf_parser *p)
{
	if (conf_yyparse(p) != 0 && p->errors == 0)
		conf_error(p, "syntax error");
}

struct conf *
conf_parse(const struct conf_input *in)
{
	struct conf_parser p;

	conf_parser_init(&p, in);
	if (conf_source_open(&p, in->path, in->flags & CONF_MUST_EXIST) == 0)
		conf_run(&p);
	return conf_parser_end(&p);
}

struct conf *
conf_parse_buffer(const struct conf_input *in, const char *text, size_t len)
{
	struct conf_parser p;

	conf_parser_init(&p, in);
	conf_source_push(&p, in->path, text, NULL, len);
	conf_run(&p);
	return conf_parser_end(&p);
}
