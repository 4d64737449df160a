/* SPDX-License-Identifier: ISC */
/*
 * A client that asks for a dump into a file of its choice.
 *
 * Usage: baddump SOCKET VM KIND [PATH]: sends what KIND is and prints the
 * name of the error it is told, OK among them, "dropped", or "waits" after 2
 * seconds, when it stays until its standard input ends.
 */
#include "rawclient.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WAITS_MS 2000

#define ERROR_ROW(name, file, text) #name,
static const char *const errors[] = { VM_ERRORS(ERROR_ROW) };

static int
two(int type)
{
	int fds[2];

	if (type == 0 ? pipe2(fds, O_CLOEXEC)
		      : socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds))
		err(2, "pipe");
	return fds[1];
}

static int
descriptor(const char *kind, const char *path)
{
	static const struct {
		const char *kind;
		int flags;
	} opens[] = {
		{ "rw", O_RDWR },
		{ "readonly", O_RDONLY },
		{ "writeonly", O_WRONLY },
		{ "append", O_RDWR | O_APPEND },
		{ "direct", O_RDWR | O_DIRECT },
		{ "path", O_PATH },
		{ "folder", O_RDONLY | O_DIRECTORY },
	};

	if (strcmp(kind, "pipe") == 0)
		return two(0);
	if (strcmp(kind, "socket") == 0)
		return two(SOCK_STREAM);
	if (strcmp(kind, "memfd") == 0)
		return memfd_create("dump", MFD_CLOEXEC);
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		if (strcmp(kind, opens[i].kind) == 0 && path != NULL)
			return open(path, opens[i].flags | O_CLOEXEC);
	errx(2, "unknown: %s", kind);
}

/* The last part of the answer; 0: it is none, or there is none in time. */
static bool
ends(int fd, int timeout_ms, struct msg_result *result)
{
	static char body[BODY_MAX];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint32_t type;

	do {
		if (poll(&p, 1, timeout_ms) != 1)
			return false;
		type = answer(fd, body);
	} while (type == MSG_VM_PROGRESS);
	memset(result, 0xff, sizeof(*result));
	if (type == MSG_RESULT)
		memcpy(result, body, sizeof(*result));
	return true;
}

int
main(int argc, char **argv)
{
	struct msg_vm_ask ask = { .flags = 0 };
	struct msg_result result;
	char c;
	int fd;

	if (argc < 4)
		errx(2, "usage: baddump socket vm kind [path]");
	socket_path = argv[1];
	snprintf(ask.target.name, sizeof(ask.target.name), "%s", argv[2]);
	if ((sent_fd = descriptor(argv[3], argv[4])) == -1)
		err(2, "%s", argv[4] != NULL ? argv[4] : argv[3]);
	fd = dial();
	send_msg(fd, MSG_VM_DUMP, &ask, sizeof(ask), 1);
	if (ends(fd, WAITS_MS, &result)) {
		printf("%s\n",
		    result.error < VM_ERROR__COUNT ? errors[result.error]
						   : "dropped");
		return result.error != VM_ERROR_OK;
	}
	printf("waits\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	/* Its end closes the file, which would wait, too. */
	close(fd);
	return 1;
}
