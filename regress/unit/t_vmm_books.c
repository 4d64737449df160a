/* SPDX-License-Identifier: ISC */
/*
 * What libvmm notes of a VM while its backend refuses or the guest is quicker:
 * memory that may not be written, the log of dirty pages, snapshots.
 */
#include "check.h"
#include "fake_vm.h"

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

int
main(void)
{
	TEST(forbids_at_once);
	TEST(logs_all_or_none);
	TEST(snapshot_leaves_no_log);
	return CHECK_EXIT();
}
