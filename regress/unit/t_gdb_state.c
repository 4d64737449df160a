/* SPDX-License-Identifier: ISC */
/*
 * The gdb server with a VM that has no hypervisor: registers, memory,
 * breakpoints, threads, and whose an exit is.
 */
#include "check.h"
#include "gdb_client.h"

/* The description and the registers say the same. */
static void
describes_registers(void)
{
	static char xml[16384], all[16384];
	unsigned int bits, n = 0, total = 0;
	const char *p;
	size_t got = 0;
	int i;

	REQUIRE(gdb_begin());
	do {
		p = gdb_ask("qXfer:features:read:target.xml:%zx,400", got);
		REQUIRE(
		    (*p == 'm' || *p == 'l') && got + strlen(p) < sizeof(xml));
		strcpy(xml + got, p + 1);
		got += strlen(p + 1);
	} while (*p == 'm');
	CHECK(gdb_is_error(
	    gdb_ask("qXfer:features:read:target.xml:ffffff,400"), EINVAL));
	CHECK(gdb_is_error(
	    gdb_ask("qXfer:features:read:other.xml:0,400"), EINVAL));
	for (p = xml; (p = strstr(p, "bitsize=\"")) != NULL; n++, p++) {
		REQUIRE(sscanf(p, "bitsize=\"%u\"", &bits) == 1);
		CHECK_EQ(strlen(gdb_ask("p%x", n)), bits / 4);
		total += bits / 4;
	}
	CHECK_EQ(n, 66);
	CHECK_EQ(strlen(gdb_ask("g")), total);
	CHECK(gdb_is_error(gdb_ask("p%x", n), EINVAL));
	/* All of them written and read back. */
	for (i = 0; i < (int)total; i++)
		all[i] = "0123456789abcdef"[(i * 7 + 3) & 15];
	all[total] = '\0';
	CHECK_STR(gdb_ask("G%s", all), "OK");
	p = gdb_ask("g");
	CHECK_EQ(strlen(p), total);
	CHECK(memcmp(p, all, 17 * 16) == 0);
	CHECK_EQ(fake_vmm.state[0].regs.rax, 0x5c7e90b2d4f6183a);
	CHECK(gdb_is_error(gdb_ask("G%.*s", (int)total - 2, all), EINVAL));
	gdb_end();
}

static void
writes_registers(void)
{
	struct fake_vcpu *s = fake_vmm.state;

	REQUIRE(gdb_begin());
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
	CHECK(gdb_is_error(gdb_ask("P0=00"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("P0=000000000000000000"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("P42=00"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("P"), EINVAL));
	fake_vmm.refuse = EINVAL;
	CHECK(gdb_is_error(gdb_ask("P0=0000000000000000"), EINVAL));
	gdb_end();
}

static void
reaches_memory(void)
{
	char bytes[32];

	REQUIRE(gdb_begin());
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
	CHECK(gdb_is_error(gdb_ask("m10000,1"), EFAULT));
	CHECK(gdb_is_error(gdb_ask("Mffff,2:0102"), EFAULT));
	CHECK_STR(gdb_ask("mffff,1"), "90");
	CHECK_EQ(strlen(gdb_ask("m0,ffffffffffffffff")), 2 * 8128);
	CHECK(gdb_is_error(gdb_ask("m0"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("m0,4x"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("M0,4:01"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("M0,1:0102"), EINVAL));
	CHECK(gdb_is_error(
	    gdb_ask("Mffffffffffffffff,ffffffffffffffff:01"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("X2000,5:abc"), EINVAL));
	gdb_end();
}

static void
patches_code(void)
{
	unsigned int i;

	REQUIRE(gdb_begin());
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
	/* And it may be stopped there again. */
	CHECK_STR(gdb_ask("Z0,2001,1"), "OK");
	*fake_byte(0x2001) = 0x78;
	CHECK_STR(gdb_ask("Z0,2001,1"), "OK");
	CHECK_EQ(*fake_byte(0x2001), 0xcc);
	CHECK_STR(gdb_ask("m2001,1"), "78");
	CHECK_STR(gdb_ask("z0,2001,1"), "OK");
	CHECK_EQ(*fake_byte(0x2001), 0x78);
	CHECK(gdb_is_error(gdb_ask("Z0,20000,1"), EFAULT));
	CHECK(gdb_is_error(gdb_ask("Z5,2000,1"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("Z0,2000"), EINVAL));
	/* Many, and no end of them. */
	for (i = 0; i < 8192; i++)
		if (strcmp(gdb_ask("Z0,%x,1", 0x3000 + i), "OK") != 0)
			break;
	CHECK_EQ(i, 8192);
	CHECK(gdb_is_error(gdb_ask("Z0,8000,1"), ENOSPC));
	CHECK_STR(gdb_ask("D"), "OK");
	for (i = 0; i < 8192; i++)
		if (*fake_byte(0x3000 + i) != 0x90)
			break;
	CHECK_EQ(i, 8192);
	gdb_end();
}

static void
uses_debug_registers(void)
{
	const struct vcpu_debug *d = &fake_vmm.state[2].debug;

	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("Z1,1000,1"), "OK");
	CHECK_STR(gdb_ask("Z1,1000,1"), "OK");
	CHECK_STR(gdb_ask("Z2,2002,6"), "OK");
	CHECK_STR(gdb_ask("Z4,3000,8"), "OK");
	CHECK(gdb_is_error(gdb_ask("Z3,4000,1"), ENOSPC));
	CHECK(gdb_is_error(gdb_ask("Z3,4000,0"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("Z3,4000,ffffffffffffffff"), ENOSPC));
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
	CHECK(gdb_exits(1, 1, 0x1500, 0xffff0ff4));
	CHECK(gdb_starts(gdb_stopped(), "T05thread:2;watch:2002;"));
	CHECK_STR(gdb_ask("z2,2002,6"), "OK");
	CHECK_STR(gdb_ask("Z3,4000,1"), "OK");
	CHECK_STR(gdb_ask("Z3,4001,1"), "OK");
	CHECK_STR(gdb_ask("z2,2002,6"), "OK");
	CHECK(gdb_is_error(gdb_ask("Z1,4000,1"), ENOSPC));
	gdb_ask("vCont;c");
	CHECK(gdb_exits(0, 1, 0x1500, 2));
	CHECK(gdb_starts(gdb_stopped(), "T05thread:1;rwatch:4000;"));
	fake_vmm.refuse = EINVAL;
	CHECK(gdb_starts(gdb_ask("vCont;c"), "E.KVM"));
	fake_vmm.refuse = 0;
	CHECK_STR(gdb_ask("D"), "OK");
	CHECK_EQ(d->point[0].kind, VCPU_POINT_NONE);
	gdb_end();
}

static void
chooses_threads(void)
{
	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("qfThreadInfo"), "m1,2,3");
	CHECK_STR(gdb_ask("qsThreadInfo"), "l");
	CHECK_STR(gdb_ask("T3"), "OK");
	CHECK(gdb_is_error(gdb_ask("T4"), ESRCH));
	CHECK(gdb_is_error(gdb_ask("Hg41"), ESRCH));
	CHECK(gdb_is_error(gdb_ask("Tffffffffffffffff"), ESRCH));
	CHECK(gdb_is_error(gdb_ask("Hx1"), EINVAL));
	CHECK_STR(gdb_ask("qThreadExtraInfo,2"),
	    "7643505520312c2031362d626974"); /* vCPU 1, 16-bit */
	CHECK_STR(gdb_ask("vCont?"), "vCont;c;C;s;S;t");
	gdb_ask("vCont;s:2");
	CHECK_EQ(gdb_running(), 2);
	CHECK_EQ(
	    fake_vmm.state[1].debug.flags, VCPU_DEBUG_STEP | VCPU_DEBUG_QUIET);
	CHECK_EQ(fake_vmm.state[0].debug.flags, 0);
	CHECK(gdb_exits(1, 1, 0x1001, 0x4000));
	CHECK_EQ(gdb_client.stops, 2);
	CHECK_EQ(gdb_running(), 0);
	CHECK(gdb_starts(gdb_stopped(), "T05thread:2;06:"));
	gdb_ask("vCont;S05:1;t:3;c");
	CHECK_EQ(gdb_running(), 3);
	vm_gdb_input(gdb_client.gdb, "\3", 1);
	CHECK(gdb_starts(gdb_stopped(), "T02thread:2;"));
	CHECK(gdb_is_error(gdb_ask("vCont;c:5"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("vCont;x"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("vCont;C"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("vCont;t"), EINVAL));
	CHECK(gdb_is_error(gdb_ask("vCont"), EINVAL));
	/* The older forms. */
	CHECK_STR(gdb_ask("Hc3"), "OK");
	gdb_ask("s1234");
	CHECK_EQ(gdb_running(), 4);
	CHECK_EQ(fake_vmm.state[2].regs.rip, 0x1234);
	CHECK(gdb_exits(2, 1, 0x1235, 0x4000));
	gdb_stopped();
	CHECK_STR(gdb_ask("Hc-1"), "OK");
	gdb_ask("C05;1500");
	CHECK_EQ(fake_vmm.state[2].regs.rip, 0x1500);
	CHECK_EQ(gdb_running(), 7);
	gdb_end();
}

static void
tells_whose_it_is(void)
{
	struct fake_vcpu *s = fake_vmm.state;

	REQUIRE(gdb_begin());
	gdb_ask("qSupported:swbreak+;hwbreak+;multiprocess+");
	CHECK_STR(gdb_ask("Z0,1800,1"), "OK");
	CHECK_STR(gdb_ask("Z1,1900,1"), "OK");
	gdb_ask("vCont;c");
	CHECK_EQ(s[0].debug.flags, VCPU_DEBUG_INT3);
	/* The guest's own INT3, and one that is no more. */
	*fake_byte(0x1700) = 0xcc;
	CHECK(!gdb_exits(0, 3, 0x1700, 0));
	CHECK_EQ(s[0].injected, 3);
	CHECK(!gdb_exits(1, 3, 0x1701, 0));
	CHECK_EQ(s[1].injected, 0);
	/* The guest steps itself, or has a point of its own. */
	s[1].debugregs.dr6 = 0xffff0ff1;
	CHECK(!gdb_exits(1, 1, 0x1701, 0xffff4ff0));
	CHECK_EQ(s[1].injected, 1);
	CHECK_EQ(s[1].debugregs.dr6, 0xffff4ff0);
	s[1].injected = 0;
	CHECK(!gdb_exits(1, 1, 0x1701, 0xffff0ff8));
	CHECK_EQ(s[1].injected, 1);
	CHECK_EQ(gdb_client.stops, 1);
	/* Ours; only the first asks for a stop. */
	CHECK(gdb_exits(2, 3, 0x1800, 0));
	CHECK(gdb_exits(1, 1, 0x1900, 0xffff0ff1));
	CHECK_EQ(gdb_client.stops, 2);
	CHECK(gdb_starts(gdb_stopped(), "T05thread:2;hwbreak:;"));
	/* The other one will stop there again. */
	gdb_ask("vCont;c");
	CHECK_EQ(gdb_client.resumes, 2);
	CHECK(gdb_exits(2, 3, 0x1800, 0));
	CHECK(gdb_starts(gdb_stopped(), "T05thread:3;swbreak:;"));
	gdb_end();
}

static void
loses_no_watchpoint(void)
{
	REQUIRE(gdb_begin());
	CHECK_STR(gdb_ask("Z2,2000,4"), "OK");
	CHECK_STR(gdb_ask("Z4,3000,4"), "OK");
	gdb_ask("vCont;c");
	CHECK(gdb_exits(1, 1, 0x1500, 1));
	CHECK(gdb_exits(2, 1, 0x1600, 2));
	CHECK(gdb_exits(0, 1, 0x1700, 2));
	CHECK(gdb_starts(gdb_stopped(), "T05thread:2;watch:2000;"));
	/* Not lost, but reported when its turn comes, without a run. */
	CHECK(gdb_starts(gdb_ask("vCont;c"), "T05thread:3;awatch:3000;"));
	CHECK_EQ(gdb_client.resumes, 1);
	/* Unless nobody watches there any more. */
	CHECK_STR(gdb_ask("z4,3000,4"), "OK");
	CHECK_STR(gdb_ask("vCont;c"), "");
	CHECK_EQ(gdb_client.resumes, 2);
	gdb_end();
}

int
main(void)
{
	TEST(describes_registers);
	TEST(writes_registers);
	TEST(reaches_memory);
	TEST(patches_code);
	TEST(uses_debug_registers);
	TEST(chooses_threads);
	TEST(tells_whose_it_is);
	TEST(loses_no_watchpoint);
	return CHECK_EXIT();
}
