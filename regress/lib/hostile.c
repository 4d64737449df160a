/* SPDX-License-Identifier: ISC */
/*
 * A client of the control socket that breaks its rules, one connection per
 * attempt.  Makes its messages by hand: nothing of vmd is in it but the table
 * of messages, from which most attempts derive.
 *
 * Usage: hostile SOCKET MODE [ARG ...], where MODE is
 *   attempts           breaks every rule once; "ok - " lines
 *   vanish NAME        disappears at every point of a request
 *   crowd COUNT        holds connections until stdin ends
 *   deaf               asks, never reads, until dropped
 *   silent SECONDS     says nothing, and a byte at a time
 *   abandon NAME FILE  starts a VM with this disk and is gone at once
 *   disk NAME FILE     starts a defined VM with another disk
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vm_error.h"
#include "vmd_msg.h"

#define MARK 0x80000000U /* a descriptor comes along */
#define ANSWER_MS 10000
#define FDS_MAX 20
#define BODY_MAX 20000

struct header {
	uint32_t type;
	uint32_t len;
	uint32_t peerid;
	uint32_t pid;
};

struct row {
	const char *name;
	uint64_t edges;
	uint32_t payload;
	uint32_t tail;
	enum msg_fd fd;
};
#define S(type) sizeof(struct type)
#define ROW(name, edges, payload, tail, fd) \
	[MSG_##name] = { #name, edges, payload, tail, fd },
static const struct row rows[MSG__COUNT] = { VMD_MESSAGES(ROW) };

static const char *socket_path;
static int status;

static void
result(bool good, const char *sentence)
{
	printf("%s - %s\n", good ? "ok" : "not ok", sentence);
	fflush(stdout);
	if (!good)
		status = 1;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(2, "connect: %s", socket_path);
	return fd;
}

static int sent_fd = -1; /* what goes along; /dev/null unless set */

/* Bytes with nfds descriptors. */
static int
send_bytes(int fd, const void *bytes, size_t len, unsigned int nfds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int list[FDS_MAX];

	if (sent_fd == -1)
		sent_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	memset(&control, 0, sizeof(control));
	if (nfds > 0) {
		for (unsigned int i = 0; i < nfds; i++)
			list[i] = sent_fd;
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), list, nfds * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static int
send_msg(int fd, uint32_t type, const void *body, size_t len, unsigned int nfds)
{
	static char buf[sizeof(struct header) + BODY_MAX];
	const struct header h = { .type = type,
		.len = (uint32_t)(sizeof(h) + len) | (nfds > 0 ? MARK : 0),
		.peerid = VMD_PROTOCOL,
		.pid = (uint32_t)getpid() };

	memcpy(buf, &h, sizeof(h));
	if (len > 0)
		memcpy(buf + sizeof(h), body, len);
	return send_bytes(fd, buf, sizeof(h) + len, nfds);
}

/* --- what the daemon does with it ----------------------------------------- */

static int
read_exactly(int fd, void *buf, size_t len, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *at = buf;
	ssize_t n;

	while (len > 0) {
		int64_t left = until - now_ms();

		if (left < 0 || poll(&p, 1, (int)left) != 1)
			return -1;
		if ((n = read(fd, at, len)) <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The next answer's type, its body in buf; 0: dropped or silent. */
static uint32_t
answer(int fd, void *buf)
{
	int64_t until = now_ms() + ANSWER_MS;
	struct header h;

	if (read_exactly(fd, &h, sizeof(h), until) == -1)
		return 0;
	h.len &= ~MARK;
	if (h.len < sizeof(h) || h.len - sizeof(h) > BODY_MAX ||
	    read_exactly(fd, buf, h.len - sizeof(h), until) == -1)
		return 0;
	return h.type;
}

/* Whether the daemon ends the connection; what it says before is skipped. */
static bool
is_dropped(int fd, int ms)
{
	int64_t until = now_ms() + ms;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	int64_t left;
	ssize_t n;

	while ((left = until - now_ms()) >= 0) {
		if (poll(&p, 1, (int)left) != 1)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return true;
		if (n == -1)
			return false;
	}
	return false;
}

static void
must_drop(int fd, const char *sentence)
{
	result(is_dropped(fd, ANSWER_MS), sentence);
	close(fd);
}

/* The error of the RESULT, VM_ERROR__COUNT when there is none. */
static uint32_t
error_of(int fd)
{
	static char buf[BODY_MAX];
	struct msg_result r;

	if (answer(fd, buf) != MSG_RESULT)
		return VM_ERROR__COUNT;
	memcpy(&r, buf, sizeof(r));
	return r.error;
}

static void
must_refuse(int fd, const char *sentence)
{
	uint32_t error = error_of(fd);

	result(error != VM_ERROR_OK && error != VM_ERROR__COUNT, sentence);
	close(fd);
}

static void
must_serve(int fd, const char *sentence)
{
	static char buf[BODY_MAX];
	uint32_t type;

	while ((type = answer(fd, buf)) == MSG_STATUS_VM)
		continue;
	result(type == MSG_STATUS_END, sentence);
	close(fd);
}

/* --- attempts --------------------------------------------------------------
 */

static void
headers(void)
{
	static const struct {
		uint32_t type, len;
		const char *text;
	} bad[] = {
		{ MSG_STATUS, 0, "a length of 0 is dropped" },
		{ MSG_STATUS, 4, "a length below the header is dropped" },
		{ MSG_STATUS, 15, "a length one below the header is dropped" },
		{ MSG_STATUS, 16385, "a length above the limit is dropped" },
		{ MSG_STATUS, 0x7fffffff, "a huge length is dropped" },
		{ 0, 16, "message type 0 is dropped" },
		{ MSG__COUNT, 16, "a type after the last is dropped" },
		{ 0xffffffff, 16, "type 0xffffffff is dropped" },
	};
	static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
	unsigned char garbage[4096];
	int fd;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct header h = { .type = bad[i].type,
			.len = bad[i].len,
			.peerid = VMD_PROTOCOL };

		fd = dial();
		send_bytes(fd, &h, sizeof(h), 0);
		must_drop(fd, bad[i].text);
	}
	srand(1);
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (unsigned char)(rand() >> 7);
	fd = dial();
	send_bytes(fd, garbage, sizeof(garbage), 0);
	must_drop(fd, "4096 random bytes are dropped");
	fd = dial();
	send_bytes(fd, http, sizeof(http) - 1, 0);
	must_drop(fd, "another protocol is dropped");
}

static bool
is_request(unsigned int type)
{
	return (rows[type].edges & MSG_EDGE(CLIENT, CONTROL)) != 0;
}

/* Every row of the table, as it should not come from a client. */
static void
every_row(void)
{
	static const char body[BODY_MAX];
	char text[128];
	int fd;

	for (unsigned int t = 1; t < MSG__COUNT; t++) {
		const struct row *r = &rows[t];
		unsigned int nfds = r->fd == FD_MUST;

		if (!is_request(t)) {
			fd = dial();
			send_msg(fd, t, body, r->payload, nfds);
			snprintf(text, sizeof(text),
			    "%s is not for clients: dropped", r->name);
			must_drop(fd, text);
			continue;
		}
		if (r->payload > 0) {
			fd = dial();
			send_msg(fd, t, body, r->payload - 1, nfds);
			snprintf(text, sizeof(text),
			    "%s one byte short is dropped", r->name);
			must_drop(fd, text);
		}
		fd = dial();
		send_msg(fd, t, body, r->payload + r->tail + 1, nfds);
		snprintf(
		    text, sizeof(text), "%s one byte long is dropped", r->name);
		must_drop(fd, text);
		fd = dial();
		send_msg(fd, t, body, r->payload, !nfds);
		snprintf(text, sizeof(text), "%s %s is dropped", r->name,
		    nfds ? "without its descriptor" : "with a descriptor");
		must_drop(fd, text);
	}
}

static void
descriptors(void)
{
	const struct header marked = { .type = MSG_VM_FILE,
		.len = (sizeof(marked) + sizeof(struct msg_vm_file)) | MARK,
		.peerid = VMD_PROTOCOL };
	const struct header plain = {
		.type = MSG_STATUS, .len = sizeof(plain), .peerid = VMD_PROTOCOL
	};
	char bytes[sizeof(marked) + sizeof(struct msg_vm_file)] = { 0 };
	int fd = dial();

	memcpy(bytes, &marked, sizeof(marked));
	send_bytes(fd, bytes, sizeof(bytes), 0);
	must_drop(fd, "a descriptor that is announced and missing is dropped");
	fd = dial();
	send_bytes(fd, &plain, sizeof(plain), FDS_MAX);
	must_serve(fd, "descriptors that nobody announced are closed");
	/* In the middle of a message, again and again. */
	fd = dial();
	for (int i = 0; i < 8; i++)
		send_bytes(fd, (const char *)&plain + i, 1, FDS_MAX);
	send_bytes(fd, (const char *)&plain + 8, 8, FDS_MAX);
	must_serve(fd, "and those between the bytes of a header");
}

static void
order(void)
{
	struct msg_vm_target nobody = { .name = "nobody" };
	const struct header other = { .type = MSG_STATUS,
		.len = sizeof(other),
		.peerid = VMD_PROTOCOL + 1 };
	const struct header forged = { .type = MSG_STATUS,
		.len = sizeof(forged),
		.peerid = VMD_PROTOCOL,
		.pid = 1 };
	int fd = dial();

	send_bytes(fd, &other, sizeof(other), 0);
	result(error_of(fd) == VM_ERROR_PROTOCOL,
	    "another version of the protocol is told so");
	must_drop(fd, "and dropped");
	fd = dial();
	send_bytes(fd, &forged, sizeof(forged), 0);
	must_serve(fd, "a forged process id means nothing");
	fd = dial();
	send_msg(fd, MSG_VM_START_END, NULL, 0, 0);
	must_refuse(fd, "a start without a description is refused");
	fd = dial();
	nobody.id = 0xfffffffe;
	send_msg(fd, MSG_VM_WAIT, &nobody, sizeof(nobody), 0);
	result(error_of(fd) == VM_ERROR_NOT_FOUND, "a forged id is not found");
	close(fd);
	fd = dial();
	nobody.id = 0;
	memset(nobody.name, 'x', sizeof(nobody.name));
	send_msg(fd, MSG_VM_PAUSE, &nobody, sizeof(nobody), 0);
	result(error_of(fd) == VM_ERROR_NOT_FOUND,
	    "a name without its end is not found");
	close(fd);
}

/* A start request whose numbers are out of bounds. */
static void
bad_start(const char *sentence, const struct msg_vm_start *m,
    const struct msg_vm_file *files, unsigned int nfiles, const char *cmdline)
{
	int fd = dial();

	send_msg(fd, MSG_VM_START, m, sizeof(*m), 0);
	for (unsigned int i = 0; i < nfiles; i++)
		send_msg(fd, MSG_VM_FILE, &files[i], sizeof(files[i]), 1);
	if (cmdline != NULL)
		send_msg(fd, MSG_VM_CMDLINE, cmdline, strlen(cmdline) + 1, 0);
	send_msg(fd, MSG_VM_START_END, NULL, 0, 0);
	must_refuse(fd, sentence);
}

static void
bad_starts(void)
{
	const struct msg_vm_start good = { .memory = 64 << 20,
		.given = START_MEMORY | START_DISKS,
		.disks = 1,
		.target = { .name = "hostile" } };
	struct msg_vm_start m;
	struct msg_vm_file f[2] = { { .kind = VM_FILE_DISK } };

#define BAD(sentence, change)                        \
	do {                                         \
		m = good;                            \
		change;                              \
		bad_start(sentence, &m, f, 1, NULL); \
	} while (0)
	BAD("a VM with 0xffffffff disks is refused", m.disks = 0xffffffff);
	BAD("a VM with 5 disks is refused", m.disks = 5);
	BAD("a VM with 0xffffffff interfaces is refused", m.nics = 0xffffffff);
	BAD("a VM of 2^63 bytes is refused", m.memory = 1ULL << 63);
	BAD("a VM of 1 byte is refused", m.memory = 1);
	BAD("a VM of 65 CPUs is refused", m.cpus = 65);
	BAD("unknown options are refused", m.given = 0xffffffff);
	BAD("an empty name is refused", m.target.name[0] = '\0');
	BAD("a name with a slash is refused", memcpy(m.target.name, "../x", 5));
	BAD("a name of escapes is refused",
	    memcpy(m.target.name, "\033[2J", 5));
	BAD("a name without its end is refused",
	    memset(m.target.name, 'a', sizeof(m.target.name)));
	BAD("an interface of no type is refused",
	    (m.nics = 1, m.nic[0].type = 99));
	BAD("an interface name without its end is refused",
	    (m.nics = 1,
		memset(m.nic[0].ifname, 'a', sizeof(m.nic[0].ifname))));
	BAD("a multicast address is refused",
	    (m.nics = 1, m.nic[0].mac[0] = 1));
	BAD("a disk that is /dev/null is refused", (void)m);
#undef BAD
	f[0].kind = 0xffffffff;
	bad_start("a file of no kind is refused", &good, f, 1, NULL);
	f[0].kind = VM_FILE_KVM;
	bad_start("a /dev/kvm of the client's is refused", &good, f, 1, NULL);
	f[0].kind = VM_FILE_TTY;
	bad_start("a terminal of the client's is refused", &good, f, 1, NULL);
	f[0].kind = VM_FILE_FIRMWARE;
	bad_start("a firmware of the client's is refused", &good, f, 1, NULL);
	f[0] = (struct msg_vm_file) { .kind = VM_FILE_DISK, .index = 4 };
	bad_start("disk number 4 is refused", &good, f, 1, NULL);
	f[0].index = 0x80000000;
	bad_start("disk number 2^31 is refused", &good, f, 1, NULL);
	f[0].index = 0;
	f[1] = f[0];
	bad_start("the same disk number twice is refused", &good, f, 2, NULL);
	f[1].index = 1;
	bad_start("a disk too many is refused", &good, f, 2, NULL);
	bad_start("a missing disk is refused", &good, f, 0, NULL);
	bad_start("a NUL in the command line is refused", &good, f, 1, "a");
}

static int
attempts(void)
{
	headers();
	every_row();
	descriptors();
	order();
	bad_starts();
	return status;
}

/* --- other modes ------------------------------------------------------------
 */

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
		errx(2, "usage: hostile socket what [arg ...]");
	socket_path = argv[1];
	if (strcmp(argv[2], "attempts") == 0)
		return attempts();
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
