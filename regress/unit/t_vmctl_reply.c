/* SPDX-License-Identifier: ISC */
/*
 * Answers of a daemon that may be another program: every type, every length
 * around the right one, texts without an end, names that act on a terminal.
 */
#include <locale.h>

#include "check.h"
#include "reply.h"
#include "result.h"
#include "vm_error.h"

static struct reply reply;
static const char *reason;

static int
decode(uint32_t type, const void *data, size_t len)
{
	reason = NULL;
	return reply_decode(&reply, type, data, len, &reason);
}

/* How many kinds of messages a client may get. */
static unsigned int
to_client(void)
{
#define EDGES(name, edges, payload, tail, fd) edges,
	static const uint64_t rows[] = { VMD_MESSAGES(EDGES) };
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		n += (rows[i] & MSG_EDGE(CONTROL, CLIENT)) != 0;
	return n;
}

static void
types(void)
{
	static const unsigned char zero[1024];
	unsigned int accepted = 0;
	uint32_t type;

	for (type = 0; type < MSG__COUNT + 4; type++) {
		size_t len, fits = 0;

		for (len = 0; len < sizeof(zero); len++)
			fits += decode(type, zero, len) == 0;
		if (fits == 0)
			CHECK_STR(reason, "unexpected message type");
		accepted += fits != 0;
	}
	CHECK_EQ(accepted, to_client());
	CHECK(decode(UINT32_MAX, zero, 0) == -1);
	CHECK_STR(reply_type_name(UINT32_MAX), "unknown");
	CHECK_STR(reply_type_name(0), "unknown");
	CHECK_STR(reply_type_name(MSG_RESULT), "RESULT");
}

static void
lengths(void)
{
	unsigned char bytes[sizeof(struct msg_result) + VMD_DETAIL_MAX + 1];
	const size_t result = sizeof(struct msg_result);

	memset(bytes, 0, sizeof(bytes));
	CHECK(decode(MSG_RESULT, bytes, result - 1) == -1);
	CHECK(decode(MSG_RESULT, bytes, result) == 0);
	CHECK_STR(reply.detail, "");
	memset(bytes + result, 'x', VMD_DETAIL_MAX + 1);
	CHECK(decode(MSG_RESULT, bytes, result + 1) == 0);
	CHECK_STR(reply.detail, "x");
	CHECK(decode(MSG_RESULT, bytes, result + VMD_DETAIL_MAX) == 0);
	CHECK_EQ(strlen(reply.detail), VMD_DETAIL_MAX);
	CHECK(decode(MSG_RESULT, bytes, result + VMD_DETAIL_MAX + 1) == -1);
	CHECK_STR(reason, "message of a wrong length");
	CHECK(decode(MSG_STATUS_END, bytes, 0) == 0);
	CHECK(decode(MSG_STATUS_END, NULL, 0) == 0);
	CHECK(decode(MSG_STATUS_END, bytes, 1) == -1);
}

static void
texts(void)
{
	static const char *const bad_ttys[] = { "/dev/tty1", "/etc/passwd",
		"/dev/pts/", "/dev/pts/../tty", "/dev/pts/1/", "/dev/pts/x",
		"pts/3", "/dev/pts/3 " };
	struct msg_status_vm vm;
	size_t i;

	memset(&vm, 0, sizeof(vm));
	strcpy(vm.name, "web1");
	strcpy(vm.tty, "/dev/pts/33");
	CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == 0);
	CHECK_STR(reply.body.vm.name, "web1");
	CHECK_STR(reply.body.vm.tty, "/dev/pts/33");
	memset(vm.name, 'a', sizeof(vm.name));
	CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == -1);
	CHECK_STR(reason, "message with a malformed name");
	strcpy(vm.name, "web\033[2J");
	CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == -1);
	strcpy(vm.name, "web1");
	memset(vm.tty, '1', sizeof(vm.tty));
	memcpy(vm.tty, "/dev/pts/", 9);
	CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == -1);
	for (i = 0; i < sizeof(bad_ttys) / sizeof(bad_ttys[0]); i++) {
		strcpy(vm.tty, bad_ttys[i]);
		if (!CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == -1))
			printf("# %s\n", bad_ttys[i]);
	}
	vm.tty[0] = '\0';
	CHECK(decode(MSG_STATUS_VM, &vm, sizeof(vm)) == 0);
}

static void
cleaning(void)
{
	struct {
		struct msg_result result;
		char text[32];
	} m;

	memset(&m, 0, sizeof(m));
	strcpy(m.text, "a\033[1m\rb\tc\nd\177\233e");
	CHECK(decode(MSG_RESULT, &m, sizeof(m.result) + strlen(m.text)) == 0);
	CHECK_STR(reply.detail, "a?[1m?b\tc\nd??e");
	/* A NUL within ends the text. */
	CHECK(decode(MSG_RESULT, &m, sizeof(m)) == 0);
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return;
	strcpy(m.text, "gr\303\274n \303 \302\233 x");
	CHECK(decode(MSG_RESULT, &m, sizeof(m.result) + strlen(m.text)) == 0);
	CHECK_STR(reply.detail, "gr\303\274n ? ?? x");
	setlocale(LC_CTYPE, "C");
}

static void
sentence_is(uint32_t error, const char *path, const char *want)
{
	char *got;

	reply.body.result.error = error;
	got = result_sentence(&reply, path);
	CHECK_STR(got, want);
	free(got);
}

static void
sentences(void)
{
	memset(&reply, 0, sizeof(reply));
	reply.type = MSG_RESULT;
	sentence_is(VM_ERROR_NOT_FOUND, NULL, "vm not found");
	sentence_is(100000, NULL, "unknown error");
	reply.body.result.file = VM_FILE_DISK;
	reply.body.result.index = 1;
	sentence_is(VM_ERROR_FILE_BUSY, NULL, "disk 1 is in use by another VM");
	sentence_is(VM_ERROR_FILE_BUSY, "/srv/a b.img",
	    "disk /srv/a b.img is in use by another VM");
	/* What is not about a file does not name one. */
	sentence_is(
	    VM_ERROR_NO_MEMORY, "/srv/a.img", "not enough memory on the host");
	reply.body.result.file = VM_FILE_KERNEL;
	reply.body.result.sys_errno = 2;
	strcpy(reply.detail, "at byte 12");
	sentence_is(VM_ERROR_FILE_OPEN, NULL,
	    "kernel cannot be opened: at byte 12: No such file or directory");
	reply.body.result.file = 4711;
	reply.body.result.sys_errno = 0;
	*reply.detail = '\0';
	sentence_is(VM_ERROR_FILE_OPEN, NULL, "file cannot be opened");
}

static void
counters(void)
{
	struct msg_stats_row row = { .vcpus = VMD_CPUS_MAX };

	strcpy(row.name, "exits");
	CHECK(decode(MSG_STATS_ROW, &row, sizeof(row)) == 0);
	CHECK_STR(reply.body.stats.name, "exits");
	row.vcpus++;
	CHECK(decode(MSG_STATS_ROW, &row, sizeof(row)) == -1);
	CHECK_STR(reason, "more vCPUs than there can be");
	row.vcpus = 1;
	memset(row.name, 'a', sizeof(row.name));
	CHECK(decode(MSG_STATS_ROW, &row, sizeof(row)) == -1);
	CHECK_STR(reason, "message with a malformed name");
	strcpy(row.name, "exi\033[2J");
	CHECK(decode(MSG_STATS_ROW, &row, sizeof(row)) == -1);
}

int
main(void)
{
	TEST(types);
	TEST(lengths);
	TEST(texts);
	TEST(cleaning);
	TEST(sentences);
	TEST(counters);
	return CHECK_EXIT();
}
