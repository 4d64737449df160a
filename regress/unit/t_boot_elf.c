/* SPDX-License-Identifier: ISC */
/*
 * ELF kernels with PVH notes and multiboot headers, and plain multiboot images:
 * what is in memory afterwards, and every way in which a file can lie.
 */
#include <elf.h>
#define ZLIB_CONST
#include <zlib.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "bootfile.h"
#include "check.h"

#define RAM (64ULL << 20)
#define TEXT 0x1000 /* offset of the first segment */
#define NOTE 0x200
#define XEN 44 /* the note that counts, after two others */
#define MB_HEADER 0x400
#define KERNEL 0x200000ULL

static struct pc pc;
static struct boot_result result;
static _Alignas(8) uint8_t file[0x4000];

static Elf64_Ehdr *
ehdr(void)
{
	return (Elf64_Ehdr *)(void *)file;
}

static Elf64_Phdr *
phdr(unsigned int i)
{
	return (Elf64_Phdr *)(void *)(file + sizeof(Elf64_Ehdr)) + i;
}

/* Text at 2 MiB, data with a BSS at 3 MiB, a PVH note to text + 0x10. */
static void
make_elf64(void)
{
	memset(file, 0, sizeof(file));
	memset(file + TEXT, 0x90, 0x2000);
	memcpy(file + TEXT + 0x2000, "DATA", 4);
	memcpy(ehdr()->e_ident, ELFMAG, SELFMAG);
	ehdr()->e_ident[EI_CLASS] = ELFCLASS64;
	ehdr()->e_ident[EI_DATA] = ELFDATA2LSB;
	ehdr()->e_type = ET_EXEC;
	ehdr()->e_machine = EM_X86_64;
	ehdr()->e_entry = 0xffffffff80200020ULL;
	ehdr()->e_phoff = sizeof(Elf64_Ehdr);
	ehdr()->e_phentsize = sizeof(Elf64_Phdr);
	ehdr()->e_phnum = 3;
	*phdr(0) = (Elf64_Phdr) { .p_type = PT_LOAD,
		.p_offset = TEXT,
		.p_vaddr = 0xffffffff80200000ULL,
		.p_paddr = KERNEL,
		.p_filesz = 0x2000,
		.p_memsz = 0x2000 };
	*phdr(1) = (Elf64_Phdr) { .p_type = PT_LOAD,
		.p_offset = TEXT + 0x2000,
		.p_paddr = 0x300000,
		.p_filesz = 0x1000,
		.p_memsz = 0x5000 };
	*phdr(2) = (Elf64_Phdr) { .p_type = PT_NOTE,
		.p_offset = NOTE,
		.p_filesz = 0x44,
		.p_align = 4 };
	/* Other notes first, one with odd sizes. */
	le32_put(file + NOTE, 3);
	le32_put(file + NOTE + 4, 5);
	le32_put(file + NOTE + 8, 18);
	memcpy(file + NOTE + 12, "GN\0", 3);
	le32_put(file + NOTE + 24, 0);
	le32_put(file + NOTE + 28, 8);
	le32_put(file + NOTE + XEN, 4);
	le32_put(file + NOTE + XEN + 4, 4);
	le32_put(file + NOTE + XEN + 8, 18);
	memcpy(file + NOTE + XEN + 12, "Xen", 4);
	le32_put(file + NOTE + XEN + 16, KERNEL + 0x10);
}

static void
add_multiboot(uint32_t flags)
{
	le32_put(file + MB_HEADER, 0x1BADB002);
	le32_put(file + MB_HEADER + 4, flags);
	le32_put(file + MB_HEADER + 8, -(0x1BADB002 + flags));
}

static int
load(const char *cmdline, const void *initrd, size_t len)
{
	const struct bootcase c = { file, sizeof(file), initrd, len, cmdline };

	return bootcase_load(&c, &pc, RAM, &result);
}

/* Expects a refusal with this code and this text in it. */
static void
refused(enum vm_error error, const char *text)
{
	CHECK_EQ(load("", NULL, 0), -1);
	CHECK_EQ(result.error, error);
	CHECK_EQ(result.file, VM_FILE_KERNEL);
	if (!CHECK(strstr(result.detail, text) != NULL))
		printf("# \"%s\" lacks \"%s\"\n", result.detail, text);
	pc_fini(&pc);
}

static void
check_flat(const struct boot_segment *s, uint32_t access)
{
	CHECK_EQ(s->base, 0);
	CHECK_EQ(s->limit, UINT32_MAX);
	CHECK_EQ(s->access, access);
	/* The GDT says the same as the hidden part. */
	CHECK_EQ(le64_get(pc.ram + result.cpu.gdt_base + s->selector),
	    0x00cf00000000ffffULL | (uint64_t)(access & 0xff) << 40 |
		((uint64_t)access & 0xf000) << 40);
}

static void
test_pvh(void)
{
	static const char initrd[] = "this is the initrd";
	const uint8_t *info, *module;
	uint64_t map, ram = 0;
	uint32_t i, n;

	make_elf64();
	REQUIRE(load("console=ttyS0", initrd, sizeof(initrd)) == 0);
	CHECK_EQ(result.cpu.mode, BOOT_PROTECTED);
	CHECK_EQ(result.cpu.rip, KERNEL + 0x10);
	CHECK_EQ(result.cpu.cr0, 0x11);
	CHECK_EQ(result.cpu.efer | result.cpu.cr4, 0);
	check_flat(&result.cpu.code, 0xc09b);
	check_flat(&result.cpu.data, 0xc093);
	CHECK_EQ(result.cpu.task.access, 0x8b);
	CHECK_EQ(result.cpu.gdt_limit, 39);
	CHECK_EQ(
	    le64_get(pc.ram + result.cpu.gdt_base + 32), 0x00008b0000000067LL);
	CHECK_EQ(pc.ram[KERNEL], 0x90);
	CHECK_EQ(pc.ram[KERNEL + 0x1fff], 0x90);
	CHECK_EQ(pc.ram[KERNEL + 0x2000], 0);
	CHECK(memcmp(pc.ram + 0x300000, "DATA", 4) == 0);
	info = pc.ram + result.cpu.rbx;
	CHECK_EQ(le32_get(info), 0x336ec578);
	CHECK_EQ(le32_get(info + 4), 1);
	CHECK_EQ(le32_get(info + 12), 1);
	module = pc.ram + le64_get(info + 16);
	CHECK_EQ(le64_get(module + 8), sizeof(initrd));
	CHECK_EQ(le64_get(module) % 4096, 0);
	CHECK(le64_get(module) + 4096 == RAM);
	CHECK_STR((char *)pc.ram + le64_get(module), initrd);
	CHECK_STR((char *)pc.ram + le64_get(info + 24), "console=ttyS0");
	CHECK(memcmp(pc.ram + le64_get(info + 32), "RSD PTR ", 8) == 0);
	map = le64_get(info + 40);
	n = le32_get(info + 48);
	CHECK(n >= 4);
	for (i = 0; i < n; i++)
		if (le32_get(pc.ram + map + i * 24 + 16) == 1)
			ram += le64_get(pc.ram + map + i * 24 + 8);
	CHECK_EQ(ram, RAM - 0x60400);
	CHECK_EQ(le16_get(pc.ram + 0x40e), 0x9fc0);
	CHECK_EQ(le16_get(pc.ram + 0x413), 639);
	pc_fini(&pc);
	phdr(1)->p_paddr = KERNEL + 0x2000; /* neighbours do not overlap */
	REQUIRE(load(NULL, NULL, 0) == 0);
	CHECK_EQ(le32_get(pc.ram + result.cpu.rbx + 12), 0);
	CHECK_EQ(le64_get(pc.ram + result.cpu.rbx + 16), 0);
	pc_fini(&pc);
}

static void
test_elf32_multiboot(void)
{
	static const char initrd[] = "module";
	Elf32_Ehdr *e = (Elf32_Ehdr *)(void *)file;
	Elf32_Phdr *p = (Elf32_Phdr *)(void *)(file + sizeof(*e));
	const uint8_t *info, *module;
	uint32_t at, end;
	uint64_t ram = 0;

	memset(file, 0, sizeof(file));
	memset(file + TEXT, 0x90, 0x1000);
	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS32;
	e->e_ident[EI_DATA] = ELFDATA2LSB;
	e->e_type = ET_EXEC;
	e->e_machine = EM_386;
	e->e_entry = 0xc0200008;
	e->e_phoff = sizeof(*e);
	e->e_phentsize = sizeof(*p);
	e->e_phnum = 1;
	*p = (Elf32_Phdr) { .p_type = PT_LOAD,
		.p_offset = TEXT,
		.p_vaddr = 0xc0200000,
		.p_paddr = (uint32_t)KERNEL,
		.p_filesz = 0x1000,
		.p_memsz = 0x9000 };
	add_multiboot(3);
	REQUIRE(load("root=x", initrd, sizeof(initrd)) == 0);
	CHECK_EQ(result.cpu.rip, KERNEL + 8); /* made physical */
	CHECK_EQ(result.cpu.rax, 0x2BADB002);
	info = pc.ram + result.cpu.rbx;
	CHECK_EQ(le32_get(info), 0x24d);
	CHECK_EQ(le32_get(info + 4), 639);
	CHECK_EQ(le32_get(info + 8), (RAM >> 10) - 1024);
	CHECK_STR((char *)pc.ram + le32_get(info + 16), "root=x");
	CHECK_EQ(le32_get(info + 20), 1);
	module = pc.ram + le32_get(info + 24);
	CHECK_STR((char *)pc.ram + le32_get(module), initrd);
	CHECK_EQ(le32_get(module + 4) - le32_get(module), sizeof(initrd));
	CHECK_STR((char *)pc.ram + le32_get(module + 8), "initrd");
	CHECK_STR((char *)pc.ram + le32_get(info + 64), "vmd");
	at = le32_get(info + 48);
	end = at + le32_get(info + 44);
	for (; at < end; at += le32_get(pc.ram + at) + 4)
		if (le32_get(pc.ram + at + 20) == 1)
			ram += le64_get(pc.ram + at + 12);
	CHECK_EQ(ram, RAM - 0x60400);
	pc_fini(&pc);
	add_multiboot(0x8003);
	refused(VM_ERROR_FILE_FORMAT, "unknown features (0x8000)");
	add_multiboot(3);
	e->e_entry = 0xc0201000;
	refused(VM_ERROR_FILE_CORRUPT, "entry point 0xc0201000");
}

/* A PVH note wins over a multiboot header; without both there is no way in. */
static void
test_which_protocol(void)
{
	make_elf64();
	add_multiboot(0);
	REQUIRE(load("", NULL, 0) == 0);
	CHECK_EQ(result.cpu.rax, 0);
	pc_fini(&pc);
	phdr(2)->p_type = PT_NULL;
	REQUIRE(load("", NULL, 0) == 0);
	CHECK_EQ(result.cpu.rax, 0x2BADB002);
	CHECK_EQ(result.cpu.rip, KERNEL + 0x20);
	pc_fini(&pc);
	file[MB_HEADER] ^= 1;
	refused(VM_ERROR_FILE_FORMAT, "neither a PVH note nor a multiboot");
}

static void
test_bad_headers(void)
{
	make_elf64();
	ehdr()->e_type = ET_DYN;
	refused(VM_ERROR_FILE_FORMAT, "no executable for x86");
	make_elf64();
	ehdr()->e_machine = EM_AARCH64;
	refused(VM_ERROR_FILE_FORMAT, "no executable for x86");
	make_elf64();
	ehdr()->e_ident[EI_DATA] = ELFDATA2MSB;
	refused(VM_ERROR_FILE_FORMAT, "no executable for x86");
	make_elf64();
	ehdr()->e_phentsize = 1;
	refused(VM_ERROR_FILE_CORRUPT, "3 program headers of 1 bytes");
	make_elf64();
	ehdr()->e_phnum = 0xffff;
	refused(VM_ERROR_FILE_CORRUPT, "65535 program headers");
	make_elf64();
	ehdr()->e_phnum = 0;
	refused(VM_ERROR_FILE_CORRUPT, "0 program headers");
	make_elf64();
	ehdr()->e_phoff = UINT64_MAX - 8;
	refused(VM_ERROR_FILE_TRUNCATED, "promise");
	make_elf64();
	phdr(0)->p_type = phdr(1)->p_type = PT_NULL;
	refused(VM_ERROR_FILE_CORRUPT, "nothing to load");
}

static void
test_bad_segments(void)
{
	make_elf64();
	phdr(0)->p_paddr = 0x7000;
	refused(VM_ERROR_FILE_CORRUPT, "0x7000, below 1 MiB");
	make_elf64();
	phdr(1)->p_paddr = RAM - 0x4fff;
	refused(VM_ERROR_FILE_TOO_BIG, "memory ends at 0x4000000");
	make_elf64();
	phdr(1)->p_memsz = UINT64_MAX - 0x1000;
	refused(VM_ERROR_FILE_TOO_BIG, "memory ends");
	make_elf64();
	phdr(1)->p_paddr = UINT64_MAX - 0x800; /* wraps */
	refused(VM_ERROR_FILE_TOO_BIG, "memory ends");
	make_elf64();
	phdr(0)->p_filesz = 0x2001;
	refused(VM_ERROR_FILE_CORRUPT, "more bytes in the file");
	make_elf64();
	phdr(1)->p_memsz = 0; /* no memory, but bytes for it */
	refused(VM_ERROR_FILE_CORRUPT, "more bytes in the file");
	make_elf64();
	phdr(1)->p_paddr = KERNEL + 0x1fff;
	refused(VM_ERROR_FILE_CORRUPT, "overlap");
	make_elf64();
	phdr(1)->p_offset = sizeof(file) - 0xfff;
	refused(VM_ERROR_FILE_TRUNCATED, "promise at least 1 more");
	make_elf64();
	phdr(1)->p_offset = UINT64_MAX;
	refused(VM_ERROR_FILE_TRUNCATED, "promise");
	make_elf64();
	le32_put(
	    file + NOTE + XEN + 16, KERNEL + 0x2000); /* just behind text */
	refused(VM_ERROR_FILE_CORRUPT, "entry point 0x202000");
	make_elf64();
	le32_put(file + NOTE + XEN + 16, 0x301000); /* in the BSS */
	refused(VM_ERROR_FILE_CORRUPT, "entry point");
}

static void
test_bad_notes(void)
{
	unsigned int i;

	make_elf64();
	phdr(2)->p_filesz = 1 << 20;
	refused(VM_ERROR_FILE_CORRUPT, "notes are too long");
	make_elf64();
	phdr(2)->p_offset = sizeof(file);
	refused(VM_ERROR_FILE_TRUNCATED, "promise");
	for (i = 1; i < XEN + 20; i++) { /* cut anywhere: no note */
		make_elf64();
		phdr(2)->p_filesz = i;
		refused(VM_ERROR_FILE_FORMAT, "neither");
	}
	make_elf64();
	le32_put(file + NOTE, UINT32_MAX);
	refused(VM_ERROR_FILE_FORMAT, "neither");
	make_elf64();
	le32_put(file + NOTE + 4, UINT32_MAX - 3);
	refused(VM_ERROR_FILE_FORMAT, "neither");
	make_elf64();
	le32_put(file + NOTE + XEN + 4, 2); /* an entry of two bytes */
	refused(VM_ERROR_FILE_FORMAT, "neither");
}

/* A file of every length up to the full one: an error, never a crash. */
static void
test_truncated(void)
{
	struct bootcase c = { .kernel = file };

	make_elf64();
	for (c.kernel_len = 1; c.kernel_len < sizeof(file);
	     c.kernel_len += c.kernel_len < 0x300 ? 1 : 97) {
		CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
		CHECK(result.error == VM_ERROR_FILE_TRUNCATED ||
		    result.error == VM_ERROR_FILE_FORMAT);
		pc_fini(&pc);
	}
	c.kernel_len = 0;
	CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_EMPTY);
	pc_fini(&pc);
}

static void
test_initrd(void)
{
	static uint8_t initrd[1 << 20];
	struct bootcase c = { file, sizeof(file), initrd, 0, "" };

	make_elf64();
	/* 4 MiB: the kernel ends at 0x305000, so 1004 KiB are left. */
	c.initrd_len = 1004 << 10;
	REQUIRE(bootcase_load(&c, &pc, 4 << 20, &result) == 0);
	CHECK_EQ(le64_get(pc.ram + LAYOUT_START_INFO + 64), 0x305000);
	pc_fini(&pc);
	c.initrd_len++;
	CHECK_EQ(bootcase_load(&c, &pc, 4 << 20, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_TOO_BIG);
	CHECK_EQ(result.file, VM_FILE_INITRD);
	CHECK(strstr(result.detail, "room for 1004 KiB") != NULL);
	pc_fini(&pc);
	c.initrd_len = 0;
	CHECK_EQ(bootcase_load(&c, &pc, 4 << 20, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_EMPTY);
	CHECK_EQ(result.file, VM_FILE_INITRD);
	pc_fini(&pc);
}

/* --- plain multiboot images ------------------------------------------------
 */

#define IMAGE 0x100000U

static void
make_image(void)
{
	memset(file, 0x90, sizeof(file));
	add_multiboot(0x10003);
	le32_put(file + MB_HEADER + 12, IMAGE + 0x300);
	le32_put(file + MB_HEADER + 16, IMAGE);
	le32_put(file + MB_HEADER + 20, IMAGE + 0x1000);
	le32_put(file + MB_HEADER + 24, IMAGE + 0x8000);
	le32_put(file + MB_HEADER + 28, IMAGE + 0x20);
	file[0x100] = 0xf4; /* what comes to IMAGE: 0x400 - 0x300 */
}

static void
test_image(void)
{
	make_image();
	REQUIRE(load("x", NULL, 0) == 0);
	CHECK_EQ(result.cpu.rip, IMAGE + 0x20);
	CHECK_EQ(pc.ram[IMAGE], 0xf4);
	CHECK_EQ(pc.ram[IMAGE + 0xfff], 0x90);
	CHECK_EQ(pc.ram[IMAGE + 0x1000], 0);
	pc_fini(&pc);
	/* No end: the whole rest of the file. */
	le32_put(file + MB_HEADER + 20, 0);
	REQUIRE(load("x", NULL, 0) == 0);
	CHECK_EQ(pc.ram[IMAGE + sizeof(file) - 0x101], 0x90);
	CHECK_EQ(pc.ram[IMAGE + sizeof(file) - 0x100], 0);
	pc_fini(&pc);
}

static void
test_bad_image(void)
{
	make_image();
	le32_put(file + MB_HEADER + 12, IMAGE - 4);
	refused(VM_ERROR_FILE_CORRUPT, "are not its own");
	make_image();
	le32_put(file + MB_HEADER + 12, IMAGE + 0x401);
	refused(VM_ERROR_FILE_CORRUPT, "are not its own");
	make_image();
	le32_put(file + MB_HEADER + 16, 0x1000);
	le32_put(file + MB_HEADER + 12, 0x1300);
	le32_put(file + MB_HEADER + 28, 0x1000);
	refused(VM_ERROR_FILE_CORRUPT, "below 1 MiB");
	make_image();
	le32_put(file + MB_HEADER + 20, UINT32_MAX);
	refused(VM_ERROR_FILE_TOO_BIG, "memory ends");
	make_image();
	le32_put(file + MB_HEADER + 20, IMAGE + sizeof(file));
	refused(VM_ERROR_FILE_TRUNCATED, "promise at least 256 more");
	make_image();
	le32_put(file + MB_HEADER + 24, UINT32_MAX);
	refused(VM_ERROR_FILE_TOO_BIG, "memory ends");
	make_image();
	le32_put(file + MB_HEADER + 20, IMAGE - 1);
	refused(VM_ERROR_FILE_CORRUPT, "entry point");
	make_image();
	le32_put(file + MB_HEADER + 28, IMAGE + 0x1000);
	refused(VM_ERROR_FILE_CORRUPT, "entry point 0x101000");
	make_image();
	{
		/* The file ends within the addresses. */
		const struct bootcase c = { .kernel = file,
			.kernel_len = MB_HEADER + 31 };

		CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
		CHECK_EQ(result.error, VM_ERROR_FILE_FORMAT);
		pc_fini(&pc);
	}
	add_multiboot(3);
	refused(VM_ERROR_FILE_FORMAT, "without addresses");
}

/* --- packed kernels --------------------------------------------------------
 */

static uint8_t packed[sizeof(file) + 1024];

static size_t
pack(const void *bytes, size_t len)
{
	z_stream z = { .next_in = bytes,
		.avail_in = (uInt)len,
		.next_out = packed,
		.avail_out = sizeof(packed) };

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
		Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

static void
test_gzip(void)
{
	struct bootcase c = { .kernel = packed };
	size_t len, i;

	make_elf64();
	len = c.kernel_len = pack(file, sizeof(file));
	REQUIRE(bootcase_load(&c, &pc, RAM, &result) == 0);
	CHECK_EQ(result.cpu.rip, KERNEL + 0x10);
	CHECK(memcmp(pc.ram + 0x300000, "DATA", 4) == 0);
	pc_fini(&pc);
	for (c.kernel_len = 3; c.kernel_len < len; c.kernel_len++) {
		CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
		CHECK_EQ(result.error, VM_ERROR_FILE_TRUNCATED);
		pc_fini(&pc);
	}
	packed[len / 2] ^= 0x55;
	for (i = 0; i < 8; i++)
		packed[len / 2 + i] = 0xff;
	CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_CORRUPT);
	pc_fini(&pc);
	/* Nothing within, and rubbish within. */
	c.kernel_len = pack("", 0);
	CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_EMPTY);
	pc_fini(&pc);
	c.kernel_len = pack("rubbish", 7);
	CHECK_EQ(bootcase_load(&c, &pc, RAM, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_FORMAT);
	pc_fini(&pc);
}

/* A small file that unpacks to more than memory has. */
static void
test_gzip_bomb(void)
{
	struct bootcase c = { .kernel = packed };
	uint8_t *zeroes = calloc(1, 9 << 20);

	REQUIRE(zeroes != NULL);
	c.kernel_len = pack(zeroes, 9 << 20);
	CHECK_EQ(bootcase_load(&c, &pc, 8 << 20, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_TOO_BIG);
	CHECK(strstr(result.detail, "more than 8 MiB") != NULL);
	pc_fini(&pc);
	/* Exactly that much is read, and is no kernel. */
	c.kernel_len = pack(zeroes, 8 << 20);
	CHECK_EQ(bootcase_load(&c, &pc, 8 << 20, &result), -1);
	CHECK_EQ(result.error, VM_ERROR_FILE_FORMAT);
	pc_fini(&pc);
	free(zeroes);
}

int
main(void)
{
	TEST(test_pvh);
	TEST(test_elf32_multiboot);
	TEST(test_which_protocol);
	TEST(test_bad_headers);
	TEST(test_bad_segments);
	TEST(test_bad_notes);
	TEST(test_truncated);
	TEST(test_initrd);
	TEST(test_image);
	TEST(test_bad_image);
	TEST(test_gzip);
	TEST(test_gzip_bomb);
	return CHECK_EXIT();
}
