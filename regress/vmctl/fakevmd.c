/* SPDX-License-Identifier: ISC */
/*
 * A daemon that does as it is told: usage fakevmd SOCKET SCRIPT, or fakevmd
 * MESSAGE, which prints the size of its payload.  It accepts one client and
 *works through the lines of SCRIPT, printing each request it gets on stdout, so
 *that a test can compare both sides of a conversation.
 *
 *	want NAME	read a request of this type and print it
 *	result KEY=VALUE ...	answer; detail= takes the rest of the line
 *	status KEY=VALUE ...	describe a VM
 *	stats KEY=VALUE ...	a counter; v0=, v1= ... are of its vCPUs
 *	end		end of the list of VMs
 *	progress DONE TOTAL	of a dump
 *	sending ROUND SENT LEFT RATE DIRTY DOWNTIME THROTTLE	of a send
 *	fill TEXT	writes it into the file of the last VM_DUMP or VM_SEND,
 *or the way back of a receive
 *	back		prints a line that came back on the socket of a VM_SEND
 *	rest		prints what is left of a state that is received
 *	message NAME N	a message of this type with N zero bytes
 *	peerid N	of the answers from here on
 *	descriptor	the next answer carries one
 *	raw HEX		bytes as they are
 *	sleep MS
 *	close		the connection; the script goes on
 *	eof		wait until the client has closed
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"
#include "vm_error.h"
#include "vmd_msg.h"

#define NAME_ROW(name, edges, payload, tail, fd) [MSG_##name] = #name,
static const char *const names[MSG__COUNT] = { VMD_MESSAGES(NAME_ROW) };

#define S(name) sizeof(struct name)
#define SIZE_ROW(name, edges, payload, tail, fd) [MSG_##name] = payload,
static const size_t sizes[MSG__COUNT] = { VMD_MESSAGES(SIZE_ROW) };

#define ERROR_ROW(name, file, text) #name,
static const char *const errors[] = { VM_ERRORS(ERROR_ROW) };

static struct imsgbuf ibuf;
static int client = -1;
static uint32_t peerid = VMD_PROTOCOL;
static int next_fd = -1;
static int dump_fd = -1;
static int state_fd = -1;

static uint32_t
type_number(const char *name)
{
	uint32_t i;

	for (i = 0; i < MSG__COUNT; i++)
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return i;
	return (uint32_t)strtoul(name, NULL, 0);
}

static uint32_t
error_number(const char *name)
{
	uint32_t i;

	for (i = 0; i < VM_ERROR__COUNT; i++)
		if (strcmp(errors[i], name) == 0)
			return i;
	return (uint32_t)strtoul(name, NULL, 0);
}

/* --- what arrives ----------------------------------------------------------
 */

static void
print_target(const struct msg_vm_target *target)
{
	if (target->id != 0)
		printf(" id=%u%s", target->id, target->name);
	else
		printf(" name=%s", target->name);
}

static void
print_start(const struct msg_vm_start *start)
{
	uint32_t i;

	print_target(&start->target);
	printf(" given=0x%02x memory=%lluM cpus=%u disks=%u nics=%u",
	    start->given, (unsigned long long)(start->memory >> 20),
	    start->cpus, start->disks, start->nics);
	if (start->debug != 0)
		printf(" debug=%u", start->debug);
	if ((start->given & START_RECEIVE) != 0)
		printf(" receive=%u", start->receive);
	for (i = 0; i < start->nics && i < VMD_NICS_MAX; i++)
		printf("%s%u", i == 0 ? " types=" : ",", start->nic[i].type);
	for (i = 0; (start->given & START_RECEIVE) != 0 && i < start->nics; i++)
		printf("%s%02x..%02x/%u", i == 0 ? " macs=" : ",",
		    start->nic[i].mac[0], start->nic[i].mac[5],
		    start->nic[i].flags);
}

static void
print_file(const struct msg_vm_file *file, int fd)
{
	struct stat st = { .st_size = -1 };
	int flags = fcntl(fd, F_GETFL);

	fstat(fd, &st);
	printf(" kind=%s index=%u flags=%u size=%lld %s%s",
	    vm_file_text(file->kind), file->index, file->flags,
	    (long long)st.st_size, (flags & O_ACCMODE) == O_RDWR ? "rw" : "ro",
	    (flags & O_NONBLOCK) != 0 ? " nonblock" : "");
}

static const char *
type_name(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return "?";
	return S_ISREG(st.st_mode) ? "file"
	    : S_ISFIFO(st.st_mode) ? "pipe"
	    : S_ISSOCK(st.st_mode) ? "socket"
				   : "?";
}

/* What a VM is received from, and the way back.  Keeps fd. */
static void
print_state(const struct msg_vm_file *file, int fd)
{
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st = { .st_size = -1 };

	printf(" kind=%s index=%u flags=%u %s%s", vm_file_text(file->kind),
	    file->index, file->flags, type_name(fd),
	    (flags & O_NONBLOCK) != 0 ? " nonblock" : "");
	if (file->kind == VM_FILE_STATE_HEAD && fstat(fd, &st) == 0)
		printf(" size=%lld offset=%lld seals=%s", (long long)st.st_size,
		    (long long)lseek(fd, 0, SEEK_CUR),
		    seals == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
			? "all"
			: "?");
	if (file->kind == VM_FILE_STATE)
		state_fd = fd;
	else if (file->kind == VM_FILE_STATE_ACK)
		dump_fd = fd;
	else
		close(fd);
}

/* Keeps fd. */
static void
print_send(const struct msg_vm_send *send, int fd)
{
	print_target(&send->ask.target);
	printf(" flags=%u downtime=%u level=%u %s", send->ask.flags,
	    send->downtime_ms, send->level, type_name(fd));
	dump_fd = fd;
}

/* Keeps fd. */
static void
print_dump(int fd)
{
	struct stat st = { .st_size = -1 };
	int flags = fcntl(fd, F_GETFL);

	fstat(fd, &st);
	printf(" mode=%o size=%lld %s links=%s", st.st_mode & 0777,
	    (long long)st.st_size,
	    (flags & O_ACCMODE) == O_RDWR && (flags & O_APPEND) == 0 ? "rw"
								     : "?",
	    st.st_nlink == 0 ? "none" : "some");
	dump_fd = fd;
}

/* Whole payloads only: a short one is a failure of the test. */
static void
payload(struct imsg *imsg, void *data, size_t len)
{
	if (imsg_get_data(imsg, data, len) == -1)
		errx(1, "%s: %zu bytes", names[imsg_get_type(imsg)],
		    imsg_get_len(imsg));
}

static void
print_request(struct imsg *imsg)
{
	union {
		struct msg_vm_start start;
		struct msg_vm_file file;
		struct msg_vm_stop stop;
		struct msg_vm_target target;
		struct msg_reset reset;
		struct msg_log_level level;
		struct msg_vm_ask ask;
		struct msg_vm_send send;
	} m;
	uint32_t type = imsg_get_type(imsg);
	int fd = imsg_get_fd(imsg);

	printf("%s", names[type]);
	if (imsg_get_id(imsg) != VMD_PROTOCOL)
		printf(" peerid=%u", imsg_get_id(imsg));
	if ((fd != -1) !=
	    (type == MSG_VM_FILE || type == MSG_VM_DUMP || type == MSG_VM_SEND))
		printf(" descriptor=%d", fd != -1);
	if (type == MSG_VM_START) {
		payload(imsg, &m, sizeof(m.start));
		print_start(&m.start);
	} else if (type == MSG_VM_FILE) {
		payload(imsg, &m, sizeof(m.file));
		if (m.file.kind >= VM_FILE_STATE &&
		    m.file.kind <= VM_FILE_STATE_ACK) {
			print_state(&m.file, fd);
			fd = -1;
		} else
			print_file(&m.file, fd);
	} else if (type == MSG_VM_SEND) {
		payload(imsg, &m, sizeof(m.send));
		print_send(&m.send, fd);
		fd = -1;
	} else if (type == MSG_VM_CMDLINE) {
		printf(" \"%.*s\"", (int)imsg_get_len(imsg),
		    imsg->data == NULL ? "" : (char *)imsg->data);
	} else if (type == MSG_VM_STOP) {
		payload(imsg, &m, sizeof(m.stop));
		print_target(&m.stop.target);
		printf(" flags=%u", m.stop.flags);
	} else if (type == MSG_VM_WAIT || type == MSG_VM_PAUSE ||
	    type == MSG_VM_UNPAUSE || type == MSG_VM_GDB) {
		payload(imsg, &m, sizeof(m.target));
		print_target(&m.target);
	} else if (type == MSG_VM_DUMP) {
		payload(imsg, &m, sizeof(m.ask));
		print_target(&m.ask.target);
		print_dump(fd);
		fd = -1;
	} else if (type == MSG_VM_STATS) {
		payload(imsg, &m, sizeof(m.ask));
		print_target(&m.ask.target);
		printf(" client=%u flags=%u", m.ask.client, m.ask.flags);
	} else if (type == MSG_RESET) {
		payload(imsg, &m, sizeof(m.reset));
		printf(" what=%u", m.reset.what);
	} else if (type == MSG_LOG_LEVEL) {
		payload(imsg, &m, sizeof(m.level));
		printf(" level=%u", m.level.level);
	} else if (imsg_get_len(imsg) != 0)
		printf(" %zu bytes", imsg_get_len(imsg));
	putchar('\n');
	if (fd != -1)
		close(fd);
}

static void
want(const char *name)
{
	struct imsg imsg;
	ssize_t n;
	int r;

	while ((n = imsg_get(&ibuf, &imsg)) == 0)
		if ((r = imsgbuf_read(&ibuf)) != 1)
			errx(1, "want %s: the client is gone", name);
	if (n == -1)
		err(1, "want %s", name);
	if (imsg_get_type(&imsg) != type_number(name))
		errx(1, "want %s, got %u", name, imsg_get_type(&imsg));
	print_request(&imsg);
	imsg_free(&imsg);
}

/* --- what is answered ------------------------------------------------------
 */

/* The value of " KEY=" in line, up to the next blank, or "". */
static const char *
value(const char *line, const char *key)
{
	static char text[128];
	const char *at = line;
	size_t len = strlen(key);

	text[0] = '\0';
	while ((at = strstr(at, key)) != NULL) {
		if (at > line && at[-1] == ' ' && at[len] == '=') {
			snprintf(text, sizeof(text), "%.*s",
			    (int)strcspn(at + len + 1, " "), at + len + 1);
			break;
		}
		at += len;
	}
	return text;
}

static uint64_t
number(const char *line, const char *key)
{
	return strtoull(value(line, key), NULL, 0);
}

static void
answer(uint32_t type, const void *data, size_t len)
{
	if (imsg_compose(&ibuf, type, peerid, 0, next_fd, data, len) == -1)
		err(1, "imsg_compose");
	next_fd = -1;
	if (imsgbuf_flush(&ibuf) == -1)
		warn("answer");
}

static void
answer_result(const char *line)
{
	struct {
		struct msg_result result;
		char detail[VMD_DETAIL_MAX + 1];
	} m;
	struct msg_result *r = &m.result;
	const char *detail = strstr(line, " detail=");

	memset(&m, 0, sizeof(m));
	r->error = error_number(value(line, "error"));
	r->sys_errno = (uint32_t)number(line, "errno");
	r->vm_id = (uint32_t)number(line, "id");
	r->file = (uint32_t)number(line, "file");
	r->index = (uint32_t)number(line, "index");
	snprintf(r->name, sizeof(r->name), "%s", value(line, "name"));
	snprintf(r->tty, sizeof(r->tty), "%s", value(line, "tty"));
	if (detail != NULL)
		snprintf(m.detail, sizeof(m.detail), "%s", detail + 8);
	answer(MSG_RESULT, &m, sizeof(*r) + strlen(m.detail));
}

static void
answer_status(const char *line)
{
	struct msg_status_vm vm;

	memset(&vm, 0, sizeof(vm));
	vm.id = (uint32_t)number(line, "id");
	vm.pid = (int32_t)number(line, "pid");
	vm.cpus = (uint32_t)number(line, "cpus");
	vm.state = (uint32_t)number(line, "state");
	vm.memory = number(line, "memory") << 20;
	vm.memory_used = number(line, "used") << 20;
	vm.uid = (uint32_t)number(line, "uid");
	vm.gid = *value(line, "gid") ? (int64_t)number(line, "gid") : -1;
	vm.flags = (uint32_t)number(line, "flags");
	snprintf(vm.name, sizeof(vm.name), "%s", value(line, "name"));
	snprintf(vm.tty, sizeof(vm.tty), "%s", value(line, "tty"));
	answer(MSG_STATUS_VM, &vm, sizeof(vm));
}

static void
answer_stats(const char *line)
{
	struct msg_stats_row row;
	char key[16];

	memset(&row, 0, sizeof(row));
	row.unit = (uint32_t)number(line, "unit");
	row.vcpus = (uint32_t)number(line, "vcpus");
	row.vm = number(line, "vm");
	for (uint32_t i = 0; i < row.vcpus && i < VMD_CPUS_MAX; i++) {
		snprintf(key, sizeof(key), "v%u", i);
		row.vcpu[i] = number(line, key);
	}
	snprintf(row.name, sizeof(row.name), "%s", value(line, "name"));
	answer(MSG_STATS_ROW, &row, sizeof(row));
}

static void
answer_raw(const char *hex)
{
	unsigned int byte;
	char c;

	for (; sscanf(hex, " %2x", &byte) == 1; hex += 2) {
		hex += strspn(hex, " ");
		c = (char)byte;
		if (write(client, &c, 1) != 1)
			warn("raw");
	}
}

static void
answer_zeroes(const char *line)
{
	static const char zeroes[4096];
	char name[64] = "";
	size_t len = 0;

	if (sscanf(line, "%63s %zu", name, &len) < 1 || len > sizeof(zeroes))
		errx(1, "message %s", line);
	answer(type_number(name), zeroes, len);
}

static void
answer_progress(const char *line)
{
	struct msg_vm_progress m = { .client = 0 };
	unsigned long long done = 0, total = 0;

	if (sscanf(line, "%llu %llu", &done, &total) != 2)
		errx(1, "progress %s", line);
	m.done = done;
	m.total = total;
	answer(MSG_VM_PROGRESS, &m, sizeof(m));
}

static void
answer_sending(const char *line)
{
	struct msg_send_progress m = { .client = 0 };
	unsigned long long sent = 0, left = 0, rate = 0, dirty = 0;

	if (sscanf(line, "%u %llu %llu %llu %llu %u %u", &m.round, &sent, &left,
		&rate, &dirty, &m.downtime_ms, &m.throttle) != 7)
		errx(1, "sending %s", line);
	m.sent = sent;
	m.left = left;
	m.rate = rate;
	m.dirty = dirty;
	answer(MSG_SEND_PROGRESS, &m, sizeof(m));
}

/* All that is left of it, as text. */
static void
print_rest(void)
{
	char text[256];
	ssize_t n;

	printf("rest \"");
	while ((n = read(state_fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	printf("\"\n");
	close(state_fd);
}

static void
print_back(void)
{
	char c;

	printf("back \"");
	while (read(dump_fd, &c, 1) == 1 && c != '\n')
		putchar(c);
	printf("\"\n");
}

static void
do_line(const char *line)
{
	char word[32] = "";
	const char *rest;
	char c;

	sscanf(line, "%31s", word);
	rest = line + strlen(word) + (line[strlen(word)] == ' ');
	if (strcmp(word, "want") == 0)
		want(rest);
	else if (strcmp(word, "result") == 0)
		answer_result(line);
	else if (strcmp(word, "status") == 0)
		answer_status(line);
	else if (strcmp(word, "stats") == 0)
		answer_stats(line);
	else if (strcmp(word, "end") == 0)
		answer(MSG_STATUS_END, NULL, 0);
	else if (strcmp(word, "progress") == 0)
		answer_progress(rest);
	else if (strcmp(word, "sending") == 0)
		answer_sending(rest);
	else if (strcmp(word, "back") == 0)
		print_back();
	else if (strcmp(word, "rest") == 0)
		print_rest();
	else if (strcmp(word, "fill") == 0) {
		if (write(dump_fd, rest, strlen(rest)) == -1)
			warn("fill");
	} else if (strcmp(word, "message") == 0)
		answer_zeroes(rest);
	else if (strcmp(word, "peerid") == 0)
		peerid = (uint32_t)strtoul(rest, NULL, 0);
	else if (strcmp(word, "descriptor") == 0)
		next_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else if (strcmp(word, "raw") == 0)
		answer_raw(rest);
	else if (strcmp(word, "sleep") == 0)
		usleep((useconds_t)strtoul(rest, NULL, 0) * 1000);
	else if (strcmp(word, "close") == 0) {
		close(client);
		client = -1;
	} else if (strcmp(word, "eof") == 0)
		while (read(client, &c, 1) == 1)
			continue;
	else if (*word != '\0')
		errx(1, "%s: no such word", word);
}

/* The socket appears under its name once it listens. */
static int
listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s.new", path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 5) == -1 || rename(sun.sun_path, path) == -1)
		err(1, "%s", path);
	return fd;
}

int
main(int argc, char *argv[])
{
	char line[2048];
	FILE *script;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2) {
		printf("%zu\n",
		    strcmp(argv[1], "detail") == 0
			? VMD_DETAIL_MAX
			: sizes[type_number(argv[1])]);
		return 0;
	}
	if (argc != 3)
		errx(1, "usage: fakevmd socket script | message");
	if ((script = fopen(argv[2], "re")) == NULL)
		err(1, "%s", argv[2]);
	fd = listen_at(argv[1]);
	if ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) == -1)
		err(1, "accept");
	if (imsgbuf_init(&ibuf, client) == -1)
		err(1, "imsgbuf_init");
	imsgbuf_allow_fdpass(&ibuf);
	while (fgets(line, sizeof(line), script) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		do_line(line);
	}
	fclose(script);
	unlink(argv[1]);
	return 0;
}
