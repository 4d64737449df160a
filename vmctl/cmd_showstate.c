/* SPDX-License-Identifier: ISC */
/*
 * What is in a saved VM: the sections of its state stream, all checksums
 * verified.  Needs no daemon.  The stream may be anybody's: vmctl is confined
 * before it reads the first byte, and keeps one section at a time.
 */
#include "commands.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_disk.h"
#include "image/state_read.h"
#include "image/state_zstd.h"
#include "stateout.h"

int
showstate_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "+j")) != -1) {
		if (ch != 'j')
			command_usage(request->command);
		request->json = true;
	}
	argc -= optind;
	argv += optind;
	if (argc != 1)
		command_usage(request->command);
	request->word = argv[0];
	request->file_fd = STDIN_FILENO;
	if (strcmp(request->word, "-") == 0) {
		request->word = "standard input";
		return 0;
	}
	request->file_fd = open(request->word, O_RDONLY | O_CLOEXEC);
	if (request->file_fd == -1) {
		warn("%s", request->word);
		return -1;
	}
	return 0;
}

/* Whether data is what zstd made of len bytes, those of a section at most. */
static bool
showstate_is_packed(size_t len, const uint8_t *data, size_t data_len)
{
	static uint8_t bytes[STATE_PAGES_MAX * STATE_PAGE];
	static struct state_unpacker *unpacker;

	_Static_assert(STATE_DISK_CHUNK <= sizeof(bytes), "a chunk fits");
	if (unpacker == NULL && (unpacker = state_unpacker_new()) == NULL)
		err(1, NULL);
	return state_unpack(unpacker, bytes, len, data, data_len) == 0;
}

/* Whether packed pages are what they should be; one that is not packed is. */
static bool
showstate_unpacks(const struct state_memory *m)
{
	return m->packing != STATE_ZSTD ||
	    showstate_is_packed(
		(size_t)m->data_pages * STATE_PAGE, m->data, m->data_len);
}

static int
showstate_disk(const struct state_section *s, const char **why)
{
	struct state_disk d;

	if (state_disk_decode(&d, s->payload, (size_t)s->head.length, why) ==
	    -1)
		return -1;
	*why = "content that zstd did not pack";
	return d.packing != STATE_DISK_ZSTD ||
		showstate_is_packed(d.length, d.data, d.data_len)
	    ? 0
	    : -1;
}

/* Decodes a section that was read and prints it.  0, or -1 with the reader
 * told. */
static int
showstate_section(
    struct state_reader *r, const struct state_section *s, struct stateout *out)
{
	static struct state_config config;
	struct state_memory memory;
	size_t len = (size_t)s->head.length;
	const char *why = NULL;
	int bad = 0;

	if (s->payload == NULL)
		stateout_other(out, s);
	else if (s->head.type == STATE_CONFIG) {
		bad = state_config_decode(&config, s->payload, len, &why);
		if (bad == 0)
			stateout_config(out, s, &config);
	} else if (s->head.type == STATE_MEMORY) {
		bad = state_memory_decode(
		    &memory, s->payload, len, s->offset + STATE_HEADER, &why);
		if (bad == 0 && !showstate_unpacks(&memory)) {
			why = "pages that zstd did not pack";
			bad = -1;
		}
		if (bad == 0)
			stateout_memory(out, s, &memory);
	} else {
		if (s->head.type == STATE_DISKDATA)
			bad = showstate_disk(s, &why);
		if (bad == 0)
			stateout_other(out, s);
	}
	return bad == 0 ? 0 : state_reader_bad(r, why);
}

/* All of it.  NULL, or the sentence that says what is wrong; borrowed. */
static const char *
showstate_all(struct state_reader *r, int fd, struct stateout *out)
{
	struct state_section s;
	char byte;
	int n;

	while ((n = state_next(r, &s)) == 1)
		if (showstate_section(r, &s, out) == -1)
			return state_reader_error(r);
	if (n == -1)
		return state_reader_error(r);
	return state_read_fd(fd, &byte, 1) == 0
	    ? NULL
	    : "there is more behind its END section";
}

int
showstate_run(struct request *request, struct client *client)
{
	struct state_reader *r =
	    state_reader_new(state_get_fd, &request->file_fd);
	struct stateout out = { .json = request->json };
	const char *error;

	(void)client;
	if (r == NULL)
		err(1, NULL);
	stateout_begin(&out);
	error = showstate_all(r, request->file_fd, &out);
	stateout_end(&out, state_reader_offset(r), error);
	if (error != NULL)
		warnx("%s: %s", request->word, error);
	state_reader_free(r);
	if (request->file_fd != STDIN_FILENO)
		close(request->file_fd);
	return error == NULL ? 0 : 1;
}
