/* SPDX-License-Identifier: ISC */
/*
 * What libvmm notes of a VM while its backend refuses or the guest is quicker:
 * memory that may not be written, the log of dirty pages, snapshots.  And what
 * a guest may give as its VMCOREINFO note.
 */
#include <elf.h>

#include "check.h"
#include "fake_vm.h"
#include "vmm_dump.h"

#define PAGE 4096ULL
#define ROM_GPA 0x80000000ULL

static unsigned int seen;

/* What a vCPU that writes at this moment would see. */
static void
look(struct vm *vm)
{
	seen = atomic_load(&vm->readonly);
}

/* From the moment on at which the guest has it a write is forbidden. */
static void
forbids_at_once(void)
{
	struct vm *vm = fake_vm_new(PAGE);

	REQUIRE(vm != NULL);
	fake_vm.on_slot = look;
	CHECK(vm_map_memory(vm, ROM_GPA, PAGE, -1, 0, VMM_PROT_READ) == 0);
	CHECK_EQ(seen, 1);
	CHECK(vm_map_memory(vm, 0x90000000, PAGE, -1, 0, VMM_PROT_ALL) == 0);
	CHECK_EQ(seen, 1);
	fake_vm.clear_fails = 1;
	CHECK(vm_unmap_memory(vm, ROM_GPA, PAGE) == -1);
	CHECK_EQ(atomic_load(&vm->readonly), 1);
	CHECK(vm_unmap_memory(vm, ROM_GPA, PAGE) == 0);
	CHECK_EQ(atomic_load(&vm->readonly), 0);
	fake_vm.set_fails = 1;
	CHECK(vm_map_memory(vm, ROM_GPA, PAGE, -1, 0, VMM_PROT_READ) == -1);
	CHECK_EQ(atomic_load(&vm->readonly), 0);
	vm_destroy(vm);
}

/* RAM in two parts. */
static struct vm *
vm_with_two(void)
{
	struct vm *vm = fake_vm_new(0);

	if (vm == NULL || vm_set_lowmem_limit(vm, PAGE) == -1 ||
	    vm_setup_memory(vm, 2 * PAGE) == -1)
		return NULL;
	return vm;
}

static bool
logs(struct vm *vm)
{
	return vm->map.region[0].dirty_log || vm->map.region[1].dirty_log;
}

/* On for all of the RAM or for none, off as far as possible. */
static void
logs_all_or_none(void)
{
	struct vm *vm = vm_with_two();

	REQUIRE(vm != NULL);
	fake_vm.set_fails = 2;
	CHECK(vm_dirty_enable(vm, true) == -1 && errno == ENOSPC);
	CHECK(!logs(vm));
	CHECK(vm_dirty_enable(vm, true) == 0);
	CHECK(vm->map.region[0].dirty_log && vm->map.region[1].dirty_log);
	fake_vm.set_fails = 1;
	CHECK(vm_dirty_enable(vm, false) == -1 && errno == ENOSPC);
	CHECK(!vm->map.region[1].dirty_log);
	CHECK(vm_dirty_enable(vm, false) == 0);
	CHECK(!logs(vm));
	vm_destroy(vm);
}

/* One that cannot be taken is not in the way of the next. */
static void
snapshot_leaves_no_log(void)
{
	struct vm *vm = vm_with_two();
	struct vm_snapshot *s = NULL;

	REQUIRE(vm != NULL);
	vm->params.flags = 0;
	fake_vm.set_fails = 2;
	CHECK(vm_snapshot_take(vm, &s) == -1 && errno == ENOSPC);
	REQUIRE(vm_snapshot_take(vm, &s) == 0);
	CHECK(vm_dirty_enable(vm, true) == -1 && errno == EBUSY);
	vm_snapshot_free(s);
	CHECK(!logs(vm));
	vm_destroy(vm);
}

/* A note from a guest: its lengths are checked before they are used. */
static void
note_has_its_length(void)
{
	static const char name[12] = "VMCOREINFO";
	struct {
		Elf64_Nhdr head;
		char name[sizeof(name)];
		char text[8];
	} n = { .head = { .n_namesz = 11, .n_descsz = 5 } };
	static const struct {
		uint32_t name, desc;
	} bad[] = { { 0, 5 }, { 10, 5 }, { 12, 5 }, { UINT32_MAX, 5 },
		{ 11, 0 }, { 11, 9 }, { 11, VM_DUMP_VMCOREINFO_MAX + 1 },
		{ 11, UINT32_MAX }, { 11, UINT32_MAX - 2 } };
	size_t i, len;

	memcpy(n.name, name, sizeof(name));
	CHECK_EQ(vm_dump_note_len(&n, sizeof(n)), sizeof(n));
	for (len = 0; len < sizeof(n); len++)
		CHECK(vm_dump_note_len(&n, len) == 0 && errno == EINVAL);
	n.head.n_descsz = 4;
	CHECK_EQ(vm_dump_note_len(&n, sizeof(n)), sizeof(n) - 4);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		n.head.n_namesz = bad[i].name;
		n.head.n_descsz = bad[i].desc;
		CHECK_EQ(vm_dump_note_len(&n, sizeof(n)), 0);
	}
	n.head.n_namesz = 11;
	n.head.n_descsz = 8;
	n.name[0] = 'v';
	CHECK_EQ(vm_dump_note_len(&n, sizeof(n)), 0);
}

int
main(void)
{
	TEST(forbids_at_once);
	TEST(logs_all_or_none);
	TEST(snapshot_leaves_no_log);
	TEST(note_has_its_length);
	return CHECK_EXIT();
}
