/* SPDX-License-Identifier: ISC */
/*
 * What others see in a dump: gdb each vCPU as a thread with its registers, SSE
 * and AVX among them, and memory by physical address; readelf the regions and
 * the notes.
 */
#include "check.h"
#include "dumped.h"

#define ANSWER_MAX 131072

static struct guest g;
static char path[64];
static char answer[ANSWER_MAX];
static bool avx;

/* Dumps the VM into the file path. */
static bool
setup(void)
{
	uint32_t note[16] = { 11, 16 };
	const struct vm_dump_params params = {
		.size = sizeof(params),
		.vmcoreinfo = note,
		.vmcoreinfo_len = sizeof(note),
	};
	bool good;
	int fd;

	strcpy((char *)&note[3], "VMCOREINFO");
	strcpy((char *)&note[6], "OSRELEASE=6.1.0");
	strcpy(path, "/tmp/g_dumptools.XXXXXX");
	fd = mkstemp(path);
	good = fd != -1 && dumped_start(&g) && vm_dump(g.vm, fd, &params) == 0;
	if (fd != -1)
		close(fd);
	if (good)
		avx = dumped_xmm0(g.vcpu[0], 0) == 7;
	guest_stop(&g);
	return good;
}

/* Runs front, the file's name and back; answer has what that says. */
static bool
ask(const char *front, const char *back)
{
	char line[4096];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "%s %s %s 2>&1", front, path, back);
	f = popen(line, "re");
	if (f == NULL)
		return false;
	n = fread(answer, 1, sizeof(answer) - 1, f);
	answer[n] = '\0';
	return pclose(f) == 0;
}

/* How often the answer has this; the answer is shown if never. */
static unsigned int
count(const char *want)
{
	const char *p = answer;
	unsigned int n = 0;

	while ((p = strstr(p, want)) != NULL) {
		n++;
		p += strlen(want);
	}
	if (n == 0)
		printf("# no \"%s\" in:\n%s\n", want, answer);
	return n;
}

/* One run of gdb, for in an emulated host its start is what takes the time. */
static void
test_gdb(void)
{
	GUEST_NEEDS_KVM();
	if (system("gdb --version >/dev/null 2>&1") != 0)
		SKIP("gdb is not installed");
	REQUIRE(setup());
	/* The last one fails, and with it the run. */
	CHECK(!ask("gdb -nx -batch -ex 'set pagination off' -c",
	    "-ex 'info threads' -ex 'thread 1' -ex 'info registers'"
	    " -ex 'thread 2' -ex 'info registers'"
	    " -ex 'thread apply all p/x $xmm0.uint128'"
	    " -ex 'thread apply all p/x $mxcsr'"
	    " -ex 'thread apply all p/x $ymm0.v2_int128'"
	    " -ex 'x/s 0x123456' -ex 'x/1xb 0x7000'"
	    " -ex 'x/1xg 0x100fffff8' -ex 'x/1xg 0x200001ff8'"
	    " -ex 'x/1xg 0x200100ff8' -ex 'x/1xg 0x200101000'"
	    " -ex 'x/1xg 0x200200000'"));
	unlink(path);
	/* Nothing of a core is missing or of the wrong size. */
	CHECK(strstr(answer, "warning") == NULL);
	CHECK(count("LWP 1 ") > 0 && count("LWP 2 ") > 0);
	CHECK_EQ(count("rax            0x100000000000001 "), 1);
	CHECK_EQ(count("rax            0x200000000000001 "), 1);
	CHECK_EQ(count("rsp            0x100000000000f08 "), 1);
	CHECK_EQ(count("r15            0x200000000000010 "), 1);
	CHECK_EQ(count("rip            0x1007 "), 2);
	CHECK_EQ(count("eflags         0x2 "), 2);
	CHECK_EQ(count("= 0xa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0\n"), 1);
	CHECK_EQ(count("= 0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"), 1);
	CHECK_EQ(count("= 0x1f80\n"), 2);
	if (avx)
		CHECK_EQ(count("{0xa0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0, 0x0}"), 1);
	CHECK_EQ(count("\"what the guest had to remember\""), 1);
	CHECK_EQ(count("0x7000:\t0x5a\n"), 1);
	CHECK_EQ(count("0x100fffff8:\t0x0123456789abcdef\n"), 1);
	CHECK_EQ(count("0x200001ff8:\t0x0123456789abcdef\n"), 1);
	CHECK_EQ(count("0x200100ff8:\t0x0123456789abcdef\n"), 1);
	CHECK_EQ(count("0x200101000:\t0x0000000000000000\n"), 1);
	/* A device's page is no memory. */
	CHECK_EQ(count("Cannot access memory at address 0x200200000"), 1);
}

static void
test_readelf(void)
{
	GUEST_NEEDS_KVM();
	if (system("readelf --version >/dev/null 2>&1") != 0)
		SKIP("readelf is not installed");
	REQUIRE(setup());
	CHECK(ask("readelf -W -h -l -n", ""));
	unlink(path);
	CHECK_EQ(count("CORE (Core file)"), 1);
	CHECK_EQ(count("Advanced Micro Devices X86-64"), 1);
	CHECK_EQ(count("  NOTE "), 1);
	CHECK_EQ(count("  LOAD "), 4);
	CHECK_EQ(count("0x0000000100000000 0x0000000100000000 0x1000000 "
		       "0x1000000 RWE 0"),
	    1);
	CHECK_EQ(count("NT_PRSTATUS (prstatus structure)"), 2);
	CHECK_EQ(count("NT_X86_XSTATE (x86 XSAVE extended state)"), 2);
	CHECK_EQ(count("  QEMU                 0x000001b8"), 2);
	CHECK_EQ(count("  VMCOREINFO           0x00000010"), 1);
	CHECK(strstr(answer, "Warning") == NULL);
}

int
main(void)
{
	TEST(test_gdb);
	TEST(test_readelf);
	return CHECK_EXIT();
}
