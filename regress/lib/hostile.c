/* SPDX-License-Identifier: ISC */
/*
 * A client of the control socket that breaks every rule once, one connection
 * per attempt, and expects to be dropped or refused.  Most attempts derive from
 * the table of messages.
 *
 * Usage: hostile SOCKET		prints "ok - " lines
 */
#include "rawclient.h"

#include <stdlib.h>

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

static int status;

static void
result(bool good, const char *sentence)
{
	printf("%s - %s\n", good ? "ok" : "not ok", sentence);
	fflush(stdout);
	if (!good)
		status = 1;
}

static void
must_drop(int fd, const char *sentence)
{
	result(is_dropped(fd, ANSWER_MS), sentence);
	close(fd);
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

int
main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: hostile socket");
	socket_path = argv[1];
	headers();
	every_row();
	descriptors();
	order();
	bad_starts();
	return status;
}
