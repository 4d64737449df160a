/* SPDX-License-Identifier: ISC */
/*
 * vcpu_reset() after a guest that left nothing as it was: every register as
 * after power-up, and the first instruction comes from 0xfffffff0.  And the
 * way to a reset without help: the triple fault.
 */
#include "check.h"
#include "guest.h"
#include "guest_dirty.h"
#include "guest_fault.h"

#define ROM_PAGE 0xfffff000ULL

static struct guest g;

static const struct {
	int reg;
	uint64_t value;
} power_up[] = {
	{ VM_REG_GUEST_RAX, 0 },
	{ VM_REG_GUEST_RSI, 0 },
	{ VM_REG_GUEST_RSP, 0 },
	{ VM_REG_GUEST_RIP, 0xfff0 },
	{ VM_REG_GUEST_RFLAGS, 2 },
	{ VM_REG_GUEST_CR0, 0x60000010 },
	{ VM_REG_GUEST_CR2, 0 },
	{ VM_REG_GUEST_CR3, 0 },
	{ VM_REG_GUEST_CR4, 0 },
	{ VM_REG_GUEST_CR8, 0 },
	{ VM_REG_GUEST_EFER, 0 },
	{ VM_REG_GUEST_APIC_BASE, 0xfee00900 },
	{ VM_REG_GUEST_CS, 0xf000 },
	{ VM_REG_GUEST_DS, 0 },
	{ VM_REG_GUEST_DR0, 0 },
	{ VM_REG_GUEST_DR6, 0xffff0ff0 },
	{ VM_REG_GUEST_DR7, 0x400 },
};

static const struct {
	uint32_t index;
	uint64_t value;
} power_up_msrs[] = {
	{ 0xc0000081, 0 },
	{ 0xc0000102, 0 },
	{ 0x277, 0x0007040600070406 },
	{ 0x2ff, 0 },
	{ 0x174, 0 },
};

static void
check_power_up(void)
{
	uint64_t value, base;
	uint32_t limit, access;
	size_t i;

	for (i = 0; i < sizeof(power_up) / sizeof(power_up[0]); i++) {
		value = ~power_up[i].value;
		CHECK(vm_get_register(g.vcpu[0], power_up[i].reg, &value) == 0);
		if (!CHECK(value == power_up[i].value))
			printf("# register %d: 0x%llx\n", power_up[i].reg,
			    (unsigned long long)value);
	}
	for (i = 0; i < sizeof(power_up_msrs) / sizeof(power_up_msrs[0]); i++) {
		value = ~power_up_msrs[i].value;
		CHECK(vcpu_get_msr(g.vcpu[0], power_up_msrs[i].index, &value) ==
		    0);
		if (!CHECK(value == power_up_msrs[i].value))
			printf("# MSR 0x%x: 0x%llx\n", power_up_msrs[i].index,
			    (unsigned long long)value);
	}
	CHECK(vm_get_desc(g.vcpu[0], VM_REG_GUEST_CS, &base, &limit, &access) ==
	    0);
	CHECK_EQ(base, 0xffff0000);
	CHECK_EQ(limit, 0xffff);
	CHECK_EQ(access | 1, 0x9b); /* accessed or not */
	CHECK(vm_get_desc(
		  g.vcpu[0], VM_REG_GUEST_IDTR, &base, &limit, &access) == 0);
	CHECK_EQ(base, 0);
	CHECK_EQ(limit, 0xffff);
}

static void
test_dirty(void)
{
	uint64_t value = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_dirty, sizeof(guest_dirty), VM_IRQCHIP | VM_PIT, 1));
	REQUIRE(guest_writes(g.vcpu[0], 0xf0, 1));
	CHECK(vm_get_register(g.vcpu[0], VM_REG_GUEST_APIC_BASE, &value) == 0);
	CHECK_EQ(value, 0xfee00d00);
	CHECK(vm_get_register(g.vcpu[0], VM_REG_GUEST_CR2, &value) == 0);
	CHECK_EQ(value, 0x12345678);
	CHECK(vcpu_get_msr(g.vcpu[0], 0x277, &value) == 0);
	CHECK_EQ(value, 0x0606060606060606);
	CHECK(vm_set_register(g.vcpu[0], VM_REG_GUEST_CR8, 5) == 0);
}

static void
test_reset(void)
{
	static const uint8_t code[] = { 0xb0, 0xa5, 0xe6, 0xf0, 0xf4 };
	uint8_t *rom;

	REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
	check_power_up();
	REQUIRE(vm_map_memory(g.vm, ROM_PAGE, 4096, -1, 0,
		    VMM_PROT_READ | VMM_PROT_EXEC) == 0);
	rom = vm_map_gpa(g.vm, ROM_PAGE, 4096);
	REQUIRE(rom != NULL);
	memcpy(rom + 0xff0, code, sizeof(code));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xa5));
	guest_stop(&g);
}

static void
test_new_vcpu(void)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GUEST_MEMORY,
		.ncpus = 2,
		.flags = VM_IRQCHIP };
	uint64_t value = 0;

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	REQUIRE(vm_create(g.kvm, &params, &g.vm) == 0);
	REQUIRE(vcpu_open(g.vm, 0, &g.vcpu[0]) == 0);
	REQUIRE(vcpu_open(g.vm, 1, &g.vcpu[1]) == 0);
	check_power_up();
	CHECK(vcpu_reset(g.vcpu[1]) == 0);
	CHECK(vm_get_register(g.vcpu[1], VM_REG_GUEST_APIC_BASE, &value) == 0);
	CHECK_EQ(value, 0xfee00800);
	guest_stop(&g);
}

static void
test_triple_fault(void)
{
	struct vm_exit e;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_fault, sizeof(guest_fault), VM_IRQCHIP | VM_PIT, 1));
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_SHUTDOWN);
	/* And it lives again. */
	CHECK(vm_reset_chips(g.vm) == 0 && vcpu_reset(g.vcpu[0]) == 0);
	check_power_up();
	REQUIRE(vm_copyin(
		    g.vm, guest_dirty, GUEST_ENTRY, sizeof(guest_dirty)) == 0);
	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 1));
	guest_stop(&g);
}

#define END 0xe6, 0xff /* a write to a port: what comes next was left out */

/* The answer to an exit of before does not go into the new registers. */
static void
test_pending(void)
{
	static const uint8_t out[] = { 0xe6, 0xf0, END };
	/* A word from behind the memory. */
	static const uint8_t in[] = { 0xb8, 0, 0x20, 0x8e, 0xd8, 0xa1, 0, 0,
		END };
	/* Four exits for one instruction. */
	static const uint8_t outs[] = { 0xb9, 4, 0, 0xf3, 0x6e, END };
	static const struct {
		const uint8_t *code;
		size_t len;
		enum vm_exit_reason reason;
	} rows[] = {
		{ out, sizeof(out), VM_EXIT_PIO },
		{ in, sizeof(in), VM_EXIT_MMIO },
		{ outs, sizeof(outs), VM_EXIT_PIO },
	};
	struct vm_exit e;

	GUEST_NEEDS_KVM();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(
		    guest_start(&g, rows[i].code, rows[i].len, VM_IRQCHIP, 1));
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		CHECK_EQ(e.reason, rows[i].reason);
		REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
		REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
		CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
		check_power_up();
		/* Not even where it would be the same instruction. */
		REQUIRE(guest_enter(g.vcpu[0]) == 0);
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
		REQUIRE(guest_enter(g.vcpu[0]) == 0);
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		CHECK_EQ(e.reason, rows[i].reason);
		CHECK(e.reason != VM_EXIT_PIO || e.u.pio.port != 0xff);
		guest_stop(&g);
	}
}

static void
test_registers(void)
{
	uint64_t value = 0, base = 0;
	uint32_t limit = 0, access = 0;
	int reg;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_fault, sizeof(guest_fault), 0, 1));
	for (reg = VM_REG_GUEST_RAX; reg <= VM_REG_GUEST_R15; reg++) {
		CHECK(vm_set_register(g.vcpu[0], reg, 0x1000ULL + reg) == 0);
		CHECK(vm_get_register(g.vcpu[0], reg, &value) == 0);
		CHECK_EQ(value, 0x1000 + reg);
	}
	CHECK(vm_set_desc(g.vcpu[0], VM_REG_GUEST_DS, 0x12340, 0xffff, 0x93) ==
	    0);
	CHECK(vm_set_register(g.vcpu[0], VM_REG_GUEST_DS, 0x1234) == 0);
	CHECK(vm_get_desc(g.vcpu[0], VM_REG_GUEST_DS, &base, &limit, &access) ==
	    0);
	CHECK_EQ(base, 0x12340);
	CHECK_EQ(access, 0x93);
	CHECK(vm_set_desc(g.vcpu[0], VM_REG_GUEST_GDTR, 0x5000, 0x27, 0) == 0);
	CHECK(vm_get_desc(
		  g.vcpu[0], VM_REG_GUEST_GDTR, &base, &limit, &access) == 0);
	CHECK_EQ(base, 0x5000);
	CHECK_EQ(limit, 0x27);
	CHECK(vm_get_register(g.vcpu[0], VM_REG_LAST, &value) == -1 &&
	    errno == EINVAL);
	CHECK(vm_get_register(g.vcpu[0], -1, &value) == -1);
	CHECK(vm_get_register(g.vcpu[0], VM_REG_GUEST_IDTR, &value) == -1);
	CHECK(vm_get_desc(
		  g.vcpu[0], VM_REG_GUEST_RAX, &base, &limit, &access) == -1 &&
	    errno == EINVAL);
	CHECK(vm_set_desc(g.vcpu[0], VM_REG_GUEST_GDTR, 0, 0x10000, 0) == -1);
	CHECK(vcpu_get_msr(g.vcpu[0], 0x12345678, &value) == -1 &&
	    errno == EINVAL);
	CHECK(vcpu_set_msr(g.vcpu[0], 0xc0000102, 0x77000) == 0);
	CHECK(vcpu_get_msr(g.vcpu[0], 0xc0000102, &value) == 0);
	CHECK_EQ(value, 0x77000);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_dirty);
	if (g.vm != NULL)
		TEST(test_reset);
	TEST(test_new_vcpu);
	TEST(test_triple_fault);
	TEST(test_pending);
	TEST(test_registers);
	return CHECK_EXIT();
}
