/* SPDX-License-Identifier: ISC */
/*
 * Decoding the daemon's answers; see reply.h.  Lengths and the set of types
 * come from the rows of VMD_MESSAGES, so that a new answer is one new row.
 */
#include "reply.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define TTY_PREFIX "/dev/pts/"

#define S(name) sizeof(struct name)
#define REPLY_ROW(name, edges, payload, tail, fd) \
	[MSG_##name] = { #name, edges, payload, tail },
static const struct {
	const char *name;
	uint64_t edges;
	size_t payload;
	size_t tail;
} rows[MSG__COUNT] = { VMD_MESSAGES(REPLY_ROW) };

const char *
reply_type_name(uint32_t type)
{
	if (type >= MSG__COUNT || rows[type].name == NULL)
		return "unknown";
	return rows[type].name;
}

void
reply_clean(char *text)
{
	mbstate_t state;
	wchar_t wc;
	size_t n;

	memset(&state, 0, sizeof(state));
	while (*text != '\0') {
		if (*text == '\n' || *text == '\t') {
			text++;
			continue;
		}
		n = mbrtowc(&wc, text, strlen(text), &state);
		if (n == (size_t)-1 || n == (size_t)-2 ||
		    !iswprint((wint_t)wc)) {
			*text++ = '?';
			memset(&state, 0, sizeof(state));
		} else
			text += n;
	}
}

/* A name or path of at most max characters: printable ASCII, terminated. */
static int
text_check(const char *text, size_t max)
{
	size_t i;

	for (i = 0; i <= max && text[i] != '\0'; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -1;
	return i <= max ? 0 : -1;
}

/* The path is opened later: only a terminal may ever be named. */
static int
tty_check(const char *tty)
{
	const char *number = tty + strlen(TTY_PREFIX);

	if (text_check(tty, VMD_TTY_MAX) == -1)
		return -1;
	if (*tty == '\0')
		return 0;
	if (strncmp(tty, TTY_PREFIX, strlen(TTY_PREFIX)) != 0)
		return -1;
	return *number != '\0' && number[strspn(number, "0123456789")] == '\0'
	    ? 0
	    : -1;
}

static int
texts_check(const struct reply *reply)
{
	const char *name, *tty = "";
	size_t max = VMD_NAME_MAX;

	if (reply->type == MSG_STATUS_VM) {
		name = reply->body.vm.name;
		tty = reply->body.vm.tty;
	} else if (reply->type == MSG_RESULT) {
		name = reply->body.result.name;
		tty = reply->body.result.tty;
	} else if (reply->type == MSG_STATS_ROW) {
		name = reply->body.stats.name;
		max = VMD_STAT_MAX;
	} else
		return 0;
	return text_check(name, max) == -1 || tty_check(tty) == -1 ? -1 : 0;
}

int
reply_decode(struct reply *reply, uint32_t type, const void *data, size_t len,
    const char **reason)
{
	size_t payload, tail;

	memset(reply, 0, sizeof(*reply));
	if (type >= MSG__COUNT ||
	    (rows[type].edges & MSG_EDGE(CONTROL, CLIENT)) == 0) {
		*reason = "unexpected message type";
		return -1;
	}
	payload = rows[type].payload;
	if (len < payload || len - payload > rows[type].tail) {
		*reason = "message of a wrong length";
		return -1;
	}
	tail = len - payload;
	if (payload > sizeof(reply->body) || tail >= sizeof(reply->detail)) {
		*reason = "message of a wrong length";
		return -1;
	}
	reply->type = type;
	if (payload != 0)
		memcpy(&reply->body, data, payload);
	if (tail != 0)
		memcpy(reply->detail, (const char *)data + payload, tail);
	reply_clean(reply->detail);
	if (type == MSG_STATS_ROW && reply->body.stats.vcpus > VMD_CPUS_MAX) {
		*reason = "more vCPUs than there can be";
		return -1;
	}
	if (texts_check(reply) == -1) {
		*reason = "message with a malformed name";
		return -1;
	}
	return 0;
}
