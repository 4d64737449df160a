/* SPDX-License-Identifier: ISC */
/*
 * Guest memory as a guest sees it: mapped, read-only, unmapped, mapped again;
 * the books around it; what is refused, and that refusing leaks nothing.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "check.h"
#include "guest.h"
#include "guest_mem.h"

#define WINDOW 0xc0000ULL

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

static bool
is_mmio(bool write, uint8_t answer)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_MMIO ||
	    e.u.mmio.write != write || e.u.mmio.gpa != WINDOW + 0x10)
		return false;
	if (write)
		return e.u.mmio.data[0] == 0x77;
	e.u.mmio.data[0] = answer;
	return true;
}

/* The guest writes where it may only read. */
static bool
is_forbidden(void)
{
	struct vm_exit e;

	return vm_run(g.vcpu[0], &e) == 0 && e.reason == VM_EXIT_ACCESS &&
	    e.u.access.gpa == WINDOW + 0x10 && e.u.access.len == 1 &&
	    e.u.access.attempted == VMM_PROT_WRITE &&
	    e.u.access.allowed == (VMM_PROT_READ | VMM_PROT_EXEC) &&
	    e.u.access.data[0] == 0x77;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	CHECK(guest_start(&g, guest_mem, sizeof(guest_mem), 0, 1));
}

static void
test_not_mapped(void)
{
	REQUIRE(round_is(0));
	REQUIRE(is_mmio(false, 0x31));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x31));
}

static void
test_mapped(void)
{
	uint8_t *p, byte = 0x42;

	REQUIRE(vm_map_memory(g.vm, WINDOW, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	REQUIRE(vm_copyin(g.vm, &byte, WINDOW + 0x10, 1) == 0);
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x42));
	REQUIRE(round_is(1));
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x77));
	p = vm_map_gpa(g.vm, WINDOW + 0x10, 1);
	REQUIRE(p != NULL);
	CHECK_EQ(*p, 0x77);
	CHECK(vm_unmap_memory(g.vm, WINDOW, 0x1000) == 0);
	REQUIRE(round_is(0));
	REQUIRE(is_mmio(false, 0x32));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x32));
}

static void
test_read_only(void)
{
	uint8_t *p;

	REQUIRE(vm_map_memory(g.vm, WINDOW, 0x1000, -1, 0,
		    VMM_PROT_READ | VMM_PROT_EXEC) == 0);
	p = vm_map_gpa(g.vm, WINDOW, 0x1000);
	REQUIRE(p != NULL);
	p[0x10] = 0x55;
	REQUIRE(round_is(1));
	CHECK(is_forbidden());
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x55));
	CHECK(vm_unmap_memory(g.vm, WINDOW, 0x1000) == 0);
	REQUIRE(round_is(1)); /* no memory, so nothing that forbids */
	CHECK(is_mmio(true, 0));
}

static void
test_file(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	uint8_t byte = 0x66;

	REQUIRE(fd != -1 && ftruncate(fd, 0x3000) == 0);
	REQUIRE(pwrite(fd, &byte, 1, 0x2010) == 1);
	CHECK(vm_map_memory(g.vm, WINDOW, 0x2000, fd, 0x2000, VMM_PROT_READ) ==
		-1 &&
	    errno == EINVAL);
	REQUIRE(vm_map_memory(
		    g.vm, WINDOW, 0x1000, fd, 0x2000, VMM_PROT_READ) == 0);
	close(fd);
	REQUIRE(round_is(0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x66));
	CHECK(vm_copyin(g.vm, &byte, WINDOW, 1) == -1 && errno == EACCES);
	CHECK(vm_unmap_memory(g.vm, WINDOW, 0x1000) == 0);
}

static void
test_refused(void)
{
	CHECK(vm_map_memory(g.vm, WINDOW + 1, 0x1000, -1, 0, VMM_PROT_ALL) ==
		-1 &&
	    errno == EINVAL);
	CHECK(vm_map_memory(g.vm, WINDOW, 0x800, -1, 0, VMM_PROT_ALL) == -1 &&
	    errno == EINVAL);
	CHECK(vm_map_memory(g.vm, WINDOW, 0, -1, 0, VMM_PROT_ALL) == -1 &&
	    errno == EINVAL);
	CHECK(
	    vm_map_memory(g.vm, WINDOW, 0x1000, -1, 0, VMM_PROT_WRITE) == -1 &&
	    errno == EINVAL);
	CHECK(vm_map_memory(g.vm, GUEST_MEMORY - 0x1000, 0x2000, -1, 0,
		  VMM_PROT_ALL) == -1 &&
	    errno == EEXIST);
	CHECK(
	    vm_map_memory(g.vm, WINDOW, 0x1000, 9999, 0, VMM_PROT_ALL) == -1 &&
	    errno == EBADF);
	CHECK(vm_unmap_memory(g.vm, WINDOW, 0x1000) == -1 && errno == ENOENT);
	CHECK(vm_unmap_memory(g.vm, 0, GUEST_MEMORY) == -1 && errno == ENOENT);
	CHECK(vm_setup_memory(g.vm, 0x10000) == -1 && errno == EEXIST);
	CHECK(vm_map_gpa(g.vm, GUEST_MEMORY - 1, 2) == NULL && errno == EFAULT);
	CHECK(vm_map_gpa(g.vm, UINT64_MAX, 2) == NULL);
	CHECK(vm_map_gpa(g.vm, GUEST_MEMORY - 1, 1) != NULL);
}

/* Many regions come and go: the slots are used again. */
static void
test_slots(void)
{
	int round, i, bad = 0;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 16; i++)
			if (vm_map_memory(g.vm, 0x100000 + i * 0x2000ULL,
				0x1000, -1, 0, VMM_PROT_ALL) == -1)
				bad++;
		for (i = 15; i >= 0; i--)
			if (vm_unmap_memory(
				g.vm, 0x100000 + i * 0x2000ULL, 0x1000) == -1)
				bad++;
	}
	CHECK_EQ(bad, 0);
}

static void
test_copy_across(void)
{
	uint8_t in[0x1800], out[0x1800];
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	REQUIRE(vm_map_memory(
		    g.vm, GUEST_MEMORY, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	CHECK(vm_copyin(g.vm, in, GUEST_MEMORY - 0xc00, sizeof(in)) == 0);
	CHECK(vm_copyout(g.vm, GUEST_MEMORY - 0xc00, out, sizeof(out)) == 0);
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	CHECK(vm_copyout(g.vm, GUEST_MEMORY, out, sizeof(out)) == -1 &&
	    errno == EFAULT);
	CHECK(vm_unmap_memory(g.vm, GUEST_MEMORY, 0x1000) == 0);
	guest_stop(&g);
}

static void
test_ram_above_4g(void)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = VMM_LOWMEM_END + (64ULL << 20),
		.ncpus = 1 };
	struct vm_memseg segs[4];
	int before = guest_count_fds(), seals;

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	REQUIRE(vm_create(g.kvm, &params, &g.vm) == 0);
	REQUIRE(vm_memory_layout(g.vm, segs, 4) == 2);
	CHECK_EQ(segs[0].gpa, 0);
	CHECK_EQ(segs[0].len, VMM_LOWMEM_END);
	CHECK_EQ(segs[1].gpa, VMM_HIGHMEM_START);
	CHECK_EQ(segs[1].len, 64 << 20);
	CHECK_EQ(segs[1].offset, VMM_LOWMEM_END);
	CHECK(vm_map_gpa(g.vm, VMM_LOWMEM_END, 1) == NULL);
	CHECK(vm_map_gpa(g.vm, VMM_HIGHMEM_START, 64 << 20) != NULL);
	CHECK((uintptr_t)vm_map_gpa(g.vm, 0, 1) % (2 << 20) == 0);
	seals = fcntl(vm_memory_fd(g.vm), F_GET_SEALS);
	/* 0x20, F_SEAL_EXEC, where the kernel has it */
	CHECK_EQ(seals & ~0x20, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK(ftruncate(vm_memory_fd(g.vm), 4096) == -1 && errno == EPERM);
	guest_stop(&g);
	CHECK_EQ(guest_count_fds(), before);
}

static void
test_large_pages(void)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = 32ULL << 20, .ncpus = 1
	};
	uint8_t in[64], out[64];
	int rc;

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	memset(in, 0xa7, sizeof(in));
	REQUIRE(vm_create(g.kvm, &params, &g.vm) == 0);
	REQUIRE(vm_copyin(g.vm, in, (4 << 20) - 32, sizeof(in)) == 0);
	errno = 0;
	rc = vm_memory_large(g.vm, 1 << 20, 15 << 20);
	CHECK(rc == 0 || errno == ENOTSUP || errno == ENOMEM);
	printf("# large pages: %s\n", rc == 0 ? "yes" : strerror(errno));
	REQUIRE(vm_copyout(g.vm, (4 << 20) - 32, out, sizeof(out)) == 0);
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	CHECK(vm_memory_large(g.vm, 4096, 4096) == 0); /* no whole one */
	CHECK(vm_memory_large(g.vm, 0, 64 << 20) == -1 && errno == EFAULT);
	CHECK(vm_memory_large(g.vm, UINT64_MAX - 4096, 64 << 20) == -1);
	guest_stop(&g);
}

/* Each way in which creation fails gives back what it took. */
static void
test_failures(void)
{
	struct vm_params params = { .size = sizeof(params), .ncpus = 1 };
	struct vcpu *vcpu;
	struct vm *vm = NULL;
	int kvm, null, before;

	GUEST_NEEDS_KVM();
	kvm = vmm_open(NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	REQUIRE(kvm != -1 && null != -1);
	before = guest_count_fds();
	CHECK(vm_create(null, &params, &vm) == -1 && errno == ENOTTY);
	CHECK(vm_create(-1, &params, &vm) == -1 && errno == EBADF);
	params.size--;
	CHECK(vm_create(kvm, &params, &vm) == -1 && errno == EINVAL);
	params.size++;
	params.ncpus = VMM_MAX_VCPUS + 1;
	CHECK(vm_create(kvm, &params, &vm) == -1 && errno == EINVAL);
	params.ncpus = 1;
	params.flags = VM_PIT;
	CHECK(vm_create(kvm, &params, &vm) == -1 && errno == EINVAL);
	params.flags = 0;
	params.memory_bytes = 1;
	CHECK(vm_create(kvm, &params, &vm) == -1 && errno == EINVAL);
	params.memory_bytes = 1ULL << 51; /* no address space has it */
	CHECK(vm_create(kvm, &params, &vm) == -1);
	CHECK_EQ(guest_count_fds(), before);
	params.memory_bytes = 0;
	REQUIRE(vm_create(kvm, &params, &vm) == 0);
	CHECK(vm_memory_fd(vm) == -1 && errno == ENOENT);
	CHECK(vcpu_open(vm, 1, &vcpu) == -1 && errno == EINVAL);
	REQUIRE(vcpu_open(vm, 0, &vcpu) == 0);
	CHECK(vcpu_open(vm, 0, &vcpu) == -1 && errno == EEXIST);
	vm_destroy(vm);
	vm_destroy(NULL);
	CHECK_EQ(guest_count_fds(), before);
	close(kvm);
	close(null);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_not_mapped);
		TEST(test_mapped);
		TEST(test_read_only);
		TEST(test_file);
		TEST(test_refused);
		TEST(test_slots);
		TEST(test_copy_across);
	}
	TEST(test_ram_above_4g);
	TEST(test_large_pages);
	TEST(test_failures);
	return CHECK_EXIT();
}
