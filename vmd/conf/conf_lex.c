/* SPDX-License-Identifier: ISC */
/*
 * Characters of vm.conf to tokens: words, strings in quotes, macros, comments.
 * Words are told from keywords by two tables, the one below and the options of
 * conf_option.c.  Every token is at most CONF_TOKEN_MAX bytes.
 */
#include "conf/conf_parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

static const struct {
	const char *word;
	int token;
} keywords[] = {
	{ "allow", T_ALLOW },
	{ "boot", T_BOOT },
	{ "crash", T_CRASH },
	{ "debug", T_DEBUG },
	{ "device", T_DEVICE },
	{ "disable", T_DISABLE },
	{ "disk", T_DISK },
	{ "down", T_DOWN },
	{ "enable", T_ENABLE },
	{ "format", T_FORMAT },
	{ "gdb", T_GDB },
	{ "include", T_INCLUDE },
	{ "interface", T_INTERFACE },
	{ "lladdr", T_LLADDR },
	{ "owner", T_OWNER },
	{ "socket", T_SOCKET },
	{ "stop", T_STOP },
	{ "up", T_UP },
	{ "vm", T_VM },
};

/* Words of OpenBSD's vm.conf that mean nothing here yet: reserved. */
static const char *const unsupported[] = { "add", "agentx", "cdrom", "context",
	"delay", "group", "id", "inet6", "instance", "local", "locked", "net",
	"parallel", "path", "prefix", "rdomain", "sev", "seves", "size",
	"staggered", "start", "switch" };

#define NITEMS(a) (sizeof(a) / sizeof((a)[0]))

const char *
conf_keyword(size_t n)
{
	const struct conf_option *option;

	if (n < NITEMS(keywords))
		return keywords[n].word;
	option = conf_option_row(n - NITEMS(keywords));
	return option == NULL ? NULL : option->name;
}

static int
conf_lex_classify(struct conf_parser *p, CONF_YYSTYPE *lval, const char *word)
{
	size_t i;

	for (i = 0; i < NITEMS(keywords); i++)
		if (strcmp(keywords[i].word, word) == 0)
			return keywords[i].token;
	if ((lval->option = conf_option_find(word)) != NULL)
		return T_SCALAR;
	for (i = 0; i < NITEMS(unsupported); i++)
		if (strcmp(unsupported[i], word) == 0) {
			p->word = unsupported[i];
			return T_UNSUPPORTED;
		}
	lval->text = conf_xstrdup(word);
	return T_STRING;
}

static bool
conf_lex_is_word(int c)
{
	return c > ' ' && c < 0x7f && strchr("(){}<>!=#,$\"'", c) == NULL;
}

/* --- tokens ---------------------------------------------------------- */

static int
conf_lex_bad(struct conf_parser *p, const char *why)
{
	conf_error(p, "%s", why);
	p->lex_failed = true;
	return T_BAD;
}

/* Behind a "$": puts the macro's value in front of what follows. */
static int
conf_lex_expand(struct conf_parser *p)
{
	char name[CONF_TOKEN_MAX + 1];
	const char *value;
	char *copy;
	size_t n = 0;
	int c;

	/* A value is final: "$" in it is no macro, so none can recur. */
	if (p->sources[p->nsources - 1].name == NULL)
		return conf_lex_bad(p, "'$' in the value of a macro");
	while ((c = conf_source_getc(p)) != -1 && (isalnum(c) || c == '_') &&
	    n < CONF_TOKEN_MAX)
		name[n++] = (char)c;
	conf_source_ungetc(p, c);
	name[n] = '\0';
	if (n == 0)
		return conf_lex_bad(p, "'$' without the name of a macro");
	if ((value = conf_macro_use(p, name)) == NULL) {
		conf_error(p, "macro '%s' not defined", name);
		p->lex_failed = true;
		return T_BAD;
	}
	p->expanded += strlen(value);
	if (p->expanded > CONF_EXPANSION_MAX)
		return conf_lex_bad(p, "macros expand to too much");
	/* A copy: the value may define the macro anew while it is read. */
	copy = conf_xstrdup(value);
	conf_source_push(p, NULL, copy, copy, strlen(copy));
	return 0;
}

static int
conf_lex_word(struct conf_parser *p, CONF_YYSTYPE *lval, int c)
{
	char word[CONF_TOKEN_MAX + 1];
	size_t n = 0;
	bool plain = true;

	for (; conf_lex_is_word(c) || c == '$'; c = conf_source_getc(p)) {
		if (c == '$') {
			if (conf_lex_expand(p) != 0)
				return T_BAD;
			plain = n > 0 ? false : plain;
		} else if (n == CONF_TOKEN_MAX)
			return conf_lex_bad(p, "string too long");
		else
			word[n++] = (char)c;
	}
	conf_source_ungetc(p, c);
	word[n] = '\0';
	if (plain)
		return conf_lex_classify(p, lval, word);
	lval->text = conf_xstrdup(word);
	return T_STRING;
}

/* A backslash is itself, but in front of the quote, a blank, a newline or
 * another backslash (in OpenBSD two are two, and none can be the last). */
static int
conf_lex_quoted(struct conf_parser *p, CONF_YYSTYPE *lval, int quote)
{
	char text[CONF_TOKEN_MAX + 1];
	size_t n = 0;
	int c;

	while ((c = conf_source_getc(p)) != quote) {
		if (c == '\\') {
			c = conf_source_getc(p);
			if (c != quote && c != ' ' && c != '\t' && c != '\\') {
				conf_source_ungetc(p, c);
				c = '\\';
			}
		}
		if (c == -1)
			return conf_lex_bad(p,
			    "reached end of file while parsing quoted string");
		if (c == '\0')
			return conf_lex_bad(p, "NUL in quoted string");
		if (c == '\n')
			continue;
		if (n == CONF_TOKEN_MAX)
			return conf_lex_bad(p, "string too long");
		text[n++] = (char)c;
	}
	text[n] = '\0';
	lval->text = conf_xstrdup(text);
	return T_QUOTED;
}

/* The end of a file ends a statement, closes its blocks, and then the file. */
static int
conf_lex_eof(struct conf_parser *p)
{
	struct conf_source *src = conf_source_file(p);

	if (p->last != '\n' && p->last != 0)
		return '\n';
	if (p->depth > src->depth) {
		if (!src->unclosed)
			conf_error(p, "missing '}' at the end of the file");
		src->unclosed = true;
		return '}';
	}
	if (p->nsources == 1)
		return 0;
	conf_source_pop(p);
	return -1;
}

static int
conf_lex_token(struct conf_parser *p, CONF_YYSTYPE *lval)
{
	int c, token;

	do {
		do {
			c = conf_source_getc(p);
		} while (c == ' ' || c == '\t' || c == '\r');
		if (c == '#')
			while ((c = conf_source_getc(p)) != '\n' && c != -1)
				continue;
		p->line = conf_source_file(p)->line;
		if (c == '\n' && p->sources[p->nsources - 1].name != NULL)
			p->line--;
		token = c == -1 ? conf_lex_eof(p) : c;
		if (c == '$' && (token = conf_lex_expand(p)) == 0)
			token = -1;
	} while (token == -1);

	if (c == '"' || c == '\'')
		return conf_lex_quoted(p, lval, c);
	if (token == c && conf_lex_is_word(c))
		return conf_lex_word(p, lval, c);
	if (token == c && c != '\n' && !isprint(c))
		return conf_lex_bad(p, "character that is not printable");
	return token;
}

int
conf_yylex(CONF_YYSTYPE *lval, struct conf_parser *p)
{
	int token = p->pending;

	p->pending = -1;
	if (token == -1) {
		token = 0;
		if (p->errors < CONF_ERRORS_MAX)
			token = conf_lex_token(p, lval);
		p->depth += (token == '{') - (token == '}');
	}
	p->last = token;
	p->text = NULL;
	if (token == T_STRING || token == T_QUOTED)
		p->text = lval->text;
	return token;
}

bool
conf_lex_skip(struct conf_parser *p, int depth)
{
	CONF_YYSTYPE lval;
	int token = p->last;

	/* The token that was in the way: the grammar forgets it. */
	free(p->text);
	/* A brace too many belongs to nothing. */
	if (p->depth < 0)
		p->depth = 0;
	while (token != 0 && (token != '\n' || p->depth > depth) &&
	    (token != '}' || p->depth >= depth)) {
		token = conf_yylex(&lval, p);
		free(p->text);
		if (p->depth < 0)
			p->depth = 0;
	}
	p->text = NULL;
	p->lex_failed = false;
	p->pending = token;
	return token != 0;
}

char *
conf_lex_join(struct conf_parser *p, char *first, char *second)
{
	size_t have = strlen(first), more = strlen(second);
	char *both;

	if (have + more > CONF_TOKEN_MAX) {
		conf_error(p, "string too long");
		free(second);
		return first;
	}
	both = conf_xalloc(have + more + 1);
	memcpy(both, first, have);
	memcpy(both + have, second, more);
	free(first);
	free(second);
	return both;
}
