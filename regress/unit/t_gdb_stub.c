/* SPDX-License-Identifier: ISC */
/*
 * The gdb stub with a VM that has no hypervisor: what a client reads and
 * writes, how the host is asked to stop and to go on, and clients that mean
 * no good.
 */
#include "check.h"
#include "fake_vmm.h"
#include "gdb_client.h"

/* A stub whose client has attached and whose guest stands. */
static bool
begin(void)
{
	if (!fake_vmm_start() || !gdb_client_start(fake_vmm.vm) ||
	    vm_gdb_attach(gdb_client.gdb) == -1)
		return false;
	vm_gdb_stopped(gdb_client.gdb);
	return gdb_client.stops == 1;
}

static void
end(void)
{
	gdb_client_stop();
	fake_vmm_stop();
}

static bool
is_error(const char *reply, int err)
{
	char want[8];

	(void)snprintf(want, sizeof(want), "E%02x", err);
	return strcmp(reply, want) == 0;
}

static bool
starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* The guest runs; a debug exit of a vCPU. */
static bool
exits(unsigned int cpu, uint32_t exception, uint64_t pc, uint64_t dr6)
{
	struct vm_exit e = { .reason = VM_EXIT_DEBUG };

	e.u.debug.exception = exception;
	e.u.debug.pc = pc;
	e.u.debug.dr6 = dr6;
	return vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[cpu], &e);
}

static unsigned int
running(void)
{
	unsigned int i, mask = 0;

	for (i = 0; i < FAKE_CPUS; i++)
		if (vm_gdb_may_run(gdb_client.gdb, fake_vmm.vcpu[i]))
			mask |= 1U << i;
	return mask;
}

static void
attaches(void)
{
	REQUIRE(fake_vmm_start() && gdb_client_start(fake_vmm.vm));
	CHECK(!vm_gdb_is_attached(gdb_client.gdb));
	CHECK_EQ(running(), 7);
	vm_gdb_input(gdb_client.gdb, "$g#67", 5);
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_EQ(gdb_client.len, 0);
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK_EQ(gdb_client.stops, 1);
	CHECK_EQ(running(), 0);
	CHECK(vm_gdb_attach(gdb_client.gdb) == -1 && errno == EBUSY);
	/* It is answered when the guest stands; nothing else is taken. */
	CHECK_STR(gdb_ask("qSupported:swbreak+;hwbreak+"), "");
	CHECK_EQ(gdb_client.len, 1);
	gdb_ask("g");
	CHECK_EQ(gdb_client.len, 0);
	CHECK(starts(gdb_stopped(), "PacketSize=4000;"));
	CHECK(starts(gdb_ask("?"), "T05thread:1;06:"));
	CHECK_STR(gdb_ask("qAttached"), "1");
	CHECK_STR(gdb_ask("vMustReplyEmpty"), "");
	CHECK_STR(gdb_ask("qC"), "QC1");
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(gdb_client.detaches, 1);
	CHECK_EQ(gdb_client.resumes, 1);
	CHECK(!vm_gdb_is_attached(gdb_client.gdb));
	CHECK_EQ(running(), 7);
	/* The next one. */
	gdb_client.at_once = true;
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK(starts(gdb_ask("?"), "T05thread:1;"));
	vm_gdb_input(gdb_client.gdb, "$k#6b", 5);
	CHECK_EQ(gdb_client.detaches, 2);
	end();
}

static void
acknowledges(void)
{
	REQUIRE(begin());
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
	end();
}

/* The description and the registers say the same. */
static void
describes_registers(void)
{
	static char xml[16384], all[16384];
	unsigned int bits, n = 0, total = 0;
	const char *p;
	size_t got = 0;
	int i;

	REQUIRE(begin());
	do {
		p = gdb_ask("qXfer:features:read:target.xml:%zx,400", got);
		REQUIRE(
		    (*p == 'm' || *p == 'l') && got + strlen(p) < sizeof(xml));
		strcpy(xml + got, p + 1);
		got += strlen(p + 1);
	} while (*p == 'm');
	CHECK(is_error(
	    gdb_ask("qXfer:features:read:target.xml:ffffff,400"), EINVAL));
	CHECK(is_error(gdb_ask("qXfer:features:read:other.xml:0,400"), EINVAL));
	for (p = xml; (p = strstr(p, "bitsize=\"")) != NULL; n++, p++) {
		REQUIRE(sscanf(p, "bitsize=\"%u\"", &bits) == 1);
		CHECK_EQ(strlen(gdb_ask("p%x", n)), bits / 4);
		total += bits / 4;
	}
	CHECK_EQ(n, 66);
	CHECK_EQ(strlen(gdb_ask("g")), total);
	CHECK(is_error(gdb_ask("p%x", n), EINVAL));
	/* All of them written and read back. */
	for (i = 0; i < (int)total; i++)
		all[i] = "0123456789abcdef"[(i * 7 + 3) & 15];
	all[total] = '\0';
	CHECK_STR(gdb_ask("G%s", all), "OK");
	p = gdb_ask("g");
	CHECK_EQ(strlen(p), total);
	CHECK(memcmp(p, all, 17 * 16) == 0);
	CHECK_EQ(fake_vmm.state[0].regs.rax, 0x5c7e90b2d4f6183a);
	CHECK(is_error(gdb_ask("G%.*s", (int)total - 2, all), EINVAL));
	end();
}

static void
writes_registers(void)
{
	struct fake_vcpu *s = fake_vmm.state;

	REQUIRE(begin());
	CHECK_STR(gdb_ask("P10=0010000000000000"), "OK");
	CHECK_EQ(s[0].regs.rip, 0x1000);
	CHECK_STR(gdb_ask("Hg2"), "OK");
	CHECK_STR(gdb_ask("P0=ffeeddccbbaa9988"), "OK");
	CHECK_EQ(s[1].regs.rax, 0x8899aabbccddeeff);
	CHECK_EQ(s[0].regs.rax, 0);
	s[1].regs.rflags = 0xabcd00000002;
	CHECK_STR(gdb_ask("P11=46020000"), "OK");
	CHECK_EQ(s[1].regs.rflags, 0xabcd00000246);
	CHECK_STR(gdb_ask("P12=08000000"), "OK");
	CHECK_EQ(s[1].sregs.cs.selector, 8);
	CHECK_STR(gdb_ask("P3b=00100000000000ff"), "OK");
	CHECK(s[1].kernel_gs == 0xff00000000001000);
	/* Tags: 0 valid, 1 zero, 2 special, 3 empty; TOP is 6. */
	s[1].fpu.fsw = 6 << 11;
	s[1].fpu.ftw = 0xc1;
	s[1].fpu.st[0][7] = 0x80;
	s[1].fpu.st[0][9] = 0x3f;
	s[1].fpu.st[2][9] = 0x7f;
	s[1].fpu.st[2][8] = 0xff;
	CHECK_STR(gdb_ask("p22"), "fe4f0000");
	CHECK_STR(gdb_ask("P22=ff3f0000"), "OK");
	CHECK_EQ(s[1].fpu.ftw, 0x80);
	CHECK(is_error(gdb_ask("P0=00"), EINVAL));
	CHECK(is_error(gdb_ask("P0=000000000000000000"), EINVAL));
	CHECK(is_error(gdb_ask("P42=00"), EINVAL));
	CHECK(is_error(gdb_ask("P"), EINVAL));
	fake_vmm.refuse = EINVAL;
	CHECK(is_error(gdb_ask("P0=0000000000000000"), EINVAL));
	end();
}

static void
reaches_memory(void)
{
	char bytes[32];

	REQUIRE(begin());
	CHECK_STR(gdb_ask("M2000,4:01020304"), "OK");
	CHECK_STR(gdb_ask("m2000,5"), "0102030490");
	memcpy(bytes, "X2001,3:\0#\xff", 11);
	gdb_client.len = 0;
	gdb_say_bytes("X2001,3:\0}\3\xff", 12);
	CHECK_STR(gdb_reply(), "OK");
	CHECK_STR(gdb_ask("m2000,5"), "010023ff90");
	CHECK_STR(gdb_ask("X2000,0:"), "OK");
	/* As much as there is. */
	CHECK_STR(gdb_ask("mfffe,10"), "9090");
	CHECK(is_error(gdb_ask("m10000,1"), EFAULT));
	CHECK(is_error(gdb_ask("Mffff,2:0102"), EFAULT));
	CHECK_STR(gdb_ask("mffff,1"), "90");
	CHECK_EQ(strlen(gdb_ask("m0,ffffffffffffffff")), 2 * 8128);
	CHECK(is_error(gdb_ask("m0"), EINVAL));
	CHECK(is_error(gdb_ask("m0,4x"), EINVAL));
	CHECK(is_error(gdb_ask("M0,4:01"), EINVAL));
	CHECK(is_error(gdb_ask("M0,1:0102"), EINVAL));
	CHECK(
	    is_error(gdb_ask("Mffffffffffffffff,ffffffffffffffff:01"), EINVAL));
	CHECK(is_error(gdb_ask("X2000,5:abc"), EINVAL));
	end();
}

static void
patches_code(void)
{
	unsigned int i;

	REQUIRE(begin());
	CHECK_STR(gdb_ask("M2000,4:01020304"), "OK");
	CHECK_STR(gdb_ask("Z0,2001,1"), "OK");
	CHECK_STR(gdb_ask("Z0,2001,1"), "OK");
	CHECK_STR(gdb_ask("Z0,2003,1;X1,20"), "OK");
	CHECK_EQ(*fake_byte(0x2001), 0xcc);
	CHECK_EQ(*fake_byte(0x2003), 0xcc);
	CHECK_STR(gdb_ask("m2000,4"), "01020304");
	CHECK_STR(gdb_ask("m2001,1"), "02");
	CHECK_STR(gdb_ask("M2000,5:a1a2a3a4a5"), "OK");
	CHECK_EQ(*fake_byte(0x2000), 0xa1);
	CHECK_EQ(*fake_byte(0x2001), 0xcc);
	CHECK_EQ(*fake_byte(0x2002), 0xa3);
	CHECK_STR(gdb_ask("m2000,5"), "a1a2a3a4a5");
	CHECK_STR(gdb_ask("z0,2001,1"), "OK");
	CHECK_EQ(*fake_byte(0x2001), 0xa2);
	CHECK_STR(gdb_ask("z0,2001,1"), "OK");
	/* What the guest has written is the guest's. */
	*fake_byte(0x2003) = 0x77;
	CHECK_STR(gdb_ask("m2003,1"), "77");
	CHECK_STR(gdb_ask("z0,2003,1"), "OK");
	CHECK_EQ(*fake_byte(0x2003), 0x77);
	CHECK(is_error(gdb_ask("Z0,20000,1"), EFAULT));
	CHECK(is_error(gdb_ask("Z5,2000,1"), EINVAL));
	CHECK(is_error(gdb_ask("Z0,2000"), EINVAL));
	/* Many, and no end of them. */
	for (i = 0; i < 8192; i++)
		if (strcmp(gdb_ask("Z0,%x,1", 0x3000 + i), "OK") != 0)
			break;
	CHECK_EQ(i, 8192);
	CHECK(is_error(gdb_ask("Z0,8000,1"), ENOSPC));
	CHECK_STR(gdb_ask("D"), "OK");
	for (i = 0; i < 8192; i++)
		if (*fake_byte(0x3000 + i) != 0x90)
			break;
	CHECK_EQ(i, 8192);
	end();
}

static void
uses_debug_registers(void)
{
	const struct vcpu_debug *d = &fake_vmm.state[2].debug;

	REQUIRE(begin());
	CHECK_STR(gdb_ask("Z1,1000,1"), "OK");
	CHECK_STR(gdb_ask("Z1,1000,1"), "OK");
	CHECK_STR(gdb_ask("Z2,2002,6"), "OK");
	CHECK_STR(gdb_ask("Z4,3000,8"), "OK");
	CHECK(is_error(gdb_ask("Z3,4000,1"), ENOSPC));
	CHECK(is_error(gdb_ask("Z3,4000,0"), EINVAL));
	CHECK(is_error(gdb_ask("Z3,4000,ffffffffffffffff"), ENOSPC));
	CHECK_STR(gdb_ask("vCont;c"), "");
	CHECK_EQ(gdb_client.resumes, 1);
	CHECK_EQ(d->flags, 0);
	CHECK_EQ(d->point[0].kind, VCPU_POINT_EXEC);
	CHECK_EQ(d->point[0].len, 1);
	CHECK_EQ(d->point[1].kind, VCPU_POINT_WRITE);
	CHECK_EQ(d->point[1].addr, 0x2002);
	CHECK_EQ(d->point[1].len, 2);
	CHECK_EQ(d->point[2].addr, 0x2004);
	CHECK_EQ(d->point[2].len, 4);
	CHECK_EQ(d->point[3].kind, VCPU_POINT_ACCESS);
	CHECK_EQ(d->point[3].len, 8);
	CHECK(exits(1, 1, 0x1500, 0xffff0ff4));
	CHECK(starts(gdb_stopped(), "T05thread:2;watch:2002;"));
	CHECK_STR(gdb_ask("z2,2002,6"), "OK");
	CHECK_STR(gdb_ask("Z3,4000,1"), "OK");
	CHECK_STR(gdb_ask("Z3,4001,1"), "OK");
	CHECK_STR(gdb_ask("z2,2002,6"), "OK");
	CHECK(is_error(gdb_ask("Z1,4000,1"), ENOSPC));
	gdb_ask("vCont;c");
	CHECK(exits(0, 1, 0x1500, 2));
	CHECK(starts(gdb_stopped(), "T05thread:1;rwatch:4000;"));
	fake_vmm.refuse = EINVAL;
	CHECK(starts(gdb_ask("vCont;c"), "E.KVM"));
	fake_vmm.refuse = 0;
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(d->point[0].kind, VCPU_POINT_NONE);
	end();
}

static void
chooses_threads(void)
{
	REQUIRE(begin());
	CHECK_STR(gdb_ask("qfThreadInfo"), "m1,2,3");
	CHECK_STR(gdb_ask("qsThreadInfo"), "l");
	CHECK_STR(gdb_ask("T3"), "OK");
	CHECK(is_error(gdb_ask("T4"), ESRCH));
	CHECK(is_error(gdb_ask("Hg41"), ESRCH));
	CHECK(is_error(gdb_ask("Tffffffffffffffff"), ESRCH));
	CHECK(is_error(gdb_ask("Hx1"), EINVAL));
	CHECK_STR(gdb_ask("qThreadExtraInfo,2"),
	    "7643505520312c2031362d626974"); /* vCPU 1, 16-bit */
	CHECK_STR(gdb_ask("vCont?"), "vCont;c;C;s;S;t");
	gdb_ask("vCont;s:2");
	CHECK_EQ(running(), 2);
	CHECK_EQ(
	    fake_vmm.state[1].debug.flags, VCPU_DEBUG_STEP | VCPU_DEBUG_QUIET);
	CHECK_EQ(fake_vmm.state[0].debug.flags, 0);
	CHECK(exits(1, 1, 0x1001, 0x4000));
	CHECK_EQ(gdb_client.stops, 2);
	CHECK_EQ(running(), 0);
	CHECK(starts(gdb_stopped(), "T05thread:2;06:"));
	gdb_ask("vCont;S05:1;t:3;c");
	CHECK_EQ(running(), 3);
	vm_gdb_input(gdb_client.gdb, "\3", 1);
	CHECK(starts(gdb_stopped(), "T02thread:2;"));
	CHECK(is_error(gdb_ask("vCont;c:5"), EINVAL));
	CHECK(is_error(gdb_ask("vCont;x"), EINVAL));
	CHECK(is_error(gdb_ask("vCont;C"), EINVAL));
	CHECK(is_error(gdb_ask("vCont;t"), EINVAL));
	CHECK(is_error(gdb_ask("vCont"), EINVAL));
	/* The older forms. */
	CHECK_STR(gdb_ask("Hc3"), "OK");
	gdb_ask("s1234");
	CHECK_EQ(running(), 4);
	CHECK_EQ(fake_vmm.state[2].regs.rip, 0x1234);
	CHECK(exits(2, 1, 0x1235, 0x4000));
	gdb_stopped();
	CHECK_STR(gdb_ask("Hc-1"), "OK");
	gdb_ask("C05;1500");
	CHECK_EQ(fake_vmm.state[2].regs.rip, 0x1500);
	CHECK_EQ(running(), 7);
	end();
}

static void
tells_whose_it_is(void)
{
	struct fake_vcpu *s = fake_vmm.state;

	REQUIRE(begin());
	gdb_ask("qSupported:swbreak+;hwbreak+;multiprocess+");
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	CHECK_STR(gdb_ask("Z1,1900,1"), "OK");
	gdb_ask("vCont;c");
	CHECK_EQ(s[0].debug.flags, VCPU_DEBUG_INT3);
	/* The guest's own INT3, and one that is no more. */
	*fake_byte(0x1700) = 0xcc;
	CHECK(!exits(0, 3, 0x1700, 0));
	CHECK_EQ(s[0].injected, 3);
	CHECK(!exits(1, 3, 0x1701, 0));
	CHECK_EQ(s[1].injected, 0);
	/* The guest steps itself, or has a point of its own. */
	s[1].debugregs.dr6 = 0xffff0ff1;
	CHECK(!exits(1, 1, 0x1701, 0xffff4ff0));
	CHECK_EQ(s[1].injected, 1);
	CHECK_EQ(s[1].debugregs.dr6, 0xffff4ff0);
	s[1].injected = 0;
	CHECK(!exits(1, 1, 0x1701, 0xffff0ff8));
	CHECK_EQ(s[1].injected, 1);
	CHECK_EQ(gdb_client.stops, 1);
	/* Ours; only the first asks for a stop. */
	CHECK(exits(2, 3, 0x1800, 0));
	CHECK(exits(1, 1, 0x1900, 0xffff0ff1));
	CHECK_EQ(gdb_client.stops, 2);
	CHECK(starts(gdb_stopped(), "T05thread:2;hwbreak:;"));
	/* The other one will stop there again. */
	gdb_ask("vCont;c");
	CHECK_EQ(gdb_client.resumes, 2);
	CHECK(exits(2, 3, 0x1800, 0));
	CHECK(starts(gdb_stopped(), "T05thread:3;swbreak:;"));
	end();
}

static void
loses_no_watchpoint(void)
{
	REQUIRE(begin());
	CHECK_STR(gdb_ask("Z2,2000,4"), "OK");
	CHECK_STR(gdb_ask("Z4,3000,4"), "OK");
	gdb_ask("vCont;c");
	CHECK(exits(1, 1, 0x1500, 1));
	CHECK(exits(2, 1, 0x1600, 2));
	CHECK(exits(0, 1, 0x1700, 2));
	CHECK(starts(gdb_stopped(), "T05thread:2;watch:2000;"));
	/* Not lost, but reported when its turn comes, without a run. */
	CHECK(starts(gdb_ask("vCont;c"), "T05thread:3;awatch:3000;"));
	CHECK_EQ(gdb_client.resumes, 1);
	/* Unless nobody watches there any more. */
	CHECK_STR(gdb_ask("z4,3000,4"), "OK");
	CHECK_STR(gdb_ask("vCont;c"), "");
	CHECK_EQ(gdb_client.resumes, 2);
	end();
}

static void
hears_while_running(void)
{
	REQUIRE(begin());
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
	end();
}

static void
cleans_up_after_a_hangup(void)
{
	int i;

	REQUIRE(begin());
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	gdb_ask("vCont;c");
	/* It runs: it is stopped first. */
	vm_gdb_hangup(gdb_client.gdb);
	CHECK_EQ(gdb_client.stops, 2);
	CHECK_EQ(gdb_client.detaches, 0);
	CHECK_EQ(*fake_byte(0x1800), 0xcc);
	CHECK(vm_gdb_attach(gdb_client.gdb) == -1 && errno == EBUSY);
	CHECK(exits(1, 3, 0x1800, 0));
	gdb_client.len = 0;
	vm_gdb_stopped(gdb_client.gdb);
	CHECK_EQ(gdb_client.len, 0);
	CHECK_EQ(gdb_client.detaches, 1);
	CHECK_EQ(gdb_client.resumes, 2);
	CHECK_EQ(*fake_byte(0x1800), 0x90);
	CHECK_EQ(fake_vmm.state[0].debug.flags, 0);
	CHECK_EQ(running(), 7);
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
	end();
}

static void
reads_a_crashed_guest(void)
{
	static const char *const refused[] = { "vCont;c", "vCont;s:1", "c", "s",
		"P0=0000000000000000", "M1000,1:00", "X1000,1:a", "Z0,1000,1",
		"Z2,1000,1" };
	size_t i;

	REQUIRE(begin());
	gdb_ask("Z0,1800,1");
	gdb_ask("vCont;c");
	gdb_client.len = 0;
	vm_gdb_crashed(gdb_client.gdb, fake_vmm.vcpu[1], "triple fault");
	CHECK(starts(gdb_reply(), "T0bthread:2;"));
	CHECK(memmem(gdb_client.sent, gdb_client.len, "$O", 2) != NULL);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(starts(gdb_ask("%s", refused[i]), "E.the guest crashed"));
	CHECK_STR(gdb_ask("z0,1800,1"), "OK");
	CHECK_STR(gdb_ask("m1800,1"), "90");
	CHECK(starts(gdb_ask("qRcmd,737461747573"), "63726173686564"));
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(gdb_client.resumes, 1);
	CHECK_EQ(gdb_client.detaches, 1);
	/* Who comes later finds it so, without a stop. */
	REQUIRE(vm_gdb_attach(gdb_client.gdb) == 0);
	CHECK_EQ(gdb_client.stops, 1);
	CHECK(starts(gdb_ask("?"), "T0bthread:2;"));
	vm_gdb_ended(gdb_client.gdb);
	CHECK_EQ(gdb_client.detaches, 2);
	end();

	REQUIRE(begin());
	gdb_ask("vCont;c");
	gdb_client.len = 0;
	vm_gdb_ended(gdb_client.gdb);
	CHECK_STR(gdb_reply(), "W00");
	CHECK_EQ(gdb_client.detaches, 1);
	end();
}

/* A KVM that emulates kernel code and gives up at an INT3. */
static void
takes_an_emulation_error(void)
{
	struct vm_exit e = { .reason = VM_EXIT_INTERNAL_ERROR };

	REQUIRE(begin());
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	gdb_ask("vCont;c");
	fake_vmm.state[1].sregs.cs.base = 0x1000;
	fake_vmm.state[1].regs.rip = 0x801;
	CHECK(!vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[1], &e));
	fake_vmm.state[1].regs.rip = 0x800;
	CHECK(vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[1], &e));
	CHECK(starts(gdb_stopped(), "T05thread:2;"));
	end();
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

	REQUIRE(begin());
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
	CHECK(is_error(gdb_reply(), EINVAL));
	CHECK(is_error(gdb_ask("qRcmd,6"), EINVAL));
	end();
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
	TEST(describes_registers);
	TEST(writes_registers);
	TEST(reaches_memory);
	TEST(patches_code);
	TEST(uses_debug_registers);
	TEST(chooses_threads);
	TEST(tells_whose_it_is);
	TEST(loses_no_watchpoint);
	TEST(hears_while_running);
	TEST(cleans_up_after_a_hangup);
	TEST(reads_a_crashed_guest);
	TEST(takes_an_emulation_error);
	TEST(has_monitor_commands);
	TEST(checks_its_host);
	return CHECK_EXIT();
}
