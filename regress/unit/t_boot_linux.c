/* SPDX-License-Identifier: ISC */
/* bzImage and firmware: what is in memory afterwards, and what is refused. */
#include <fcntl.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "bootfile.h"
#include "check.h"

#define RAM (64ULL << 20)
#define SETUP (2 * 512)
#define CODE 0x1000

static struct pc pc;
static struct boot_result result;
static _Alignas(
    8) uint8_t file[SETUP + CODE + 100]; /* with a signature behind */

static void
make_bzimage(void)
{
	memset(file, 0, sizeof(file));
	memset(file + SETUP, 0x90, CODE);
	file[0x1f1] = 1; /* setup sectors */
	le32_put(file + 0x1f4, CODE / 16);
	le16_put(file + 0x1fe, 0xaa55);
	file[0x200] = 0xeb;
	file[0x201] = 0x66; /* the header ends at 0x268 */
	memcpy(file + 0x202, "HdrS", 4);
	le16_put(file + 0x206, 0x020f);
	file[0x211] = 1;
	le32_put(file + 0x22c, 0x7fffffff);
	le32_put(file + 0x230, 0x200000);
	file[0x234] = 1;
	le16_put(file + 0x236, 1);
	le32_put(file + 0x238, 2047);
	le64_put(file + 0x250, 0x1234); /* a trap: setup_data */
	le64_put(file + 0x258, 0x1000000);
	le32_put(file + 0x260, 0x900000);
	le32_put(file + 0x268, 0xdeadbeef); /* behind the header */
}

static int
load(const char *cmdline, uint64_t memory, const void *initrd, size_t len)
{
	const struct bootcase c = { file, sizeof(file), initrd, len, cmdline };

	return bootcase_load(&c, &pc, memory, &result);
}

static void
refused(uint64_t memory, enum vm_error error, const char *text)
{
	CHECK_EQ(load("", memory, NULL, 0), -1);
	CHECK_EQ(result.error, error);
	CHECK_EQ(result.file, VM_FILE_KERNEL);
	if (!CHECK(strstr(result.detail, text) != NULL))
		printf("# \"%s\" lacks \"%s\"\n", result.detail, text);
	pc_fini(&pc);
}

/* Where a linear address goes by the page tables, as the CPU walks them. */
static uint64_t
walk(uint64_t cr3, uint64_t addr)
{
	uint64_t e = le64_get(pc.ram + cr3 + (addr >> 39 & 511) * 8);

	e = le64_get(pc.ram + (e & ~0xfffULL) + (addr >> 30 & 511) * 8);
	if (!(e & 1))
		return UINT64_MAX;
	e = le64_get(pc.ram + (e & ~0xfffULL) + (addr >> 21 & 511) * 8);
	return (e & 0x83) == 0x83 ? (e & ~0x1fffffULL) + (addr & 0x1fffff)
				  : UINT64_MAX;
}

static void
test_long_mode(void)
{
	static const char initrd[] = "initrd";
	const struct boot_cpu *cpu = &result.cpu;
	const uint8_t *zp;
	uint64_t addr;

	make_bzimage();
	REQUIRE(load("quiet", RAM, initrd, sizeof(initrd)) == 0);
	CHECK_EQ(cpu->mode, BOOT_LONG);
	CHECK_EQ(cpu->rip, 0x1000200);
	CHECK_EQ(cpu->cr0, 0x80000011);
	CHECK_EQ(cpu->cr4, 0x20);
	CHECK_EQ(cpu->efer, 0x500);
	CHECK_EQ(cpu->code.access, 0xa09b);
	CHECK_EQ(cpu->code.selector, 0x10);
	CHECK_EQ(cpu->data.selector, 0x18);
	CHECK_EQ(
	    le64_get(pc.ram + cpu->gdt_base + 0x10), 0x00af9b000000ffffULL);
	for (addr = 0; addr < 1ULL << 32; addr += 0x12345678)
		CHECK_EQ(walk(cpu->cr3, addr), addr);
	CHECK_EQ(walk(cpu->cr3, 1ULL << 32), -1LL);
	CHECK_EQ(le64_get(pc.ram + cpu->cr3 + 0x1000 + 4 * 8), 0);
	CHECK_EQ(le64_get(pc.ram + cpu->cr3 + 0x6000), 0);
	CHECK_EQ(pc.ram[0x1000000], 0x90);
	CHECK_EQ(pc.ram[0x1000000 + CODE - 1], 0x90);
	CHECK_EQ(pc.ram[0x1000000 + CODE], 0);
	zp = pc.ram + cpu->rsi;
	CHECK(memcmp(zp + 0x202, "HdrS", 4) == 0);
	CHECK_EQ(zp[0x210], 0xff);
	CHECK_EQ(le32_get(zp + 0x214), 0x1000000);
	CHECK_EQ(le32_get(zp + 0x218), RAM - 4096);
	CHECK_EQ(le32_get(zp + 0x21c), sizeof(initrd));
	CHECK_STR((const char *)pc.ram + le32_get(zp + 0x218), initrd);
	CHECK_STR((const char *)pc.ram + le32_get(zp + 0x228), "quiet");
	CHECK_EQ(le64_get(zp + 0x250), 0);
	CHECK_EQ(le32_get(zp + 0x268), 0);
	CHECK(memcmp(pc.ram + le64_get(zp + 0x70), "RSD PTR ", 8) == 0);
	CHECK_EQ(zp[0x1e8], 5);
	CHECK_EQ(le64_get(zp + 0x2d0 + 3 * 20), 0x100000);
	CHECK_EQ(le64_get(zp + 0x2d0 + 3 * 20 + 8), RAM - 0x100000);
	CHECK_EQ(le32_get(zp + 0x2d0 + 3 * 20 + 16), 1);
	pc_fini(&pc);
}

static void
test_protected_mode(void)
{
	make_bzimage();
	le16_put(file + 0x206, 0x0209); /* too old for the 64-bit entry */
	file[0x234] = 0;
	REQUIRE(load("", RAM, NULL, 0) == 0);
	CHECK_EQ(result.cpu.mode, BOOT_PROTECTED);
	CHECK_EQ(result.cpu.rip, 0x100000);
	CHECK_EQ(result.cpu.rsi, LAYOUT_ZERO_PAGE);
	CHECK_EQ(result.cpu.code.selector, 0x10);
	pc_fini(&pc);
	le16_put(file + 0x206, 0x0206); /* the oldest that will do */
	REQUIRE(load("", RAM, NULL, 0) == 0);
	pc_fini(&pc);
	make_bzimage();
	le16_put(file + 0x236, 0); /* a 32-bit kernel */
	REQUIRE(load("", RAM, NULL, 0) == 0);
	CHECK_EQ(result.cpu.mode, BOOT_PROTECTED);
	CHECK_EQ(result.cpu.rip, 0x1000000);
	pc_fini(&pc);
}

static void
test_place(void)
{
	make_bzimage();
	/* Too small for the preferred place: the lowest aligned one. */
	REQUIRE(load("", 12 << 20, NULL, 0) == 0);
	CHECK_EQ(result.cpu.rip, 0x200200);
	pc_fini(&pc);
	refused(10 << 20, VM_ERROR_FILE_TOO_BIG, "memory ends at 0xa00000");
	file[0x234] = 0;
	refused(12 << 20, VM_ERROR_FILE_TOO_BIG, "memory ends at 0xc00000");
	make_bzimage();
	file[0x234] = 0;
	le64_put(file + 0x258, UINT64_MAX - 5);
	refused(RAM, VM_ERROR_FILE_TOO_BIG, "memory ends");
	le64_put(file + 0x258, 0);
	refused(RAM, VM_ERROR_FILE_CORRUPT, "below 1 MiB");
	file[0x234] = 1; /* but that one can move */
	le32_put(file + 0x230, UINT32_MAX);
	refused(RAM, VM_ERROR_FILE_TOO_BIG, "memory ends");
	make_bzimage();
	le32_put(file + 0x260, UINT32_MAX);
	refused(RAM, VM_ERROR_FILE_TOO_BIG, "memory ends");
}

static void
test_initrd_limit(void)
{
	static const uint8_t initrd[5000] = { 1 };

	make_bzimage();
	le32_put(file + 0x22c, 0x1ffffff);
	REQUIRE(load("", RAM, initrd, sizeof(initrd)) == 0);
	CHECK_EQ(le32_get(pc.ram + result.cpu.rsi + 0x218), 0x2000000 - 8192);
	pc_fini(&pc);
	le32_put(file + 0x22c, 0x1000000); /* within the kernel */
	CHECK_EQ(load("", RAM, initrd, sizeof(initrd)), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_TOO_BIG);
	CHECK_EQ(result.file, VM_FILE_INITRD);
	CHECK(strstr(result.detail, "room for 0 KiB") != NULL);
	pc_fini(&pc);
}

static void
test_cmdline(void)
{
	char text[5000];

	make_bzimage();
	memset(text, 'a', sizeof(text));
	text[2047] = '\0';
	REQUIRE(load(text, RAM, NULL, 0) == 0);
	CHECK_STR((const char *)pc.ram + LAYOUT_CMDLINE, text);
	pc_fini(&pc);
	text[2047] = 'a';
	text[2048] = '\0';
	CHECK_EQ(load(text, RAM, NULL, 0), -1);
	CHECK_EQ(result.error, VM_ERROR_INVALID);
	CHECK(strstr(result.detail, "2048 characters") != NULL);
	pc_fini(&pc);
	le32_put(file + 0x238, UINT32_MAX);
	text[2048] = 'a';
	text[4999] = '\0';
	CHECK_EQ(load(text, RAM, NULL, 0), -1);
	pc_fini(&pc);
}

static void
test_bad(void)
{
	make_bzimage();
	le16_put(file + 0x206, 0x0205);
	refused(RAM, VM_ERROR_FILE_FORMAT, "protocol 2.05");
	make_bzimage();
	file[0x211] = 0; /* a zImage */
	refused(RAM, VM_ERROR_FILE_FORMAT, "a bzImage");
	make_bzimage();
	file[0x1f1] = 255;
	refused(RAM, VM_ERROR_FILE_TRUNCATED, "promises");
	make_bzimage();
	le32_put(file + 0x1f4, UINT32_MAX);
	refused(RAM, VM_ERROR_FILE_TRUNCATED, "promises");
	make_bzimage();
	file[0x202] = 'h';
	refused(RAM, VM_ERROR_FILE_FORMAT, "no bzImage");
	make_bzimage();
	file[0x201] = 0xff; /* the header ends behind the zero page's */
	CHECK_EQ(load("", RAM, NULL, 0), 0);
	CHECK_EQ(le64_get(pc.ram + result.cpu.rsi + 0x2d0), 0);
	pc_fini(&pc);
	file[0x201] = 0;
	CHECK_EQ(load("", RAM, NULL, 0), 0);
	pc_fini(&pc);
}

static void
test_truncated(void)
{
	struct bootcase c = { .kernel = file };

	make_bzimage();
	for (c.kernel_len = 1; c.kernel_len < SETUP + CODE;
	     c.kernel_len += 13) {
		CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
		CHECK_EQ(result.error,
		    c.kernel_len < 0x290 ? VM_ERROR_FILE_FORMAT
					 : VM_ERROR_FILE_TRUNCATED);
		pc_fini(&pc);
	}
}

static void
test_unreadable(void)
{
	struct boot_params params = {
		.initrd_fd = -1, .firmware_fd = -1, .machine = &pc.machine
	};

	pc_init(&pc, RAM, 1);
	params.kernel_fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(boot_load(&params, &result), -1);
	CHECK(result.error == VM_ERROR_FILE_READ ||
	    result.error == VM_ERROR_FILE_EMPTY);
	close(params.kernel_fd);
	params.kernel_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CHECK_EQ(boot_load(&params, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_EMPTY);
	close(params.kernel_fd);
	params.kernel_fd = 9999;
	CHECK_EQ(boot_load(&params, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_READ);
	CHECK_EQ(result.sys_errno, EBADF);
	pc_fini(&pc);
}

/* --- firmware --------------------------------------------------------------
 */

static uint8_t rom_bytes[1 << 20];
static uint64_t rom_gpa, rom_len;

static void *
rom(void *arg, uint64_t gpa, uint64_t len)
{
	if (arg != &pc) {
		errno = ENOMEM;
		return NULL;
	}
	rom_gpa = gpa;
	rom_len = len;
	return rom_bytes;
}

static int
load_firmware(size_t len, void *arg)
{
	struct boot_params params = { .kernel_fd = -1,
		.initrd_fd = -1,
		.machine = &pc.machine,
		.rom = rom,
		.arg = arg };
	uint8_t *image = malloc(len + 1);
	size_t i;
	int rc;

	for (i = 0; i < len; i++)
		image[i] = (uint8_t)(i >> 12);
	params.firmware_fd = bootfile(image, len);
	pc_init(&pc, RAM, 1);
	memset(rom_bytes, 0, sizeof(rom_bytes));
	rc = boot_load(&params, &result);
	close(params.firmware_fd);
	free(image);
	return rc;
}

static void
test_firmware(void)
{
	REQUIRE(load_firmware(512 << 10, &pc) == 0);
	CHECK_EQ(result.cpu.mode, BOOT_RESET);
	CHECK_EQ(rom_gpa, (1ULL << 32) - (512 << 10));
	CHECK_EQ(rom_len, 512 << 10);
	CHECK_EQ(rom_bytes[0x7ffff], 0x7f);
	CHECK_EQ(pc.ram[0xfffff], 0x7f);
	CHECK_EQ(pc.ram[0xc0000], 0x40);
	CHECK_EQ(pc.ram[0xbffff], 0);
	pc_fini(&pc);
	REQUIRE(load_firmware(64 << 10, &pc) == 0);
	CHECK_EQ(pc.ram[0xfffff], 0x0f);
	CHECK_EQ(pc.ram[0xeffff], 0);
	pc_fini(&pc);
}

static void
test_bad_firmware(void)
{
	static const size_t sizes[] = { 1, 4096, (64 << 10) + 1, (64 << 10) - 1,
		(16 << 20) + 4096 };
	struct boot_params params = { .kernel_fd = -1,
		.initrd_fd = -1,
		.firmware_fd = -1,
		.machine = &pc.machine };
	unsigned int i;

	for (i = 0; i < 5; i++) {
		CHECK_EQ(load_firmware(sizes[i], &pc), -1);
		CHECK_EQ(result.error, VM_ERROR_FILE_FORMAT);
		CHECK_EQ(result.file, VM_FILE_FIRMWARE);
		pc_fini(&pc);
	}
	CHECK_EQ(load_firmware(64 << 10, NULL), -1);
	CHECK_EQ(result.error, VM_ERROR_NO_MEMORY);
	CHECK_EQ(result.sys_errno, ENOMEM);
	pc_fini(&pc);
	pc_init(&pc, RAM, 1);
	CHECK_EQ(boot_load(&params, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FIRMWARE_MISSING);
	pc.machine.lowmem = pc.machine.memory = 4096;
	CHECK_EQ(boot_load(&params, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_INVALID);
	pc.machine.memory = RAM;
	pc_fini(&pc);
}

int
main(void)
{
	TEST(test_long_mode);
	TEST(test_protected_mode);
	TEST(test_place);
	TEST(test_initrd_limit);
	TEST(test_cmdline);
	TEST(test_bad);
	TEST(test_truncated);
	TEST(test_unreadable);
	TEST(test_firmware);
	TEST(test_bad_firmware);
	return CHECK_EXIT();
}
