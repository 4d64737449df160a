/* SPDX-License-Identifier: ISC */
/*
 * Sentences from results; see result.h.
 */
#include "result.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm_error.h"

/* "disk /srv/web.img ", "disk 1 ", "kernel "; nothing for other errors. */
static void
print_subject(FILE *out, const struct msg_result *result, const char *path)
{
	if (!vm_error_is_file(result->error))
		return;
	fprintf(out, "%s ", vm_file_text(result->file));
	if (path != NULL)
		fprintf(out, "%s ", path);
	else if (result->file == VM_FILE_DISK || result->file == VM_FILE_TAP)
		fprintf(out, "%u ", result->index);
}

char *
result_sentence(const struct reply *reply, const char *path)
{
	const struct msg_result *result = &reply->body.result;
	char *sentence = NULL;
	size_t len;
	FILE *out = open_memstream(&sentence, &len);

	if (out == NULL)
		err(1, NULL);
	print_subject(out, result, path);
	fputs(vm_error_text(result->error), out);
	if (*reply->detail != '\0')
		fprintf(out, ": %s", reply->detail);
	if (result->sys_errno != 0)
		fprintf(out, ": %s", strerror((int)result->sys_errno));
	if (fclose(out) != 0)
		err(1, NULL);
	return sentence;
}

int
result_status(const struct reply *reply, const char *what)
{
	char *sentence;

	if (reply->body.result.error == VM_ERROR_OK)
		return 0;
	sentence = result_sentence(reply, NULL);
	warnx("%s failed: %s", what, sentence);
	free(sentence);
	return 1;
}
