/* SPDX-License-Identifier: ISC */
/*
 * The escape sequences of a console, byte by byte.
 */
#include "check.h"
#include "escape.h"

static char sent[256];
static char actions[64];

/* Feeds text; what goes to the VM is in sent, what happened in actions. */
static void
feed(struct escape *escape, const char *text)
{
	static const char letters[] = { [ESCAPE_NONE] = 0,
		[ESCAPE_LEAVE] = 'L',
		[ESCAPE_BREAK] = 'B',
		[ESCAPE_SUSPEND] = 'S',
		[ESCAPE_HELP] = 'H' };
	size_t total = 0, done = 0, len;
	enum escape_action action;

	for (; *text != '\0'; text++) {
		action = escape_byte(escape, *text, sent + total, &len);
		total += len;
		if (action != ESCAPE_NONE)
			actions[done++] = letters[action];
	}
	sent[total] = actions[done] = '\0';
}

static void
sequence(const char *text, const char *want_sent, const char *want_actions)
{
	struct escape escape = { .tilde = false };

	feed(&escape, text);
	CHECK_STR(sent, want_sent);
	CHECK_STR(actions, want_actions);
}

static void
at_line_start(void)
{
	sequence("~.", "", "L");
	sequence("a\r~.", "a\r", "L");
	sequence("a\n~.", "a\n", "L");
	sequence("~#~?~\032~.", "", "BHSL");
}

static void
elsewhere(void)
{
	sequence("a~.", "a~.", "");
	sequence("ls ~\r", "ls ~\r", "");
	sequence("a~\r~.", "a~\r", "L");
}

static void
tildes(void)
{
	sequence("~~", "~", "");
	sequence("~~.", "~.", "");
	sequence("\r~~\r~.", "\r~\r", "L");
	sequence("~x", "~x", "");
	sequence("~x~.", "~x~.", "");
	sequence("~\r~.", "~\r", "L");
}

/* The bytes may come one by one: a tilde waits for its second half. */
static void
in_pieces(void)
{
	struct escape escape = { .tilde = false };

	feed(&escape, "x\r~");
	CHECK_STR(sent, "x\r");
	CHECK(escape.tilde);
	feed(&escape, ".");
	CHECK_STR(sent, "");
	CHECK_STR(actions, "L");
}

int
main(void)
{
	TEST(at_line_start);
	TEST(elsewhere);
	TEST(tildes);
	TEST(in_pieces);
	return CHECK_EXIT();
}
