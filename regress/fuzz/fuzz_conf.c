/* SPDX-License-Identifier: ISC */
/*
 * vm.conf from memory: source, lexer, grammar, options, checks, printing.  No
 * file is opened and no user looked up.  What parses must print to something
 * that parses and prints the same.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
report(enum conf_severity severity, const char *text, void *arg)
{
	/* One line, whatever the file holds. */
	if (strpbrk(text, "\n\r\033") != NULL)
		abort();
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const defs[] = { "d=8", "t=tap", NULL };
	int errors = 0;
	struct conf_input in = { .path = "/fuzz/vm.conf",
		.defs = defs,
		.flags = CONF_NO_FILES,
		.report = report,
		.arg = &errors };
	struct conf *conf, *again;
	char *text, *text2;
	size_t len, len2;

	conf = conf_parse_buffer(&in, (const char *)data, size);
	if ((conf == NULL) != (errors > 0))
		abort();
	if (conf == NULL)
		return 0;
	text = print(conf, &len);
	in.defs = NULL;
	if ((again = conf_parse_buffer(&in, text, len)) == NULL)
		abort();
	text2 = print(again, &len2);
	if (len != len2 || memcmp(text, text2, len) != 0)
		abort();
	free(text);
	free(text2);
	conf_free(conf);
	conf_free(again);
	return 0;
}
