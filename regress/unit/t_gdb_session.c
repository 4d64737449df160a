/* SPDX-License-Identifier: ISC */
/*
 * The gdb server with a VM that has no hypervisor: clients that come and go,
 * acknowledge or not, talk while the guest runs, and find a crashed one.
 */
#include "check.h"
#include "gdb_client.h"

static void
attaches(void)
{
	REQUIRE(fake_vmm_start() && gdb_client_start(fake_vmm.vm));
	CHECK(!vm_gdb_is_attached(gdb_client.gdb));
	CHECK_EQ(gdb_running(), 7);
	vm_gdb_input(gdb_client.gdb, "$g#67", 5);
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_EQ(gdb_client.len, 0);
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK_EQ(gdb_client.stops, 1);
	CHECK_EQ(gdb_running(), 0);
	CHECK(vm_gdb_attach(gdb_client.gdb) == -1 && errno == EBUSY);
	/* It is answered when the guest stands; nothing else is taken. */
	CHECK_STR(gdb_ask("qSupported:swbreak+;hwbreak+"), "");
	CHECK_EQ(gdb_client.len, 1);
	gdb_ask("g");
	CHECK_EQ(gdb_client.len, 0);
	CHECK(gdb_starts(gdb_stopped(), "PacketSize=4000;"));
	CHECK(gdb_starts(gdb_ask("?"), "T05thread:1;06:"));
	CHECK_STR(gdb_ask("qAttached"), "1");
	CHECK_STR(gdb_ask("vMustReplyEmpty"), "");
	CHECK_STR(gdb_ask("qC"), "QC1");
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(gdb_client.detaches, 1);
	CHECK_EQ(gdb_client.resumes, 1);
	CHECK(!vm_gdb_is_attached(gdb_client.gdb));
	CHECK_EQ(gdb_running(), 7);
	/* The next one. */
	gdb_client.at_once = true;
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK(gdb_starts(gdb_ask("?"), "T05thread:1;"));
	vm_gdb_input(gdb_client.gdb, "$k#6b", 5);
	CHECK_EQ(gdb_client.detaches, 2);
	gdb_end();
}

static void
acknowledges(void)
{
	REQUIRE(gdb_begin());
	gdb_ask("qC");
	CHECK(memcmp(gdb_client.sent, "+$QC1#c5", 8) == 0);
	gdb_client.len = 0;
	vm_gdb_input(gdb_client.gdb, "$qC#b5", 6);
	CHECK(gdb_client.len == 1 && gdb_client.sent[0] == '-');
	/* Repeated when asked, but not for ever. */
	gdb_client.len = 0;
	vm_gdb_input(gdb_client.gdb, "-", 1);
	CHECK_STR(gdb_reply(), "QC1");
	gdb_client.len = 0;
	vm_gdb_input(gdb_client.gdb, "--------------------", 20);
	CHECK_EQ(gdb_client.len, 7 * 7);
	gdb_ask("qC");
	vm_gdb_input(gdb_client.gdb, "+", 1);
	gdb_client.len = 0;
	vm_gdb_input(gdb_client.gdb, "-", 1);
	CHECK_EQ(gdb_client.len, 0);
	CHECK_STR(gdb_ask("QStartNoAckMode"), "OK");
	gdb_ask("qC");
	CHECK_EQ(gdb_client.len, 7);
	gdb_client.len = 0;
	vm_gdb_input(gdb_client.gdb, "$qC#b5-", 7);
	CHECK_EQ(gdb_client.len, 0);
	gdb_end();
}

static void
hears_while_running(void)
{
	REQUIRE(gdb_begin());
	vm_gdb_input(gdb_client.gdb, "\3", 1);
	CHECK_EQ(gdb_client.stops, 1);
	gdb_ask("vCont;c");
	CHECK_STR(gdb_ask("qC"), "");
	vm_gdb_input(gdb_client.gdb, "$D#44\3\3", 7);
	CHECK_EQ(gdb_client.stops, 2);
	gdb_client.len = 0;
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_STR(gdb_reply(), "QC1");
	CHECK(
	    memmem(gdb_client.sent, gdb_client.len, "$T02thread", 10) != NULL);
	/* Nobody asked. */
	gdb_client.len = 0;
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_EQ(gdb_client.len, 0);
	gdb_end();
}

static void
cleans_up_after_a_hangup(void)
{
	int i;

	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	gdb_ask("vCont;c");
	/* It runs: it is stopped first. */
	vm_gdb_hangup(gdb_client.gdb);
	CHECK_EQ(gdb_client.stops, 2);
	CHECK_EQ(gdb_client.detaches, 0);
	CHECK_EQ(*fake_byte(0x1800), 0xcc);
	CHECK(vm_gdb_attach(gdb_client.gdb) == -1 && errno == EBUSY);
	CHECK(gdb_exits(1, 3, 0x1800, 0));
	gdb_client.len = 0;
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_EQ(gdb_client.len, 0);
	CHECK_EQ(gdb_client.detaches, 1);
	CHECK_EQ(gdb_client.resumes, 2);
	CHECK_EQ(*fake_byte(0x1800), 0x90);
	CHECK_EQ(fake_vmm.state[0].debug.flags, 0);
	CHECK_EQ(gdb_running(), 7);
	/* While it stands, and while it is being stopped. */
	for (i = 0; i < 2; i++) {
		REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
		if (i == 0)
			vm_gdb_stopped(gdb_client.gdb);
		vm_gdb_hangup(gdb_client.gdb);
		if (i == 1)
			vm_gdb_stopped(gdb_client.gdb);
		CHECK_EQ(gdb_client.detaches, 2 + i);
	}
	vm_gdb_hangup(gdb_client.gdb);
	CHECK_EQ(gdb_client.detaches, 3);
	gdb_end();
}

static void
reads_a_crashed_guest(void)
{
	static const char *const refused[] = { "vCont;c", "vCont;s:1", "c", "s",
		"P0=0000000000000000", "M1000,1:00", "X1000,1:a", "Z0,1000,1",
		"Z2,1000,1" };
	size_t i;

	REQUIRE(gdb_begin());
	gdb_ask("Z0,1800,1");
	gdb_ask("vCont;c");
	gdb_client.len = 0;
	vm_gdb_crashed(gdb_client.gdb, fake_vmm.vcpu[1], "triple fault");
	CHECK(gdb_starts(gdb_reply(), "T0bthread:2;"));
	CHECK(memmem(gdb_client.sent, gdb_client.len, "$O", 2) != NULL);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(gdb_starts(
		    gdb_ask("%s", refused[i]), "E.the guest crashed"));
	CHECK_STR(gdb_ask("z0,1800,1"), "OK");
	CHECK_STR(gdb_ask("m1800,1"), "90");
	CHECK(gdb_starts(gdb_ask("qRcmd,737461747573"), "63726173686564"));
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(gdb_client.resumes, 1);
	CHECK_EQ(gdb_client.detaches, 1);
	/* Who comes later finds it so, without a stop. */
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK_EQ(gdb_client.stops, 1);
	CHECK(gdb_starts(gdb_ask("?"), "T0bthread:2;"));
	vm_gdb_ended(gdb_client.gdb);
	CHECK_EQ(gdb_client.detaches, 2);
	gdb_end();

	REQUIRE(gdb_begin());
	gdb_ask("vCont;c");
	gdb_client.len = 0;
	vm_gdb_ended(gdb_client.gdb);
	CHECK_STR(gdb_reply(), "W00");
	CHECK_EQ(gdb_client.detaches, 1);
	gdb_end();
}

/* A KVM that emulates kernel code and gives up at an INT3. */
static void
takes_an_emulation_error(void)
{
	struct vm_exit e = { .reason = VM_EXIT_INTERNAL_ERROR };

	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	gdb_ask("vCont;c");
	fake_vmm.state[1].sregs.cs.base = 0x1000;
	fake_vmm.state[1].regs.rip = 0x801;
	CHECK(!vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[1], &e));
	fake_vmm.state[1].regs.rip = 0x800;
	CHECK(vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[1], &e));
	CHECK(gdb_starts(gdb_stopped(), "T05thread:2;"));
	gdb_end();
}

static const char *
monitor(const char *line)
{
	static char text[32 * 1024];
	char hex[1024] = "";
	const char *p;
	size_t i;

	for (i = 0; line[i] != '\0'; i++)
		(void)sprintf(hex + 2 * i, "%02x", (unsigned char)line[i]);
	p = gdb_ask("qRcmd,%s", hex);
	for (i = 0; p[0] != '\0' && p[1] != '\0'; p += 2) {
		unsigned int c;

		if (sscanf(p, "%2x", &c) == 1)
			text[i++] = (char)c;
	}
	text[i] = '\0';
	return text;
}

static void
has_monitor_commands(void)
{
	char line[300];

	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("Z0,2001,1"), "OK");
	CHECK(strstr(monitor("help"), "gla2gpa address -- ") != NULL);
	CHECK(strstr(monitor("registers"), "gdtr base 0") != NULL);
	CHECK_STR(monitor("gla2gpa 0x2001"), "0x2001\n");
	CHECK_STR(monitor("gla2gpa 0x20000"), "there is no memory\n");
	CHECK_STR(monitor("gla2gpa"), "gla2gpa needs one address\n");
	CHECK_STR(monitor("gla2gpa x"), "gla2gpa needs one address\n");
	CHECK_STR(monitor("gla2gpa -1"), "gla2gpa needs one address\n");
	CHECK_STR(monitor("physical 0x2000 3"), "000000002000 90 90 90\n");
	CHECK(strstr(monitor("physical 0xfff8 256"), "no memory") != NULL);
	CHECK(strstr(monitor("physical 0 257"), "at most 256") != NULL);
	CHECK_STR(
	    monitor("breakpoints"), "1 in memory\n  0x2001 physical 0x2001\n");
	CHECK(strstr(monitor("frobnicate a b c d e f"), "try help") != NULL);
	CHECK(strstr(monitor(""), "try help") != NULL);
	memset(line, 'a', sizeof(line));
	line[255] = '\0';
	CHECK(strstr(monitor(line), "try help") != NULL);
	line[255] = 'a';
	line[256] = '\0';
	(void)monitor(line);
	CHECK(gdb_is_error(gdb_reply(), EINVAL));
	CHECK(gdb_is_error(gdb_ask("qRcmd,6"), EINVAL));
	gdb_end();
}

static void
checks_its_host(void)
{
	struct vm_gdb_host bad = gdb_client_host;
	struct vm_gdb *g;

	REQUIRE(fake_vmm_start());
	bad.size--;
	CHECK(vm_gdb_create(fake_vmm.vm, &bad, NULL, &g) == -1 &&
	    errno == EINVAL);
	vm_gdb_destroy(NULL);
	fake_vmm_stop();
}

int
main(void)
{
	TEST(attaches);
	TEST(acknowledges);
	TEST(hears_while_running);
	TEST(cleans_up_after_a_hangup);
	TEST(reads_a_crashed_guest);
	TEST(takes_an_emulation_error);
	TEST(has_monitor_commands);
	TEST(checks_its_host);
	return CHECK_EXIT();
}
