/* SPDX-License-Identifier: ISC */
/*
 * Clients of the control socket that keep its rules and are no good: they
 * disappear, do not read, say nothing, or are too many.
 *
 * Usage: badclient SOCKET MODE [ARG ...], where MODE is
 *   vanish NAME        disappears at every point of a request
 *   crowd COUNT        holds connections until stdin ends
 *   deaf               asks, never reads, until dropped
 *   silent SECONDS     says nothing, and a byte at a time
 *   abandon NAME FILE  starts a VM with this disk and is gone at once
 *   disk NAME FILE     starts a defined VM with another disk
 */
#include "rawclient.h"

#include <stdlib.h>

static int
vanish(const char *name)
{
	struct msg_vm_start start = { .memory = 64 << 20,
		.given = START_MEMORY | START_DISKS,
		.disks = 1,
		.target = { .name = "vanished" } };
	const struct msg_vm_file file = { .kind = VM_FILE_DISK };
	struct msg_vm_target target = { 0 };
	struct msg_vm_stop stop = { .flags = STOP_WAIT };
	const struct header half = { .type = MSG_VM_START,
		.len = sizeof(half) + sizeof(start),
		.peerid = VMD_PROTOCOL };
	int fd;

	snprintf(target.name, sizeof(target.name), "%s", name);
	close(dial());
	for (size_t n = 1; n <= sizeof(half); n += 5) {
		fd = dial();
		send_bytes(fd, &half, n, 1);
		close(fd);
	}
	fd = dial();
	send_msg(fd, MSG_STATUS, NULL, 0, 0);
	close(fd);
	fd = dial();
	send_msg(fd, MSG_VM_START, &start, sizeof(start), 0);
	close(fd);
	fd = dial();
	send_msg(fd, MSG_VM_START, &start, sizeof(start), 0);
	send_msg(fd, MSG_VM_FILE, &file, sizeof(file), 1);
	close(fd);
	fd = dial();
	send_msg(fd, MSG_VM_START, &start, sizeof(start), 0);
	send_msg(fd, MSG_VM_FILE, &file, sizeof(file), 1);
	send_msg(fd, MSG_VM_CMDLINE, "x", 1, 0);
	send_msg(fd, MSG_VM_START_END, NULL, 0, 0);
	close(fd);
	for (int i = 0; i < 3; i++) {
		fd = dial();
		send_msg(fd, MSG_VM_WAIT, &target, sizeof(target), 0);
		if (i > 0)
			usleep(200 * 1000);
		close(fd);
	}
	/* A stop that nobody waits for any more still stops. */
	stop.target = target;
	stop.flags = STOP_FORCE | STOP_WAIT;
	fd = dial();
	send_msg(fd, MSG_VM_STOP, &stop, sizeof(stop), 0);
	close(fd);
	return 0;
}

static int
crowd(const char *text)
{
	int count = atoi(text), held = 0;
	int *fds = calloc((size_t)count, sizeof(*fds));
	char c;

	if (fds == NULL)
		err(2, NULL);
	for (int i = 0; i < count; i++)
		fds[i] = dial();
	for (int i = 0; i < count; i++)
		held += !is_dropped(fds[i], i == 0 ? 1000 : 0);
	printf("%d\n", held);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		continue;
	return 0;
}

static int
deaf(void)
{
	int64_t until = now_ms() + 60000;
	int fd = dial(), asked = 0;

	while (now_ms() < until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (send_msg(fd, MSG_STATUS, NULL, 0, 0) == -1) {
			printf("dropped after %d requests\n", asked);
			return 0;
		}
		asked++;
		poll(&p, 1, 0);
		if ((p.revents & POLLHUP) != 0) {
			printf("dropped after %d requests\n", asked);
			return 0;
		}
		usleep(200 * 1000);
	}
	printf("still there after %d requests\n", asked);
	return 1;
}

static int
silent(const char *text)
{
	const struct header h = { .type = MSG_STATUS, .len = sizeof(h) };
	int64_t start = now_ms(), until = start + atoi(text) * 1000;
	int quiet = dial(), slow = dial();
	int64_t quiet_ms = 0, slow_ms = 0;

	for (size_t i = 0; now_ms() < until && (!quiet_ms || !slow_ms);) {
		if (!quiet_ms && is_dropped(quiet, 1000))
			quiet_ms = now_ms() - start;
		if (!slow_ms && is_dropped(slow, 1000))
			slow_ms = now_ms() - start;
		if (i < sizeof(h) - 1)
			send_bytes(slow, (const char *)&h + i++, 1, 0);
	}
	printf("silent %d s, slow %d s\n", (int)(quiet_ms / 1000),
	    (int)(slow_ms / 1000));
	return quiet_ms && slow_ms ? 0 : 1;
}

static int
abandon(const char *name, const char *path)
{
	struct msg_vm_start start = { .memory = 32 << 20,
		.given = START_MEMORY | START_DISKS,
		.disks = 1 };
	const struct msg_vm_file file = { .kind = VM_FILE_DISK };
	int fd = dial();

	if ((sent_fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		err(2, "%s", path);
	snprintf(start.target.name, sizeof(start.target.name), "%s", name);
	send_msg(fd, MSG_VM_START, &start, sizeof(start), 0);
	send_msg(fd, MSG_VM_FILE, &file, sizeof(file), 1);
	send_msg(fd, MSG_VM_START_END, NULL, 0, 0);
	close(fd);
	return 0;
}

static int
disk(const char *name, const char *path)
{
	struct msg_vm_start start = { .target = { .id = 0 } };
	const struct msg_vm_file file = { .kind = VM_FILE_DISK };
	int fd = dial();
	uint32_t error;

	if ((sent_fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		err(2, "%s", path);
	snprintf(start.target.name, sizeof(start.target.name), "%s", name);
	send_msg(fd, MSG_VM_START, &start, sizeof(start), 0);
	send_msg(fd, MSG_VM_FILE, &file, sizeof(file), 1);
	send_msg(fd, MSG_VM_START_END, NULL, 0, 0);
	error = error_of(fd);
	printf("%s\n",
	    error == VM_ERROR__COUNT   ? "dropped"
		: error == VM_ERROR_OK ? "started"
				       : "refused");
	return error == VM_ERROR_OK;
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: badclient socket mode [arg ...]");
	socket_path = argv[1];
	if (strcmp(argv[2], "deaf") == 0)
		return deaf();
	if (argc == 4 && strcmp(argv[2], "vanish") == 0)
		return vanish(argv[3]);
	if (argc == 4 && strcmp(argv[2], "crowd") == 0)
		return crowd(argv[3]);
	if (argc == 4 && strcmp(argv[2], "silent") == 0)
		return silent(argv[3]);
	if (argc == 5 && strcmp(argv[2], "abandon") == 0)
		return abandon(argv[3], argv[4]);
	if (argc == 5 && strcmp(argv[2], "disk") == 0)
		return disk(argv[3], argv[4]);
	errx(2, "unknown: %s", argv[2]);
}
