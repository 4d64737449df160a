/* SPDX-License-Identifier: ISC */
/*
 * The gdb server with vCPUs that run in their threads: stops, steps,
 * breakpoints that both processors meet, and clients that go in the middle of
 * it.  ThreadSanitizer sees whether who may touch what holds.
 */
#include "gdbguest.h"

#include <poll.h>

#include "check.h"
#include "guest.h"

#define ROUNDS 60
/* A stop that does not come ends the test. */
#define LIMIT_S 100
#define BUMP (GDBGUEST_BASE + GDBGUEST_TEXT + 0x11)
#define OTHER (GDBGUEST_BASE + GDBGUEST_TEXT + GDBGUEST_OTHER)

static struct gdbguest g;
static char sent[4096]; /* the last packet, as it was sent */
static unsigned int packets, detaches;
static const char *has = "";

static void
on_send(void *arg, const void *buf, size_t len)
{
	(void)arg;
	if (len >= sizeof(sent) || *(const char *)buf != '$')
		return;
	memcpy(sent, buf, len);
	sent[len] = '\0';
	packets++;
}

static void
on_detach(void *arg)
{
	(void)arg;
	detaches++;
}

static const struct vm_gdb_host host = { sizeof(host), on_send, gdbguest_stop,
	gdbguest_resume, on_detach };

/* Until something has been sent, or the client was let go. */
static void
wait_for_server(void)
{
	unsigned int p = packets, d = detaches;
	struct pollfd wake = { g.wake, POLLIN, 0 };

	while (packets == p && detaches == d)
		if (poll(&wake, 1, 1000) == 1)
			gdbguest_woken(&g);
}

static void
say(const char *text)
{
	uint8_t sum = 0;
	char tail[4];
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
	(void)snprintf(tail, sizeof(tail), "#%02x", sum);
	vm_gdb_input(g.gdb, "$", 1);
	vm_gdb_input(g.gdb, text, i);
	vm_gdb_input(g.gdb, tail, 3);
}

/* The reply to a packet, which may be the next stop. */
static bool
ask(const char *text, const char *reply)
{
	unsigned int before = packets;

	say(text);
	if (packets == before)
		wait_for_server();
	if (strncmp(sent + 1, reply, strlen(reply)) == 0)
		return true;
	printf("# to %s came %.60s, not %s\n", text, sent, reply);
	return false;
}

static bool
interrupt(void)
{
	vm_gdb_input(g.gdb, "\3", 1);
	wait_for_server();
	return strncmp(sent + 1, "T02", 3) == 0;
}

static bool
attach(void)
{
	return vm_gdb_attach(g.gdb) == 0 && ask("QStartNoAckMode", "OK");
}

/* Both processors have counted on. */
static bool
let_run(void)
{
	uint64_t a = gdbguest_counter(&g, 0), b = gdbguest_counter(&g, 1);
	int i;

	for (i = 0; i < 20000; i++) {
		if (gdbguest_counter(&g, 0) != a &&
		    gdbguest_counter(&g, 1) != b)
			return true;
		usleep(100);
	}
	return false;
}

static uint64_t
rip_of(unsigned int cpu)
{
	struct vcpu_regs r;

	return vcpu_get_regs(g.vcpu[cpu], &r) == 0 ? r.rip : 0;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	has = gdbguest_abilities();
	printf("# this host's KVM has:%s\n", has);
	REQUIRE(gdbguest_start(&g));
	REQUIRE(vm_gdb_create(g.vm, &host, &g, &g.gdb) == 0);
	REQUIRE(gdbguest_run(&g));
	REQUIRE(attach());
	CHECK(ask("?", "T05thread:1;"));
	CHECK_EQ(rip_of(0), GDBGUEST_BASE + GDBGUEST_TEXT);
}

static void
test_interrupts(void)
{
	unsigned int moved = 0, i;
	uint64_t n;

	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	for (i = 0; i < ROUNDS; i++) {
		say("vCont;c");
		if (i % 4 == 0)
			REQUIRE(let_run());
		REQUIRE(interrupt());
		n = gdbguest_counter(&g, 0) + gdbguest_counter(&g, 1);
		usleep(100);
		moved += gdbguest_counter(&g, 0) + gdbguest_counter(&g, 1) != n;
		REQUIRE(ask("g", ""));
	}
	CHECK_EQ(moved, 0);
}

static void
test_steps(void)
{
	uint64_t before;
	unsigned int i;

	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	if (strstr(has, "step") == NULL)
		SKIP("this host's KVM has no steps");
	REQUIRE(ask("Hg2", "OK"));
	REQUIRE(ask("P10=00110080ffffffff", "OK"));
	CHECK_EQ(rip_of(1), OTHER);
	before = gdbguest_counter(&g, 0);
	for (i = 0; i < ROUNDS; i++)
		REQUIRE(ask("vCont;s:2", "T05thread:2;"));
	CHECK_EQ(rip_of(1), OTHER);
	CHECK_EQ(gdbguest_counter(&g, 0), before);
	/* One steps while the other runs. */
	for (i = 0; i < ROUNDS; i++)
		REQUIRE(ask("vCont;s:2;c", "T05thread:2;"));
	CHECK_EQ(rip_of(1), OTHER);
}

/* Both processors, over and over: taken away to step, put back. */
static void
meet(const char *insert, const char *remove, uint64_t at, const char *thread)
{
	char step[32], stop[32];
	unsigned int i;

	(void)snprintf(step, sizeof(step), "vCont;s:%s", thread);
	(void)snprintf(stop, sizeof(stop), "T05thread:%s;", thread);
	for (i = 0; i < ROUNDS; i++) {
		REQUIRE(ask(insert, "OK"));
		REQUIRE(ask("vCont;c", stop));
		REQUIRE(rip_of((unsigned int)atoi(thread) - 1) == at);
		REQUIRE(ask(remove, "OK"));
		REQUIRE(ask(step, stop));
	}
	CHECK_EQ(gdbguest_changed(&g), 0);
}

static void
test_breakpoints(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	if (strstr(has, "int3") == NULL)
		SKIP("this host's KVM does not exit for INT3");
	meet("Z0,ffffffff80001011,1", "z0,ffffffff80001011,1", BUMP, "1");
	meet("Z0,ffffffff80001100,1", "z0,ffffffff80001100,1", OTHER, "2");
}

static void
test_points(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	if (strstr(has, "code") == NULL)
		SKIP("this host's KVM has no points on code");
	meet("Z1,ffffffff80001011,1", "z1,ffffffff80001011,1", BUMP, "1");
	meet("Z1,ffffffff80001100,1", "z1,ffffffff80001100,1", OTHER, "2");
}

static void
test_watchpoints(void)
{
	uint64_t n;
	unsigned int i;

	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	if (strstr(has, "data") == NULL)
		SKIP("this host's KVM has no points on data");
	REQUIRE(ask("Z2,ffffffff80003000,8", "OK"));
	for (i = 0; i < ROUNDS; i++) {
		n = gdbguest_counter(&g, 0);
		REQUIRE(ask("vCont;c", "T05thread:1;watch:f"));
		CHECK_EQ(gdbguest_counter(&g, 0), n + 1);
	}
	REQUIRE(ask("Z4,ffffffff80003008,8", "OK"));
	for (i = 0; i < ROUNDS; i++)
		REQUIRE(ask("vCont;c", "T05thread:"));
	REQUIRE(ask("z2,ffffffff80003000,8", "OK"));
	REQUIRE(ask("z4,ffffffff80003008,8", "OK"));
}

/* What is the guest's own gets to the guest, while the debugger has some. */
static void
test_own_exceptions(void)
{
	uint64_t rip;
	int i;

	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	if (strstr(has, "int3-emulated") != NULL)
		SKIP("this host's KVM emulates kernel code, and knows no INT3");
	REQUIRE(ask("Z0,ffffffff80001011,1", "OK"));
	REQUIRE(ask("Z1,ffffffff80001011,1", "OK"));
	REQUIRE(ask("Hg1", "OK"));
	REQUIRE(ask("P10=00120080ffffffff", "OK"));
	say("vCont;c");
	for (i = 0; i < 5000 && gdbguest_counter(&g, GDBGUEST_OWN_DONE) == 0;
	     i++)
		usleep(1000);
	REQUIRE(interrupt());
	CHECK_EQ(gdbguest_counter(&g, GDBGUEST_OWN_DONE), 1);
	CHECK_EQ(gdbguest_counter(&g, GDBGUEST_OWN_TRAPS), 1);
	rip = gdbguest_counter(&g, GDBGUEST_OWN_RIP);
	rip -= GDBGUEST_BASE + GDBGUEST_TEXT;
	REQUIRE(rip > GDBGUEST_OWN && rip < sizeof(guest_gdb));
	CHECK_EQ(guest_gdb[rip - 1], 0xcc);
	CHECK_EQ(guest_gdb[rip], 0x9c); /* PUSHF is next */
	CHECK_EQ(gdbguest_counter(&g, GDBGUEST_OWN_STEPS), 1);
	CHECK_EQ(gdbguest_counter(&g, GDBGUEST_OWN_DR6) & 0x400f, 0x4000);
	REQUIRE(ask("z0,ffffffff80001011,1", "OK"));
	REQUIRE(ask("z1,ffffffff80001011,1", "OK"));
	REQUIRE(ask("P10=00100080ffffffff", "OK"));
}

/* Clients go while it stands, while it runs, and while it is being stopped. */
static void
test_clients(void)
{
	unsigned int i;

	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	for (i = 0; i < ROUNDS; i++) {
		if (strstr(has, "int3") != NULL)
			REQUIRE(ask("Z0,ffffffff80001011,1", "OK"));
		if (i % 3 != 0)
			say("vCont;c");
		if (i % 3 == 2)
			vm_gdb_input(g.gdb, "\3", 1);
		vm_gdb_hangup(g.gdb);
		if (vm_gdb_is_attached(g.gdb))
			wait_for_server();
		CHECK_EQ(detaches, i + 1);
		CHECK_EQ(gdbguest_changed(&g), 0);
		REQUIRE(i % 8 != 0 || let_run());
		REQUIRE(attach());
	}
	REQUIRE(ask("D", "OK"));
	CHECK(let_run());
}

static void
test_end(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(g.gdb != NULL);
	gdbguest_end(&g);
	vm_gdb_destroy(g.gdb);
	CHECK_EQ(gdbguest_changed(&g), 0);
	gdbguest_close(&g);
}

int
main(void)
{
	alarm(LIMIT_S);
	TEST(test_start);
	TEST(test_interrupts);
	TEST(test_steps);
	TEST(test_breakpoints);
	TEST(test_points);
	TEST(test_watchpoints);
	TEST(test_own_exceptions);
	TEST(test_clients);
	TEST(test_end);
	return CHECK_EXIT();
}
