/* SPDX-License-Identifier: ISC */
/*
 * The description of a VM: what a client may say of one, and that it travels
 * whole.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "entries.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"

static void
names(void)
{
	char longest[VMD_NAME_MAX + 2];

	CHECK(vmspec_name_ok("web1"));
	CHECK(vmspec_name_ok("a.b-c_d"));
	CHECK(vmspec_name_ok("9lives"));
	CHECK(!vmspec_name_ok("123"));
	CHECK(!vmspec_name_ok(""));
	CHECK(!vmspec_name_ok("-x"));
	CHECK(!vmspec_name_ok(".x"));
	CHECK(!vmspec_name_ok("_x"));
	CHECK(!vmspec_name_ok("a b"));
	CHECK(!vmspec_name_ok("a/b"));
	CHECK(!vmspec_name_ok("a\n"));
	memset(longest, 'a', sizeof(longest));
	longest[VMD_NAME_MAX + 1] = '\0';
	CHECK(!vmspec_name_ok(longest));
	longest[VMD_NAME_MAX] = '\0';
	CHECK(vmspec_name_ok(longest));
}

static struct msg_vm_start
good(void)
{
	struct msg_vm_start m = { .memory = 512 << 20,
		.given = START_MEMORY | START_CPUS,
		.cpus = 2 };

	strcpy(m.target.name, "web1");
	return m;
}

static enum vm_error
begin(const struct msg_vm_start *start)
{
	struct vmspec *s = vmspec_new();
	const struct msg m = { .type = MSG_VM_START, .payload = start };
	enum vm_error e = vmspec_begin(s, &m);

	vmspec_free(s);
	return e;
}

#define REFUSED(change)                                \
	do {                                           \
		struct msg_vm_start m = good();        \
		change;                                \
		CHECK_EQ(begin(&m), VM_ERROR_INVALID); \
	} while (0)

static void
hostile_starts_are_refused(void)
{
	struct msg_vm_start ok = good();

	CHECK_EQ(begin(&ok), VM_ERROR_OK);
	REFUSED(m.given = 0x8000);
	REFUSED(m.disks = VMD_DISKS_MAX + 1);
	REFUSED(m.nics = VMD_NICS_MAX + 1);
	REFUSED(m.cpus = VMD_CPUS_MAX + 1);
	REFUSED(m.cpus = 0);
	REFUSED(m.memory = VMD_MEMORY_MAX + (1 << 20));
	REFUSED(m.memory = (1 << 20) + 1);
	REFUSED(m.memory = 0);
	REFUSED(memset(m.target.name, 'a', sizeof(m.target.name)));
	REFUSED(m.target.name[0] = '\0');
	REFUSED((m.nics = 1, m.nic[0].type = 9));
	REFUSED((m.nics = 1, m.nic[0].flags = 0xf0));
	REFUSED((m.nics = 1, m.nic[0].mac[0] = 0x01));
	REFUSED((
	    m.nics = 1, memset(m.nic[0].ifname, 'x', sizeof(m.nic[0].ifname))));
}

static void
hostile_files_are_refused(void)
{
	struct vmspec *s = vmspec_new();
	struct msg_vm_file f = { .kind = VM_FILE_DISK };
	struct msg m = { .type = MSG_VM_FILE, .payload = &f, .fd = dup(0) };
	int fd = m.fd;

	f.index = VMD_DISKS_MAX;
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_INVALID);
	f.index = 0;
	f.kind = VM_FILE__COUNT;
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_INVALID);
	f.kind = VM_FILE_NONE;
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_INVALID);
	f.kind = VM_FILE_DISK;
	f.flags = 0x40;
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_INVALID);
	f.flags = FILE_READONLY;
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_OK);
	CHECK_EQ(m.fd, -1);
	CHECK_EQ(vmspec_get(s, VM_FILE_DISK, 0), fd);
	/* The same place twice. */
	m.fd = dup(0);
	CHECK_EQ(vmspec_file(s, &m), VM_ERROR_INVALID);
	close(m.fd);
	vmspec_free(s);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
}

static void
hostile_cmdlines_are_refused(void)
{
	struct vmspec *s = vmspec_new();
	struct msg m = {
		.type = MSG_VM_CMDLINE, .tail = "a\0b", .tail_len = 3
	};

	CHECK_EQ(vmspec_cmdline(s, &m), VM_ERROR_INVALID);
	m.tail = "quiet";
	m.tail_len = 5;
	CHECK_EQ(vmspec_cmdline(s, &m), VM_ERROR_OK);
	CHECK_STR(s->cmdline, "quiet");
	CHECK_EQ(vmspec_cmdline(s, &m), VM_ERROR_INVALID);
	vmspec_free(s);
}

static struct vmspec *received;
static bool complete;

static void
got(void *arg, struct msg *m)
{
	(void)arg;
	if (m->type == MSG_VM_START)
		CHECK_EQ(vmspec_begin(received, m), VM_ERROR_OK);
	else if (m->type == MSG_VM_FILE)
		CHECK_EQ(vmspec_file(received, m), VM_ERROR_OK);
	else if (m->type == MSG_VM_CMDLINE)
		CHECK_EQ(vmspec_cmdline(received, m), VM_ERROR_OK);
	else
		complete = true;
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_VM_START] = got,
	[MSG_VM_FILE] = got,
	[MSG_VM_CMDLINE] = got,
	[MSG_VM_START_END] = got,
};

static void
a_description_travels(void)
{
	int before = entries_fds();
	struct msg_link a, b;
	struct vmspec *s = vmspec_new();
	int sv[2];

	received = vmspec_new();
	complete = false;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	REQUIRE(msg_link_init(
		    &a, sv[0], PEER_PARENT, PEER_VMM, handlers, NULL) == 0);
	REQUIRE(msg_link_init(
		    &b, sv[1], PEER_VMM, PEER_PARENT, handlers, NULL) == 0);
	s->start = good();
	s->start.disks = 2;
	s->cmdline = strdup("console=ttyS0");
	vmspec_put(s, VM_FILE_KERNEL, 0, dup(0), 0);
	vmspec_put(s, VM_FILE_DISK, 1, dup(0), FILE_READONLY);
	vmspec_put(s, VM_FILE_TTY, 0, dup(0), 0);
	CHECK_EQ(
	    vmspec_send(s, &a, 5, 1U << VM_FILE_KERNEL | 1U << VM_FILE_DISK),
	    0);
	while (!complete && msg_link_read(&b) == 0)
		continue;
	CHECK(complete);
	CHECK_STR(received->cmdline, "console=ttyS0");
	CHECK_EQ(received->start.disks, 2);
	CHECK(vmspec_get(received, VM_FILE_KERNEL, 0) != -1);
	CHECK_EQ(vmspec_get(received, VM_FILE_DISK, 0), -1);
	CHECK(vmspec_get(received, VM_FILE_DISK, 1) != -1);
	CHECK_EQ(received->flags[VM_FILE_DISK][1], FILE_READONLY);
	/* A kind that was not asked for stays. */
	CHECK_EQ(vmspec_get(received, VM_FILE_TTY, 0), -1);
	vmspec_free(s);
	vmspec_free(received);
	msg_link_fini(&a);
	msg_link_fini(&b);
	CHECK_EQ(entries_fds(), before);
}

int
main(void)
{
	TEST(names);
	TEST(hostile_starts_are_refused);
	TEST(hostile_files_are_refused);
	TEST(hostile_cmdlines_are_refused);
	TEST(a_description_travels);
	return CHECK_EXIT();
}
