/* SPDX-License-Identifier: ISC */
/*
 * What the lexer, the grammar and the checks of vm.conf share during one run.
 * Private to vmd/conf.  Everything of a run hangs below struct conf_parser, so
 * that it can be freed wherever the run ended.
 */
#ifndef CONF_PARSER_H
#define CONF_PARSER_H

#include "conf/conf.h"

#define CONF_FILE_MAX (1 << 20) /* bytes of one file */
#define CONF_TOKEN_MAX 8096 /* bytes of one word or string */
#define CONF_NESTING_MAX 16 /* files within files */
#define CONF_FILES_MAX 1024 /* files in all */
#define CONF_MACROS_MAX 1024
#define CONF_EXPANSION_MAX (16 << 20) /* bytes that all macros expand to */
#define CONF_ERRORS_MAX 100 /* then the run ends */

/* --- a row for each option that is one word and one value ------------ */

enum conf_option_type {
	OPTION_SIZE, /* uint64_t bytes, K M G T, whole megabytes */
	OPTION_NUMBER, /* uint32_t */
	OPTION_FILE, /* char *, absolute path of a regular file */
	OPTION_TEXT, /* char * */
};

struct conf_option {
	const char *name;
	enum conf_option_type type;
	uint64_t min;
	uint64_t max; /* of the value, or of its length */
	uint64_t def;
	size_t offset; /* in struct conf_vm */
	const char *too_large; /* instead of the message made from min, max */
	const char *help;
};

/* --- where text comes from ------------------------------------------- */

struct conf_source {
	char *name; /* of the file, NULL: the value of a macro */
	const char *text;
	char *owned; /* text, where it is to be freed */
	size_t len;
	size_t pos;
	int line;
	int depth; /* braces open where it begins */
	bool unclosed; /* ended in a block, which was reported */
};

struct conf_macro {
	TAILQ_ENTRY(conf_macro) entry;
	char *name;
	char *value;
	char *file; /* NULL: from the command line, which wins */
	int line;
	bool used;
};

struct conf_parser {
	const struct conf_input *in;
	struct conf *conf;
	struct conf_vm *vm; /* being read, owned */
	struct conf_nic nic; /* being read */
	unsigned int vm_errors; /* errors before vm began */
	TAILQ_HEAD(conf_macros, conf_macro) macros;
	uint32_t nmacros;

	/* The deepest is read.  A macro's value never holds another. */
	struct conf_source sources[CONF_NESTING_MAX + 1];
	int nsources;
	int nfiles;
	size_t expanded;

	int last; /* token given last */
	char *text; /* of that token, while the grammar has not seen it */
	int pending; /* token to give next, or -1 */
	int depth; /* open braces */
	int line; /* of the last token */
	const char *word; /* of the last keyword or unsupported word */
	bool lex_failed; /* the reason of a bad token is reported */
	unsigned int errors;
};

/* conf.c */
void conf_error(struct conf_parser *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void conf_report(struct conf_parser *, enum conf_severity, const char *file,
    int line, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Cannot fail: end the process when there is no memory for a few bytes. */
void *conf_xalloc(size_t);
char *conf_xstrdup(const char *);
void conf_vm_free(struct conf_vm *);

/* conf_source.c: the stack of files and macro values */
/* Opens a file below the one being read; relative to that one's folder. */
int conf_source_include(struct conf_parser *, const char *path);
int conf_source_open(struct conf_parser *, const char *path, bool must_exist);
/* Reads text under that name; takes owned (or NULL), borrows text. */
void conf_source_push(struct conf_parser *, const char *name, const char *text,
    char *owned, size_t len);
void conf_source_pop(struct conf_parser *);
/* Next character; an ended macro value is left behind; -1 = end of file. */
int conf_source_getc(struct conf_parser *);
void conf_source_ungetc(struct conf_parser *, int c);
/* The file being read, borrowed, and its line. */
struct conf_source *conf_source_file(struct conf_parser *);
/* path as seen from the folder of the file being read; made absolute; both
 * owned. */
char *conf_source_join(struct conf_parser *, const char *path);
char *conf_source_path(struct conf_parser *, const char *path);

/* conf_macro.c */
/* Takes value.  file NULL: from the command line. */
void conf_macro_set(
    struct conf_parser *, const char *name, char *value, const char *file);
void conf_macro_define(struct conf_parser *, char *name, char *value);
void conf_macro_defs(struct conf_parser *);
const char *conf_macro_use(struct conf_parser *, const char *name);
void conf_macro_report_unused(struct conf_parser *);
void conf_macro_free(struct conf_parser *);

/* conf_lex.c */
/* After an error: drops tokens up to the end of the statement that is depth
 * braces deep, which is given next.  False at the end of all text. */
bool conf_lex_skip(struct conf_parser *, int depth);
/* Takes both; returns them as one, owned. */
char *conf_lex_join(struct conf_parser *, char *, char *);

/* conf_option.c: each takes its string */
const struct conf_option *conf_option_find(const char *name);
void conf_option_set(
    struct conf_parser *, const struct conf_option *, char *value);
void conf_option_defaults(struct conf_vm *);

/* conf_vm.c: what the grammar finds about one VM; each takes its strings */
void conf_vm_begin(struct conf_parser *, char *name);
void conf_vm_end(struct conf_parser *);
void conf_vm_disk(struct conf_parser *, char *path, char *format);
/* "crash WORD dir"; max may be NULL. */
void conf_vm_allow(struct conf_parser *, char *word);
void conf_vm_crash(struct conf_parser *, char *word, char *dir, char *max);
/* "WORD number": returns number, owned, NULL after an error. */
char *conf_vm_crash_max(struct conf_parser *, char *word, char *number);
void conf_vm_nic_begin(struct conf_parser *, char *type);
void conf_vm_nic_lladdr(struct conf_parser *, char *lladdr);
void conf_vm_nic_end(struct conf_parser *);
void conf_vm_debug(struct conf_parser *, uint32_t flags);

/* conf_check.c: facts about names, files and users; errors are reported */
bool conf_check_vm_name(struct conf_parser *, const char *name);
/* Returns path as an owned absolute path, or NULL.  word names the option. */
char *conf_check_path(struct conf_parser *, const char *word, const char *path,
    bool block_device);
/* The same for a folder that is there. */
char *conf_check_folder(
    struct conf_parser *, const char *word, const char *path);
bool conf_check_format(struct conf_parser *, const struct conf_disk *);
/* "user", "user:group" or ":group"; takes text. */
void conf_check_owner(struct conf_parser *, struct conf_owner *, char *text);
/* What can only be said of the whole VM. */
bool conf_check_vm(struct conf_parser *, struct conf_vm *);

#endif /* CONF_PARSER_H */
