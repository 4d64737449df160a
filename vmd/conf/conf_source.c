/* SPDX-License-Identifier: ISC */
/*
 * Where the characters of vm.conf come from: a stack of files, each read whole
 * into bounded memory, and on top of it at most one macro's value.  Runs in
 * the parent and in vmd -n with the rights of the caller.
 */
#include "conf/conf_parser.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf_source *
conf_source_file(struct conf_parser *p)
{
	int i = p->nsources - 1;

	while (i > 0 && p->sources[i].name == NULL)
		i--;
	return &p->sources[i];
}

void
conf_source_push(struct conf_parser *p, const char *name, const char *text,
    char *owned, size_t len)
{
	p->sources[p->nsources++] = (struct conf_source) {
		.name = name != NULL ? conf_xstrdup(name) : NULL,
		.text = text,
		.owned = owned,
		.len = len,
		.line = 1,
		.depth = p->depth,
	};
}

void
conf_source_pop(struct conf_parser *p)
{
	struct conf_source *src = &p->sources[--p->nsources];

	free(src->name);
	free(src->owned);
}

/* --- characters ------------------------------------------------------ */

/* A backslash at the end of a line joins it with the next. */
static bool
conf_source_joins(struct conf_source *src)
{
	if (src->text[src->pos] != '\\' || src->len - src->pos < 2)
		return false;
	if (src->text[src->pos + 1] == '\n') {
		src->pos += 2;
		return true;
	}
	return false;
}

int
conf_source_getc(struct conf_parser *p)
{
	struct conf_source *src;

	for (;;) {
		src = &p->sources[p->nsources - 1];
		if (src->pos == src->len) {
			if (src->name != NULL)
				return -1;
			conf_source_pop(p);
		} else if (conf_source_joins(src))
			src->line++;
		else
			break;
	}
	if (src->text[src->pos] == '\n')
		src->line++;
	return (unsigned char)src->text[src->pos++];
}

void
conf_source_ungetc(struct conf_parser *p, int c)
{
	struct conf_source *src = &p->sources[p->nsources - 1];

	if (c == -1)
		return;
	src->pos--;
	if (c == '\n')
		src->line--;
}

/* --- files ----------------------------------------------------------- */

char *
conf_source_join(struct conf_parser *p, const char *path)
{
	const char *file = conf_source_file(p)->name;
	const char *slash = strrchr(file, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - file) + 1;
	char *joined;

	if (path[0] == '/')
		n = 0;
	joined = conf_xalloc(n + strlen(path) + 1);
	memcpy(joined, file, n);
	strcpy(joined + n, path);
	return joined;
}

char *
conf_source_path(struct conf_parser *p, const char *path)
{
	char *joined = conf_source_join(p, path), *cwd, *full;

	if (joined[0] == '/' || (cwd = getcwd(NULL, 0)) == NULL)
		return joined;
	full = conf_xalloc(strlen(cwd) + strlen(joined) + 2);
	strcpy(stpcpy(stpcpy(full, cwd), "/"), joined);
	free(cwd);
	free(joined);
	return full;
}

/* Returns the owned contents, or NULL with errno (EFBIG: too large). */
static char *
conf_source_read(int fd, size_t *len)
{
	char *text = conf_xalloc(CONF_FILE_MAX + 1);
	size_t have = 0;
	ssize_t n;

	do {
		n = read(fd, text + have, CONF_FILE_MAX + 1 - have);
		if (n > 0)
			have += (size_t)n;
	} while (
	    have <= CONF_FILE_MAX && (n > 0 || (n == -1 && errno == EINTR)));
	if (n != -1 && have <= CONF_FILE_MAX) {
		*len = have;
		return text;
	}
	if (n != -1)
		errno = EFBIG;
	free(text);
	return NULL;
}

/* 0, or -1 with errno. */
static int
conf_source_load(struct conf_parser *p, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	struct stat sb;
	int fd;

	/* A FIFO must not stop a daemon that reads its configuration again. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (fstat(fd, &sb) == 0 && S_ISFIFO(sb.st_mode))
		errno = ESPIPE;
	else
		text = conf_source_read(fd, &len);
	close(fd);
	if (text == NULL)
		return -1;
	conf_source_push(p, path, text, text, len);
	return 0;
}

static const char *
conf_source_why(int error)
{
	if (error == ESPIPE)
		return "is a pipe, not a file";
	return error == EFBIG ? "larger than 1 MiB" : strerror(error);
}

int
conf_source_open(struct conf_parser *p, const char *path, bool must_exist)
{
	p->nfiles++;
	if (conf_source_load(p, path) == 0)
		return 0;
	if (errno == ENOENT && !must_exist)
		conf_source_push(p, path, "", NULL, 0);
	else
		conf_report(p, CONF_ERROR, NULL, 0, "%s: %s", path,
		    conf_source_why(errno));
	return p->nsources > 0 ? 0 : -1;
}

int
conf_source_include(struct conf_parser *p, const char *path)
{
	char *full;
	int r = -1;

	if (p->nsources >= CONF_NESTING_MAX) {
		conf_error(p, "include \"%s\": nested too deeply", path);
		return -1;
	}
	if (p->nfiles >= CONF_FILES_MAX) {
		conf_error(p, "include \"%s\": too many files", path);
		return -1;
	}
	if (p->in->flags & CONF_NO_FILES)
		return 0;
	p->nfiles++;
	full = conf_source_join(p, path);
	if ((r = conf_source_load(p, full)) == -1)
		conf_error(
		    p, "include \"%s\": %s", path, conf_source_why(errno));
	free(full);
	return r;
}
