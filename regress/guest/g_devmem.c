/* SPDX-License-Identifier: ISC */
/*
 * Named memory of devices, as host and guest see it; what is where; and how
 * the host keeps the pages, as /proc tells of them.
 */
#include <sys/mman.h>

#include "check.h"
#include "guest.h"
#include "guest_mem.h"

#define WINDOW 0xc0000ULL
#define LEN 0x3000U

static struct guest g;

/* Answers the guest's question for the next round. */
static bool
round_is(uint8_t what)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.write || e.u.pio.port != 0xf1)
		return false;
	e.u.pio.data[0] = what;
	return true;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	CHECK(guest_start(&g, guest_mem, sizeof(guest_mem), 0, 1));
}

static void
test_names(void)
{
	char name[VM_SEGMENT_NAME_MAX + 1];
	size_t len = 0;
	void *p;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(vm_create_devmem(g.vm, name, LEN) == NULL && errno == EINVAL);
	CHECK(vm_create_devmem(g.vm, "", LEN) == NULL && errno == EINVAL);
	CHECK(vm_create_devmem(g.vm, "rom", 0) == NULL && errno == EINVAL);
	CHECK(vm_create_devmem(g.vm, "rom", 1) == NULL && errno == EINVAL);
	CHECK(vm_get_devmem(g.vm, "rom", &len) == NULL && errno == ENOENT);
	CHECK(vm_devmem_fd(g.vm, "rom") == -1 && errno == ENOENT);
	p = vm_create_devmem(g.vm, "rom", LEN);
	REQUIRE(p != NULL);
	CHECK(vm_create_devmem(g.vm, "rom", LEN) == NULL && errno == EEXIST);
	CHECK(vm_get_devmem(g.vm, "rom", &len) == p);
	CHECK_EQ(len, LEN);
	name[VM_SEGMENT_NAME_MAX - 1] = '\0';
	CHECK(vm_create_devmem(g.vm, name, 0x1000) != NULL);
}

static void
test_rom(void)
{
	struct vm_memory_seg seg;
	size_t len;
	uint8_t *rom = vm_get_devmem(g.vm, "rom", &len), byte = 0;
	struct vm_exit e;

	REQUIRE(rom != NULL);
	rom[0x1010] = 0x42;
	REQUIRE(vm_map_devmem(
		    g.vm, "rom", 0x1000, WINDOW, 0x1000, VMM_PROT_READ) == 0);
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x42));
	REQUIRE(round_is(1));
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_ACCESS);
	CHECK_EQ(e.u.access.allowed, VMM_PROT_READ);
	CHECK_EQ(rom[0x1010], 0x42);
	rom[0x1010] = 0x43; /* the host may, and another process */
	CHECK(pread(vm_devmem_fd(g.vm, "rom"), &byte, 1, 0x1010) == 1);
	CHECK_EQ(byte, 0x43);
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x43));
	REQUIRE(vm_get_memory_seg(g.vm, WINDOW + 5, &seg) == 0);
	CHECK_EQ(seg.gpa, WINDOW);
	CHECK_EQ(seg.len, 0x1000);
	CHECK_EQ(seg.prot, VMM_PROT_READ);
	CHECK(!seg.ram && !seg.wired && seg.host == rom + 0x1000);
	CHECK(
	    vm_get_memory_seg(g.vm, WINDOW - 1, &seg) == -1 && errno == ENOENT);
	REQUIRE(vm_get_memory_seg(g.vm, 0, &seg) == 0);
	CHECK(seg.ram && seg.len == GUEST_MEMORY && seg.prot == VMM_PROT_ALL);
}

/* The same memory twice, once to be written. */
static void
test_twice(void)
{
	uint64_t gpa = 0;
	size_t len;
	uint8_t *rom = vm_get_devmem(g.vm, "rom", &len);

	REQUIRE(rom != NULL);
	REQUIRE(vm_unmap_memory(g.vm, WINDOW, 0x1000) == 0);
	REQUIRE(vm_map_devmem(
		    g.vm, "rom", 0x1000, WINDOW, 0x1000, VMM_PROT_ALL) == 0);
	REQUIRE(
	    vm_map_devmem(g.vm, "rom", 0, 0x80000, LEN, VMM_PROT_READ) == 0);
	REQUIRE(round_is(1));
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x77));
	CHECK_EQ(rom[0x1010], 0x77);
	CHECK(vm_copyout(g.vm, 0x81010, &gpa, 1) == 0);
	CHECK_EQ(gpa, 0x77);
	CHECK(vm_rev_map_gpa(g.vm, rom + 0x1010, &gpa) == 0);
	CHECK_EQ(gpa, 0x81010);
	CHECK(vm_rev_map_gpa(g.vm, rom + LEN, &gpa) == -1 && errno == EFAULT);
	CHECK(vm_rev_map_gpa(g.vm, &gpa, &gpa) == -1 && errno == EFAULT);
	CHECK(vm_rev_map_gpa(g.vm, vm_map_gpa(g.vm, 0x123, 1), &gpa) == 0);
	CHECK_EQ(gpa, 0x123);
	CHECK(vm_map_devmem(g.vm, "rom", 0x1000, 0x90000, LEN, VMM_PROT_ALL) ==
		-1 &&
	    errno == EINVAL);
	CHECK(vm_map_devmem(g.vm, "rom", 0, WINDOW, LEN, VMM_PROT_ALL) == -1 &&
	    errno == EEXIST);
	CHECK(vm_map_devmem(g.vm, "ram", 0, 0x90000, LEN, VMM_PROT_ALL) == -1 &&
	    errno == ENOENT);
	CHECK(vm_map_devmem(g.vm, "rom", 1, 0x90000, 0x1000, VMM_PROT_ALL) ==
		-1 &&
	    errno == EINVAL);
	REQUIRE(vm_unmap_memory(g.vm, 0x80000, LEN) == 0);
	CHECK_EQ(rom[0x1010], 0x77);
}

/* Whether the mapping of p has a flag of /proc/self/smaps. */
static int
has_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to, at = (unsigned long)(uintptr_t)p;
	bool here = false;
	char line[512];
	int rc = -1;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = at >= from && at < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			rc = strstr(line, flag) != NULL;
	}
	if (f != NULL)
		fclose(f);
	return rc;
}

/* What a locked page looks like: sanitizers make mlock() do nothing. */
static int
locked_flag(void)
{
	void *p =
	    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flag = -1;

	if (p != MAP_FAILED && mlock(p, 4096) == 0)
		flag = has_flag(p, " lo");
	if (p != MAP_FAILED)
		munmap(p, 4096);
	return flag;
}

static void
test_memflags(void)
{
	int locked = locked_flag();

	struct vm_memory_seg seg;
	const void *ram = vm_map_gpa(g.vm, 0, 1), *later;
	size_t len;
	const void *rom = vm_get_devmem(g.vm, "rom", &len);

	CHECK_EQ(vm_get_memflags(g.vm), 0);
	CHECK_EQ(has_flag(ram, " dd"), 1);
	CHECK_EQ(has_flag(ram, " lo"), 0);
	CHECK(vm_set_memflags(g.vm, 8) == -1 && errno == EINVAL);
	REQUIRE(vm_set_memflags(g.vm, VM_MEM_F_INCORE | VM_MEM_F_WIRED) == 0);
	CHECK_EQ(vm_get_memflags(g.vm), VM_MEM_F_INCORE | VM_MEM_F_WIRED);
	CHECK_EQ(has_flag(ram, " dd"), 0);
	CHECK_EQ(has_flag(ram, " lo"), locked);
	CHECK_EQ(has_flag(rom, " dd"), 0);
	CHECK_EQ(has_flag(rom, " lo"), locked);
	REQUIRE(
	    vm_map_memory(g.vm, 0x100000, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	later = vm_map_gpa(g.vm, 0x100000, 1);
	CHECK_EQ(has_flag(later, " dd"), 0);
	CHECK_EQ(has_flag(later, " lo"), locked);
	CHECK(vm_get_memory_seg(g.vm, 0x100000, &seg) == 0 && seg.wired);
	REQUIRE(vm_set_memflags(g.vm, 0) == 0);
	CHECK_EQ(has_flag(ram, " dd"), 1);
	CHECK_EQ(has_flag(later, " lo"), 0);
}

static void
test_domain(void)
{
	int rc = vm_set_memory_domain(g.vm, 0, GUEST_MEMORY, 0);

	CHECK(rc == 0 || errno == ENOTSUP);
	CHECK(vm_set_memory_domain(g.vm, 0, GUEST_MEMORY, -1) == rc);
	CHECK(vm_set_memory_domain(g.vm, 0, GUEST_MEMORY, 1023) == -1 &&
	    (errno == EINVAL || errno == ENOTSUP));
	CHECK(vm_set_memory_domain(g.vm, 0, GUEST_MEMORY, 1024) == -1 &&
	    errno == EINVAL);
	CHECK(vm_set_memory_domain(g.vm, 0, 1, 0) == -1 && errno == EINVAL);
	CHECK(vm_set_memory_domain(g.vm, 0x200000, 0x1000, 0) == -1 &&
	    errno == EFAULT);
	guest_stop(&g);
}

static void
test_lowmem(void)
{
	struct vm_params params = { .size = sizeof(params), .ncpus = 1 };

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	REQUIRE(g.kvm != -1 && vm_create(g.kvm, &params, &g.vm) == 0);
	CHECK_EQ(vm_get_lowmem_limit(g.vm), VMM_LOWMEM_END);
	CHECK_EQ(vm_get_lowmem_size(g.vm), 0);
	CHECK(vm_set_lowmem_limit(g.vm, 0) == -1 && errno == EINVAL);
	CHECK(vm_set_lowmem_limit(g.vm, 0x100001) == -1 && errno == EINVAL);
	CHECK(vm_set_lowmem_limit(g.vm, VMM_LOWMEM_END + 0x1000) == -1 &&
	    errno == EINVAL);
	REQUIRE(vm_set_lowmem_limit(g.vm, 0x100000) == 0);
	REQUIRE(vm_setup_memory(g.vm, 0x400000) == 0);
	CHECK_EQ(vm_get_lowmem_limit(g.vm), 0x100000);
	CHECK_EQ(vm_get_lowmem_size(g.vm), 0x100000);
	CHECK_EQ(vm_get_highmem_base(g.vm), VMM_HIGHMEM_START);
	CHECK_EQ(vm_get_highmem_size(g.vm), 0x300000);
	CHECK(vm_map_gpa(g.vm, VMM_HIGHMEM_START, 0x300000) != NULL);
	CHECK(vm_map_gpa(g.vm, 0x100000, 1) == NULL);
	CHECK(vm_set_lowmem_limit(g.vm, 0x200000) == -1 && errno == EBUSY);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_names);
		TEST(test_rom);
		TEST(test_twice);
		TEST(test_memflags);
		TEST(test_domain);
	}
	TEST(test_lowmem);
	return CHECK_EXIT();
}
