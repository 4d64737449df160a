/* SPDX-License-Identifier: ISC */
/*
 * The command table: every row complete, every name found by itself and by
 * each beginning that no other shares; owners and states as status shows them.
 */
#include <stdlib.h>

#include "check.h"
#include "commands.h"
#include "output.h"

static void
rows(void)
{
	const struct command *all;
	size_t count, i;

	all = commands_all(&count);
	for (i = 0; i < count; i++) {
		CHECK(all[i].name != NULL && all[i].args != NULL);
		CHECK(all[i].parse != NULL && all[i].run != NULL);
		CHECK(all[i].help[strlen(all[i].help) - 1] == '.');
		if (i > 0)
			CHECK(strcmp(all[i - 1].name, all[i].name) < 0);
	}
}

static size_t
sharing(const struct command *all, size_t count, const char *word)
{
	size_t i, n = 0, len = strlen(word);

	for (i = 0; i < count; i++)
		n += strncmp(all[i].name, word, len) == 0 ||
		    (all[i].alias != NULL &&
			strncmp(all[i].alias, word, len) == 0);
	return n;
}

static bool
is_alias(const struct command *all, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].alias != NULL && strcmp(all[i].alias, word) == 0)
			return true;
	return false;
}

static void
beginnings(void)
{
	const struct command *all, *found;
	const char *reason;
	size_t count, i, len;
	char word[32];

	all = commands_all(&count);
	for (i = 0; i < count; i++) {
		for (len = 1; len < strlen(all[i].name); len++) {
			snprintf(
			    word, sizeof(word), "%.*s", (int)len, all[i].name);
			found = commands_find(word, &reason);
			/* "show" is whole, though show-state begins so. */
			if (is_alias(all, count, word))
				CHECK(found != NULL && found != &all[i]);
			else if (sharing(all, count, word) == 1)
				CHECK(found == &all[i]);
			else {
				CHECK(found == NULL);
				CHECK_STR(reason, "ambiguous");
			}
		}
		CHECK(commands_find(all[i].name, &reason) == &all[i]);
	}
	found = commands_find("show", &reason);
	REQUIRE(found != NULL);
	CHECK_STR(found->name, "status");
	CHECK(commands_find("", &reason) == NULL);
	CHECK_STR(reason, "unknown");
	CHECK(commands_find("startx", &reason) == NULL);
	CHECK_STR(reason, "unknown");
}

static void
states(void)
{
	static const struct {
		uint32_t state;
		uint32_t flags;
		const char *word;
	} words[] = {
		{ VM_STOPPED, 0, "stopped" },
		{ VM_STARTING, 0, "starting" },
		{ VM_RUNNING, 0, "running" },
		{ VM_PAUSED, 0, "paused" },
		{ VM_STOPPING, 0, "stopping" },
		{ VM_PAUSED, STATUS_WAITING, "paused" },
		{ VM_RUNNING, STATUS_WAITING, "waiting" },
		{ VM_STOPPING, STATUS_WAITING, "waiting" },
		{ VM_STOPPED, STATUS_WAITING, "stopped" },
		{ 99, 0, "unknown" },
	};
	struct msg_status_vm vm;
	size_t i;

	memset(&vm, 0, sizeof(vm));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		vm.state = words[i].state;
		vm.flags = words[i].flags;
		CHECK_STR(output_state(&vm), words[i].word);
	}
}

static void
owners(void)
{
	static const struct {
		uint32_t uid;
		int64_t gid;
		const char *text;
	} table[] = {
		{ 0, -1, "root" },
		{ 0, 0, ":root" },
		{ 1, -1, "daemon" },
		{ 1, 1, "daemon:daemon" },
		{ 3999999999, -1, "3999999999" },
		{ 0, 3999999999, ":3999999999" },
		{ 3999999999, 3999999999, "3999999999:3999" },
		{ 1, 1LL << 40, "daemon" },
	};
	struct msg_status_vm vm;
	char text[16];
	size_t i;

	memset(&vm, 0, sizeof(vm));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vm.uid = table[i].uid;
		vm.gid = table[i].gid;
		CHECK_STR(output_owner(&vm, text, sizeof(text)), table[i].text);
	}
}

int
main(void)
{
	TEST(rows);
	TEST(beginnings);
	TEST(states);
	TEST(owners);
	return CHECK_EXIT();
}
