/* SPDX-License-Identifier: ISC */
/*
 * An answer to vmctl: the first byte is the type, the rest the payload.  Types
 * are counted from 0 among the messages that clients get, so that seeds stay
 * what they are; what is beyond is the number of a type itself.  What is
 * accepted must print as a sentence without control characters.
 * Reaches vmctl/reply.c, vmctl/result.c, vmctl/output.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "reply.h"
#include "result.h"

static uint32_t
type_of(uint8_t n)
{
#define EDGES(name, edges, payload, tail, fd) edges,
	static const uint64_t rows[] = { VMD_MESSAGES(EDGES) };
	unsigned int seen = 0;

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i] & MSG_EDGE(CONTROL, CLIENT)) != 0 && seen++ == n)
			return i + 1;
	return n;
}

static void
must_be_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\n' &&
			*text != '\t') ||
		    *text == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply reply;
	const char *reason;
	char owner[16], *sentence;

	if (size == 0)
		return 0;
	/* A payload of its own, so that reading past its end is seen. */
	uint8_t *payload = malloc(size - 1);
	if (payload == NULL)
		return 0;
	memcpy(payload, data + 1, size - 1);
	if (reply_decode(
		&reply, type_of(data[0]), payload, size - 1, &reason) == -1) {
		must_be_clean(reason);
	} else if (reply.type == MSG_RESULT) {
		sentence = result_sentence(&reply, NULL);
		must_be_clean(sentence);
		must_be_clean(reply.body.result.name);
		must_be_clean(reply.body.result.tty);
		free(sentence);
	} else if (reply.type == MSG_STATUS_VM) {
		must_be_clean(reply.body.vm.name);
		must_be_clean(reply.body.vm.tty);
		must_be_clean(output_state(&reply.body.vm));
		must_be_clean(
		    output_owner(&reply.body.vm, owner, sizeof(owner)));
	} else if (reply.type == MSG_STATS_ROW) {
		must_be_clean(reply.body.stats.name);
		if (reply.body.stats.vcpus > VMD_CPUS_MAX)
			abort();
	}
	free(payload);
	return 0;
}
