/* SPDX-License-Identifier: ISC */
/*
 * A dump, byte by byte: its head, the notes against the registers, memory with
 * its holes.
 */
#include <elf.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "check.h"
#include "dumped.h"

#define NOTE_TEXT "OSRELEASE=6.1.0\n"

static struct guest g;
static int out; /* the dump */
static const uint8_t *core; /* its bytes */
static size_t core_len;
static uint32_t vmcoreinfo[16];
static const struct vm_dump_params with_note = {
	.size = sizeof(with_note),
	.vmcoreinfo = vmcoreinfo,
	.vmcoreinfo_len = sizeof(vmcoreinfo),
};

/* The dump of a whole VM, mapped. */
static bool
setup(void)
{
	struct stat st;

	vmcoreinfo[0] = 11;
	vmcoreinfo[1] = sizeof(NOTE_TEXT);
	strcpy((char *)&vmcoreinfo[3], "VMCOREINFO");
	strcpy((char *)&vmcoreinfo[6], NOTE_TEXT);
	out = dumped_file(64 * 1024);
	if (out == -1 || !dumped_start(&g))
		return false;
	if (vm_dump(g.vm, out, &with_note) == -1 || fstat(out, &st) == -1) {
		perror("# vm_dump");
		return false;
	}
	core_len = (size_t)st.st_size;
	core = mmap(NULL, core_len, PROT_READ, MAP_SHARED, out, 0);
	return core != MAP_FAILED;
}

static void
teardown(void)
{
	munmap((void *)(uintptr_t)core, core_len);
	close(out);
	guest_stop(&g);
}

static Elf64_Phdr
phdr(unsigned int i)
{
	Elf64_Phdr p;

	memcpy(&p, core + sizeof(Elf64_Ehdr) + i * sizeof(p), sizeof(p));
	return p;
}

/* Where in the file a guest physical address is; 0: nowhere. */
static uint64_t
place(uint64_t gpa)
{
	const Elf64_Ehdr *head = (const void *)core;
	Elf64_Phdr p;
	unsigned int i;

	for (i = 1; i < head->e_phnum; i++) {
		p = phdr(i);
		if (gpa >= p.p_paddr && gpa - p.p_paddr < p.p_filesz)
			return p.p_offset + (gpa - p.p_paddr);
	}
	return 0;
}

static void
test_head(void)
{
	static const struct {
		uint64_t gpa, len;
		uint32_t flags;
	} want[] = {
		{ 0, VMM_LOWMEM_END, PF_R | PF_W | PF_X },
		{ VMM_HIGHMEM_START, DUMPED_HIGH, PF_R | PF_W | PF_X },
		{ DUMPED_OWN, 0x2000, PF_R | PF_W | PF_X },
		{ DUMPED_FILE, 0x2000, PF_R },
	};
	const Elf64_Ehdr *head;
	uint64_t end;
	unsigned int i;

	GUEST_NEEDS_KVM();
	REQUIRE(setup());
	head = (const void *)core;
	CHECK(memcmp(head->e_ident, ELFMAG, SELFMAG) == 0);
	CHECK_EQ(head->e_ident[EI_CLASS], ELFCLASS64);
	CHECK_EQ(head->e_ident[EI_DATA], ELFDATA2LSB);
	CHECK_EQ(head->e_ident[EI_VERSION], EV_CURRENT);
	CHECK_EQ(head->e_ident[EI_OSABI], ELFOSABI_NONE);
	CHECK_EQ(head->e_type, ET_CORE);
	CHECK_EQ(head->e_machine, EM_X86_64);
	CHECK_EQ(head->e_version, EV_CURRENT);
	CHECK_EQ(head->e_phoff, 64);
	CHECK_EQ(head->e_ehsize, 64);
	CHECK_EQ(head->e_phentsize, 56);
	CHECK_EQ(head->e_shnum + head->e_shoff + head->e_entry, 0);
	REQUIRE(head->e_phnum == 5);
	CHECK_EQ(phdr(0).p_type, PT_NOTE);
	CHECK_EQ(phdr(0).p_offset, 64 + 5 * 56);
	end = (phdr(0).p_offset + phdr(0).p_filesz + 4095) & ~4095ULL;
	for (i = 0; i < 4; i++) {
		Elf64_Phdr p = phdr(i + 1);

		CHECK_EQ(p.p_type, PT_LOAD);
		CHECK_EQ(p.p_flags, want[i].flags);
		CHECK_EQ(p.p_offset, end);
		CHECK_EQ(p.p_paddr, want[i].gpa);
		CHECK_EQ(p.p_vaddr, want[i].gpa);
		CHECK_EQ(p.p_filesz, want[i].len);
		CHECK_EQ(p.p_memsz, want[i].len);
		CHECK_EQ(p.p_align, 0); /* crash(8): kdump's kind */
		end += want[i].len;
	}
	CHECK_EQ(core_len, end);
	teardown();
}

static void
test_memory(void)
{
	static const uint8_t zeroes[4096];
	const uint64_t word = DUMPED_WORD;
	struct stat st;

	GUEST_NEEDS_KVM();
	REQUIRE(setup());
	CHECK_EQ(core[place(DUMPED_MARK)], 0x5a);
	CHECK(memcmp(core + place(GUEST_ENTRY), guest_dump,
		  sizeof(guest_dump)) == 0);
	CHECK(memcmp(core + place(DUMPED_TEXT), dumped_text,
		  sizeof(dumped_text)) == 0);
	CHECK(memcmp(core + place(DUMPED_TOP), &word, 8) == 0);
	CHECK(place(DUMPED_TOP) > UINT32_MAX / 2);
	CHECK(memcmp(core + place(DUMPED_OWN + 0x1ff8), &word, 8) == 0);
	CHECK(memcmp(core + place(DUMPED_FILE + 0xff8), &word, 8) == 0);
	/* What was cut off the file, and what is no memory. */
	CHECK(memcmp(core + place(DUMPED_FILE + 0x1000), zeroes, 4096) == 0);
	CHECK_EQ(place(DUMPED_DEVICE), 0);
	/* Not what the file held before. */
	CHECK(memcmp(core + place(0x3000), zeroes, 4096) == 0);
	CHECK_EQ(core[place(0) - 1], 0);
	/* 3 GiB, and next to nothing on the disk. */
	REQUIRE(fstat(out, &st) == 0);
	CHECK(core_len > VMM_LOWMEM_END);
	CHECK(st.st_blocks * 512 < 256 * 1024);
	printf("# %zu bytes, %lld of them on the disk\n", core_len,
	    (long long)st.st_blocks * 512);
	/* Nor does looking at untouched memory take any. */
	REQUIRE(fstat(vm_memory_fd(g.vm), &st) == 0);
	CHECK(st.st_blocks * 512 < 256 * 1024);
	teardown();
}

/* A touched page of zeroes is a hole as well, and a page beside it is not. */
static void
test_zeroes(void)
{
	struct stat st;
	uint8_t *ram;
	int fd, i;

	GUEST_NEEDS_KVM();
	REQUIRE(dumped_start_small(&g, DUMPED_SMALL));
	ram = vm_map_gpa(g.vm, 0, DUMPED_SMALL);
	REQUIRE(ram != NULL);
	memset(ram + DUMPED_SMALL / 2, 0, DUMPED_SMALL / 2);
	for (i = 0; i < 8; i++)
		ram[DUMPED_SMALL / 2 + i * 0x10000 + 4095] = 1;
	fd = dumped_file(4096);
	CHECK_EQ(vm_dump(g.vm, fd, NULL), 0);
	REQUIRE(fstat(fd, &st) == 0);
	/* Those, the guest's two, and the head. */
	CHECK(st.st_blocks * 512 >= 8 * 4096);
	CHECK(st.st_blocks * 512 <= (8 + 2 + 4) * 4096);
	CHECK_EQ(lseek(fd, st.st_size - (off_t)DUMPED_SMALL / 2, SEEK_DATA),
	    st.st_size - (off_t)DUMPED_SMALL / 2);
	CHECK_EQ(lseek(fd, st.st_size - (off_t)DUMPED_SMALL / 2, SEEK_HOLE),
	    st.st_size - (off_t)DUMPED_SMALL / 2 + 4096);
	/* It ends where the memory ends, with a hole. */
	CHECK_EQ(lseek(fd, st.st_size - 4096, SEEK_DATA), -1);
	close(fd);
	guest_stop(&g);
}

/* --- notes ---------------------------------------------------------------- */

/* The nth note of a name and type; NULL: there is none. */
static const void *
note(const char *name, uint32_t type, unsigned int nth, size_t *len)
{
	const uint8_t *p = core + phdr(0).p_offset, *end;
	Elf64_Nhdr head;

	end = p + phdr(0).p_filesz;
	for (; p < end; p += (head.n_descsz + 3) & ~3U) {
		memcpy(&head, p, sizeof(head));
		p += sizeof(head) + ((head.n_namesz + 3) & ~3U);
		if (head.n_type == type && head.n_namesz == strlen(name) + 1 &&
		    strcmp((const char *)p - ((head.n_namesz + 3) & ~3U),
			name) == 0 &&
		    nth-- == 0) {
			*len = head.n_descsz;
			return p;
		}
	}
	return NULL;
}

static void
check_prstatus(uint32_t cpu)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;
	struct elf_prstatus status;
	struct user_regs_struct u;
	const void *p;
	size_t len;

	p = note("CORE", NT_PRSTATUS, cpu, &len);
	REQUIRE(p != NULL && len == sizeof(status));
	memcpy(&status, p, len);
	memcpy(&u, status.pr_reg, sizeof(u));
	REQUIRE(vcpu_get_regs(g.vcpu[cpu], &r) == 0 &&
	    vcpu_get_sregs(g.vcpu[cpu], &s) == 0);
	CHECK_EQ(status.pr_pid, cpu + 1);
	CHECK_EQ(r.r15, (cpu + 1ULL) << 56 | 0x10);
	CHECK(u.rax == r.rax && u.rbx == r.rbx && u.rcx == r.rcx &&
	    u.rdx == r.rdx && u.rsi == r.rsi && u.rdi == r.rdi &&
	    u.rbp == r.rbp && u.rsp == r.rsp);
	CHECK(u.r8 == r.r8 && u.r9 == r.r9 && u.r10 == r.r10 &&
	    u.r11 == r.r11 && u.r12 == r.r12 && u.r13 == r.r13 &&
	    u.r14 == r.r14 && u.r15 == r.r15);
	CHECK(u.rip == r.rip && u.eflags == r.rflags && u.rip > GUEST_ENTRY);
	CHECK(u.cs == s.cs.selector && u.ds == s.ds.selector &&
	    u.es == s.es.selector && u.ss == s.ss.selector &&
	    u.fs == s.fs.selector && u.gs == s.gs.selector);
	CHECK(u.fs_base == s.fs.base && u.gs_base == s.gs.base);
	CHECK_EQ(u.orig_rax, 0);
}

static void
check_xsave(uint32_t cpu)
{
	uint8_t xmm[16];
	const uint8_t *p;
	uint64_t xcr0;
	size_t len;

	memset(xmm, (int)(0xa0 + cpu), sizeof(xmm));
	p = note("LINUX", NT_X86_XSTATE, cpu, &len);
	REQUIRE(p != NULL);
	memcpy(&xcr0, p + 464, 8);
	CHECK(xcr0 == 3 || xcr0 == 7);
	CHECK_EQ(len, xcr0 == 7 ? 832 : 576);
	CHECK(memcmp(p + 160, xmm, 16) == 0);
	CHECK_EQ(p[24] | p[25] << 8, 0x1f80); /* MXCSR */
}

/* By offset, for the layout is what others read. */
static uint64_t
word_at(const uint8_t *p, size_t at)
{
	uint64_t value;

	memcpy(&value, p + at, 8);
	return value;
}

static void
check_qemu(uint32_t cpu)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;
	const uint8_t *p;
	size_t len;

	p = note("QEMU", 0, cpu, &len);
	REQUIRE(p != NULL && len == 440);
	REQUIRE(vcpu_get_regs(g.vcpu[cpu], &r) == 0 &&
	    vcpu_get_sregs(g.vcpu[cpu], &s) == 0);
	CHECK_EQ(word_at(p, 0), 1 | 440ULL << 32); /* version, size */
	CHECK_EQ(word_at(p, 8), r.rax);
	CHECK_EQ(word_at(p, 16), r.rbx);
	CHECK_EQ(word_at(p, 40), r.rsi);
	CHECK_EQ(word_at(p, 56), r.rsp);
	CHECK_EQ(word_at(p, 64), r.rbp);
	CHECK_EQ(word_at(p, 72), r.r8);
	CHECK_EQ(word_at(p, 128), r.r15);
	CHECK_EQ(word_at(p, 136), r.rip);
	CHECK_EQ(word_at(p, 144), r.rflags);
	/* CS: selector and limit, flags, base. */
	CHECK_EQ(word_at(p, 152), s.cs.selector | (uint64_t)s.cs.limit << 32);
	CHECK_EQ(word_at(p, 160), (s.cs.access & 0xf0ff) << 8);
	CHECK_EQ(word_at(p, 168), s.cs.base);
	CHECK((word_at(p, 160) & 0x9a00) == 0x9a00); /* present, code */
	/* After DS, ES, FS, GS, SS and LDT: TR, GDT, IDT. */
	CHECK_EQ(word_at(p, 152 + 7 * 24) >> 32, s.tr.limit);
	CHECK_EQ(word_at(p, 152 + 8 * 24) >> 32, s.gdtr.limit);
	CHECK_EQ(word_at(p, 152 + 9 * 24) >> 32, s.idtr.limit);
	CHECK_EQ(word_at(p, 392), s.cr0);
	CHECK_EQ(word_at(p, 400), 0);
	CHECK_EQ(word_at(p, 408), s.cr2);
	CHECK_EQ(word_at(p, 416), s.cr3);
	CHECK_EQ(word_at(p, 424), s.cr4);
	CHECK_EQ(word_at(p, 432), DUMPED_GS_BASE + cpu);
}

static void
test_notes(void)
{
	uint32_t cpu;
	size_t len;
	const void *p;

	GUEST_NEEDS_KVM();
	REQUIRE(setup());
	for (cpu = 0; cpu < DUMPED_CPUS; cpu++) {
		check_prstatus(cpu);
		check_xsave(cpu);
		check_qemu(cpu);
	}
	CHECK(note("CORE", NT_PRSTATUS, DUMPED_CPUS, &len) == NULL);
	CHECK(note("QEMU", 0, DUMPED_CPUS, &len) == NULL);
	p = note("VMCOREINFO", 0, 0, &len);
	REQUIRE(p != NULL && len == sizeof(NOTE_TEXT));
	CHECK(memcmp(p, NOTE_TEXT, len) == 0);
	teardown();
}

static void
test_params(void)
{
	struct vm_dump_params params = with_note;
	struct vm_params empty = { .size = sizeof(empty), .ncpus = 1 };
	struct vm *vm;
	int fd;

	GUEST_NEEDS_KVM();
	REQUIRE(setup());
	fd = dumped_file(4096);
	params.size--;
	CHECK(vm_dump(g.vm, fd, &params) == -1 && errno == EINVAL);
	params = with_note;
	params.vmcoreinfo_len = 40;
	CHECK(vm_dump(g.vm, fd, &params) == -1 && errno == EINVAL);
	vmcoreinfo[1] = UINT32_MAX;
	CHECK(vm_dump(g.vm, fd, &with_note) == -1 && errno == EINVAL);
	vmcoreinfo[1] = 1;
	/* No descriptor, and a VM that has no vCPU yet. */
	CHECK(vm_dump(g.vm, -1, NULL) == -1 && errno == EBADF);
	REQUIRE(vm_create(g.kvm, &empty, &vm) == 0);
	CHECK(vm_dump(vm, fd, NULL) == -1 && errno == ENOENT);
	vm_destroy(vm);
	/* Nothing of all that has touched the file. */
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4096);
	CHECK_EQ(vm_dump(g.vm, fd, NULL), 0);
	close(fd);
	teardown();
}

int
main(void)
{
	TEST(test_head);
	TEST(test_memory);
	TEST(test_zeroes);
	TEST(test_notes);
	TEST(test_params);
	return CHECK_EXIT();
}
