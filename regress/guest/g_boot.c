/* SPDX-License-Identifier: ISC */
/*
 * Every way of booting a kernel, on a real vCPU: the same small guest as PVH
 * and multiboot ELF, as multiboot image and as bzImage, entered in the state
 * that boot_load() says, with UART and ACPI registers on the bus.
 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "boot/le.h"
#include "check.h"
#include "chip/pm.h"
#include "chip/uart.h"
#include "guest_boot.h"
#include "pc.h"
#include "vmm.h"

#define RAM (4U << 20)
#define KERNEL 0x200000
#define EXITS_MAX 1000

static struct pc pc; /* for its bus and notes; memory is the VM's */
static struct vm *vm;
static char said[256];
static size_t said_len;
static uint8_t file[0x2000];

static void
out(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	while (len-- > 0 && said_len < sizeof(said) - 1)
		said[said_len++] = (char)*bytes++;
}

static void *
memory_at(void *arg, uint64_t gpa, uint64_t len)
{
	(void)arg;
	return vm_map_gpa(vm, gpa, len);
}

static void
ignore_irq(void *arg, unsigned int gsi, bool level)
{
	(void)arg;
	(void)gsi;
	(void)level;
}

static struct vcpu_seg
segment(const struct boot_segment *s)
{
	return (struct vcpu_seg) { s->base, s->limit, s->access, s->selector };
}

static int
enter(struct vcpu *vcpu, const struct boot_cpu *cpu)
{
	struct vcpu_regs r = { .rax = cpu->rax,
		.rbx = cpu->rbx,
		.rsi = cpu->rsi,
		.rsp = cpu->rsp,
		.rip = cpu->rip,
		.rflags = cpu->rflags };
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		return -1;
	s.cs = segment(&cpu->code);
	s.ds = s.es = s.ss = s.fs = s.gs = segment(&cpu->data);
	s.tr = segment(&cpu->task);
	s.gdtr.base = cpu->gdt_base;
	s.gdtr.limit = cpu->gdt_limit;
	s.cr0 = cpu->cr0;
	s.cr3 = cpu->cr3;
	s.cr4 = cpu->cr4;
	s.efer = cpu->efer;
	return vcpu_set_sregs(vcpu, &s) == -1 ? -1 : vcpu_set_regs(vcpu, &r);
}

/* Runs until the guest has switched itself off. */
static bool
run(struct vcpu *vcpu)
{
	struct vm_exit e;
	uint64_t value;
	int i;

	for (i = 0; i < EXITS_MAX && pc.offs == 0; i++) {
		if (vm_run(vcpu, &e) == -1 || e.reason != VM_EXIT_PIO) {
			printf("# exit %s\n", vm_exit_name(e.reason));
			return false;
		}
		value = 0;
		memcpy(&value, e.u.pio.data, e.u.pio.size);
		if (e.u.pio.write)
			bus_write(pc.machine.bus, BUS_PIO, e.u.pio.port,
			    e.u.pio.size, value);
	}
	return pc.offs == 1;
}

static void
boots(size_t len, const char *cmdline, enum boot_mode mode)
{
	const struct vm_params vm_params = {
		.size = sizeof(vm_params), .memory_bytes = RAM, .ncpus = 1
	};
	const struct uart_host host = { .out = out };
	struct boot_params params = { .kernel_fd = -1,
		.initrd_fd = -1,
		.firmware_fd = -1,
		.cmdline = cmdline,
		.machine = &pc.machine };
	struct boot_result result;
	struct vcpu *vcpu;
	struct uart *uart;
	struct pm *pm;
	int kvm = vmm_open(NULL);

	if (kvm == -1)
		SKIP("no access to /dev/kvm");
	REQUIRE(vm_create(kvm, &vm_params, &vm) == 0);
	REQUIRE(vcpu_open(vm, 0, &vcpu) == 0);
	pc_init(&pc, RAM, 1);
	pc.machine.memory_at = memory_at;
	pc.machine.irq = ignore_irq;
	uart = uart_new(&pc.machine, &host);
	pm = pm_new(&pc.machine);
	memset(said, 0, sizeof(said));
	said_len = 0;
	params.kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
	REQUIRE(write(params.kernel_fd, file, len) == (ssize_t)len);
	REQUIRE(boot_load(&params, &result) == 0);
	CHECK_EQ(result.cpu.mode, mode);
	REQUIRE(enter(vcpu, &result.cpu) == 0);
	CHECK(run(vcpu));
	CHECK_STR(said, cmdline);
	close(params.kernel_fd);
	pm_free(pm);
	uart_free(uart);
	pc_fini(&pc);
	vm_destroy(vm);
	close(kvm);
}

/* --- the guest in its wrappings --------------------------------------------
 */

#define TEXT 0x1000

static void
make_elf32(void)
{
	Elf32_Ehdr e = { .e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_entry = KERNEL,
		.e_phoff = sizeof(e),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 2 };
	const Elf32_Phdr p[2] = {
		{ .p_type = PT_LOAD,
		    .p_offset = TEXT,
		    .p_vaddr = KERNEL,
		    .p_paddr = KERNEL,
		    .p_filesz = sizeof(guest_boot),
		    .p_memsz = sizeof(guest_boot) },
		{ .p_type = PT_NOTE, .p_offset = 0x200, .p_filesz = 20 },
	};

	memset(file, 0, sizeof(file));
	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS32;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(file, &e, sizeof(e));
	memcpy(file + sizeof(e), p, sizeof(p));
	memcpy(file + TEXT, guest_boot, sizeof(guest_boot));
}

static void
test_pvh(void)
{
	make_elf32();
	le32_put(file + 0x200, 4);
	le32_put(file + 0x204, 4);
	le32_put(file + 0x208, 18);
	memcpy(file + 0x20c, "Xen", 4);
	le32_put(file + 0x210, KERNEL);
	boots(sizeof(file), "by PVH", BOOT_PROTECTED);
}

static void
add_multiboot(uint32_t flags)
{
	le32_put(file + 0x400, 0x1BADB002);
	le32_put(file + 0x404, flags);
	le32_put(file + 0x408, -(0x1BADB002 + flags));
}

static void
test_multiboot_elf(void)
{
	make_elf32();
	add_multiboot(3);
	boots(sizeof(file), "by multiboot from ELF", BOOT_PROTECTED);
}

static void
test_multiboot_image(void)
{
	memset(file, 0, sizeof(file));
	add_multiboot(0x10000);
	le32_put(file + 0x40c, KERNEL + 0x400);
	le32_put(file + 0x410, KERNEL);
	le32_put(file + 0x41c, KERNEL + TEXT);
	memcpy(file + TEXT, guest_boot, sizeof(guest_boot));
	boots(sizeof(file), "by multiboot from an image", BOOT_PROTECTED);
}

static void
make_bzimage(uint16_t xloadflags)
{
	memset(file, 0, sizeof(file));
	file[0x1f1] = 1;
	le16_put(file + 0x1fe, 0xaa55);
	file[0x201] = 0x66;
	memcpy(file + 0x202, "HdrS", 4);
	le16_put(file + 0x206, 0x020f);
	file[0x211] = 1;
	le32_put(file + 0x22c, 0x7fffffff);
	le16_put(file + 0x236, xloadflags);
	le32_put(file + 0x238, 255);
	le64_put(file + 0x258, KERNEL);
	memcpy(file + 1024, guest_boot, sizeof(guest_boot));
}

static void
test_linux_32(void)
{
	make_bzimage(0);
	boots(1024 + sizeof(guest_boot), "by Linux's 32-bit protocol",
	    BOOT_PROTECTED);
}

static void
test_linux_64(void)
{
	make_bzimage(1);
	boots(
	    1024 + sizeof(guest_boot), "by Linux's 64-bit protocol", BOOT_LONG);
}

int
main(void)
{
	TEST(test_pvh);
	TEST(test_multiboot_elf);
	TEST(test_multiboot_image);
	TEST(test_linux_32);
	TEST(test_linux_64);
	return CHECK_EXIT();
}
