/* SPDX-License-Identifier: ISC */
/*
 * Parses one vm.conf, prints the messages to stderr and the tree to stdout,
 * and parses what it printed: that must print the same.  Exit status 0 or 1;
 * 2 when the printed form was not the same.
 *
 *	confcheck [-n] [-m] [-D name=value] [-f other] file
 *
 * -n: files named in it are not looked at; -m: the file must exist; -f: this
 * file is read instead.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFS_MAX 8

static void
report(enum conf_severity severity, const char *text, void *arg)
{
	static const char *const names[] = {
		[CONF_NOTE] = "note",
		[CONF_WARNING] = "warning",
		[CONF_ERROR] = "error",
	};

	fprintf(stderr, "%s: %s\n", names[severity], text);
	if (severity == CONF_ERROR)
		*(int *)arg += 1;
}

static char *
print(const struct conf *conf, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (out == NULL || conf_print(out, conf) == -1 || fclose(out) != 0)
		abort();
	return text;
}

/* The printed form, parsed and printed again. */
static int
round_trip(struct conf_input *in, const char *text, size_t len)
{
	struct conf *again;
	size_t again_len = 0;
	char *again_text;
	int r = 2;

	in->path = "printed";
	in->defs = NULL;
	if ((again = conf_parse_buffer(in, text, len)) == NULL)
		return r;
	again_text = print(again, &again_len);
	if (again_len == len && memcmp(text, again_text, len) == 0)
		r = 0;
	else
		fprintf(stderr, "printed again:\n%s", again_text);
	free(again_text);
	conf_free(again);
	return r;
}

int
main(int argc, char *argv[])
{
	const char *defs[DEFS_MAX + 1] = { NULL };
	int ch, errors = 0, ndefs = 0, r = 1;
	struct conf_input in = {
		.defs = defs, .report = report, .arg = &errors
	};
	struct conf *conf;
	size_t len = 0;
	char *text;

	while ((ch = getopt(argc, argv, "nmD:f:")) != -1) {
		if (ch == 'n')
			in.flags |= CONF_NO_FILES;
		else if (ch == 'm')
			in.flags |= CONF_MUST_EXIST;
		else if (ch == 'D' && ndefs < DEFS_MAX)
			defs[ndefs++] = optarg;
		else if (ch == 'f')
			in.path = optarg;
		else
			return 1;
	}
	if (optind != argc - 1)
		return 1;
	if (in.path == NULL)
		in.path = argv[optind];
	if ((conf = conf_parse(&in)) != NULL) {
		text = print(conf, &len);
		fputs(text, stdout);
		fflush(stdout);
		r = round_trip(&in, text, len);
		free(text);
	}
	conf_free(conf);
	/* A tree and an error, or neither, is wrong. */
	return (conf == NULL) == (errors > 0) ? r : 2;
}
