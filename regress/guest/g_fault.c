/* SPDX-License-Identifier: ISC */
/*
 * Each system call and allocation of libvmm fails once: a life of a VM is
 * tried again and again with the 1st, 2nd, 3rd ... call failing until it needs
 * no more calls than that.  Whatever failed is reported with the errno of the
 * failure, and no descriptor, mapping or memory stays.  Needs a build with
 * FAULT=1.
 */
#include <linux/kvm.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "../../libvmm/fault/fault.h"
#include "check.h"
#include "fake_vfio.h"
#include "guest.h"
#include "guest_spin.h"
#include "vmm_dump.h"
#include "vmm_gdb.h"

#define WRITER 0x1100 /* where guest_spin writes to a port */
#define FAILURE ENOMEM
#define BEYOND_HOLE (VMM_LOWMEM_END + 0x100000)

struct life {
	int kvm;
	int event;
	int file;
	struct vm *vm;
	struct vcpu *vcpu;
};

static int
step_host(struct life *l)
{
	l->kvm = vmm_open(NULL);
	return l->kvm == -1 ? -1 : vmm_cancel_signal_init(0);
}

static int
step_probe(struct life *l)
{
	struct vmm_probe probe;

	return vmm_probe(l->kvm, &probe);
}

static int
step_vm(struct life *l)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GUEST_MEMORY,
		.ncpus = 1,
		.flags = VM_IRQCHIP | VM_PIT };

	if (vm_create(l->kvm, &params, &l->vm) == -1)
		return -1;
	return vcpu_open(l->vm, 0, &l->vcpu);
}

static int
step_memory(struct life *l)
{
	struct vm *vm = l->vm;
	uint8_t byte = 1;

	if (vm_map_memory(vm, 0x100000, 0x1000, -1, 0, VMM_PROT_ALL) == -1 ||
	    vm_map_memory(vm, 0x400000, 4 << 20, -1, 0, VMM_PROT_ALL) == -1 ||
	    vm_map_memory(vm, 0x200000, 0x1000, l->file, 0, VMM_PROT_READ) ==
		-1)
		return -1;
	if (vm_copyin(vm, &byte, 0x100000, 1) == -1 ||
	    vm_unmap_memory(vm, 0x100000, 0x1000) == -1)
		return -1;
	return vm_copyin(vm, guest_spin, GUEST_ENTRY, sizeof(guest_spin));
}

static int
step_interrupts(struct life *l)
{
	struct vm_ioevent io = { .space = VMM_PIO, .addr = 0x80, .len = 1 };
	uint32_t route;

	if (vm_irqfd_add(l->vm, l->event, 5, -1) == -1 ||
	    vm_irqfd_remove(l->vm, l->event, 5) == -1 ||
	    vm_irqfd_msi(l->vm, l->event, 0xfee00000, 0x50, &route) == -1 ||
	    vm_irqfd_update(l->vm, route, 0xfee00000, 0x51) == -1 ||
	    vm_irqfd_remove(l->vm, l->event, route) == -1)
		return -1;
	if (vm_ioeventfd_add(l->vm, l->event, &io) == -1 ||
	    vm_ioeventfd_del(l->vm, l->event, &io) == -1 ||
	    vm_irq_line(l->vm, 5, true) == -1 ||
	    vm_isa_set_irq_trigger(l->vm, 5, EDGE_TRIGGER) == -1 ||
	    vm_lapic_local_irq(l->vcpu, VM_LVT_LINT1) == -1)
		return -1;
	return vm_raise_msi(l->vm, 0xfee00000, 0x50);
}

static int
step_state(struct life *l)
{
	uint64_t value;

	if (vcpu_reset(l->vcpu) == -1 || vm_reset_chips(l->vm) == -1 ||
	    vm_clock_get(l->vm, &value) == -1 ||
	    vm_clock_set(l->vm, value) == -1 ||
	    vcpu_clock_paused(l->vcpu) == -1)
		return -1;
	if (vcpu_get_msr(l->vcpu, 0x277, &value) == -1 ||
	    vcpu_set_msr(l->vcpu, 0x277, value) == -1 ||
	    vm_get_register(l->vcpu, VM_REG_GUEST_DR7, &value) == -1 ||
	    vm_set_register(l->vcpu, VM_REG_GUEST_DR7, value) == -1)
		return -1;
	return 0;
}

static void
ignore(void *arg)
{
	(void)arg;
}

static void
ignore_bytes(void *arg, const void *buf, size_t len)
{
	(void)arg;
	(void)buf;
	(void)len;
}

static int
step_debug(struct life *l)
{
	const struct vm_gdb_host host = { sizeof(host), ignore_bytes, ignore,
		ignore, ignore };
	struct vcpu_debug debug;
	struct vcpu_fpu fpu;
	struct vm_gdb *gdb;

	if (vcpu_get_fpu(l->vcpu, &fpu) == -1 ||
	    vcpu_set_fpu(l->vcpu, &fpu) == -1 ||
	    vcpu_get_debug(l->vcpu, &debug) == -1 ||
	    vcpu_set_debug(l->vcpu, &debug) == -1 ||
	    vm_gdb_create(l->vm, &host, NULL, &gdb) == -1)
		return -1;
	vm_gdb_destroy(gdb);
	return 0;
}

static int
step_run(struct life *l)
{
	struct vcpu_regs regs = { .rip = WRITER, .rflags = 2 };
	struct vm_exit e;

	if (guest_enter(l->vcpu) == -1 || vcpu_set_regs(l->vcpu, &regs) == -1 ||
	    vm_run(l->vcpu, &e) == -1)
		return -1;
	return vcpu_complete(l->vcpu, &e);
}

/* Named memory, and how the host keeps all of it; the host may lack NUMA. */
static int
step_devmem(struct life *l)
{
	if (vm_create_devmem(l->vm, "rom", 0x2000) == NULL ||
	    vm_map_devmem(l->vm, "rom", 0, 0x300000, 0x2000, VMM_PROT_READ) ==
		-1)
		return -1;
	if (vm_set_memflags(l->vm, VM_MEM_F_WIRED | VM_MEM_F_INCORE) == -1 ||
	    vm_map_memory(l->vm, 0x310000, 0x1000, -1, 0, VMM_PROT_ALL) == -1 ||
	    vm_set_memflags(l->vm, 0) == -1)
		return -1;
	if (vm_set_memory_domain(l->vm, 0, GUEST_MEMORY, -1) == -1 &&
	    errno != ENOTSUP)
		return -1;
	return vm_unmap_memory(l->vm, 0x300000, 0x2000);
}

static int
step_deadline(struct life *l)
{
	struct vm_exit e;

	if (vm_run_until(l->vcpu, &e, 1) == -1 ||
	    vm_run_until(l->vcpu, &e, UINT64_MAX) == -1)
		return -1;
	return vcpu_complete(l->vcpu, &e);
}

static int
step_events(struct life *l)
{
	struct vm_guest_paging paging;
	struct vm_fault fault;
	uint64_t gpa;

	if (vm_inject_event(l->vcpu, VM_SW_INTR, 0x50) == -1 ||
	    vcpu_reset(l->vcpu) == -1 ||
	    vm_inject_exception(l->vcpu, 6, false, 0, true) == -1 ||
	    vcpu_reset(l->vcpu) == -1 || vm_get_paging(l->vcpu, &paging) == -1)
		return -1;
	/* No page table there: a fault for the guest. */
	paging.cr0 |= 0x80000001;
	paging.cr3 = 0x8000;
	if (vm_gla2gpa(l->vcpu, &paging, 0, VMM_PROT_WRITE, &gpa, &fault) !=
		-1 ||
	    errno != EFAULT)
		return -1;
	return 0;
}

static int
step_whole_state(struct life *l)
{
	static uint8_t area[65536], chips[16384];
	size_t len = sizeof(area), chips_len = sizeof(chips);
	struct vcpu_msr msr = { 0x277, 0 };
	struct vcpu_debugregs debug;
	uint64_t value;
	int n;

	if (vcpu_get_xsave(l->vcpu, area, &len) == -1 ||
	    vcpu_set_xsave(l->vcpu, area, len) == -1 ||
	    vcpu_get_debugregs(l->vcpu, &debug) == -1 ||
	    vcpu_set_debugregs(l->vcpu, &debug) == -1)
		return -1;
	/* EINVAL: a CPU without XSAVE. */
	if (vcpu_get_xcr(l->vcpu, 0, &value) == -1) {
		if (errno != EINVAL)
			return -1;
	} else if (vcpu_set_xcr(l->vcpu, 0, value) == -1)
		return -1;
	if (vcpu_get_msrs(l->vcpu, &msr, 1) != 1 ||
	    vcpu_set_msrs(l->vcpu, &msr, 1) != 1 ||
	    (n = vmm_msr_list(l->kvm, NULL, 0)) == -1)
		return -1;
	if (vm_get_chips(l->vm, chips, &chips_len) == -1 ||
	    vm_set_chips(l->vm, chips, chips_len) == -1 ||
	    vm_restore_time(l->vm) == -1)
		return -1;
	return 0;
}

/* The vCPU has run: CPUID does not change any more, and is not given again. */
static int
step_move(struct life *l)
{
	static struct vcpu_state state;
	static uint8_t chips[16384];
	static struct vcpu_cpuid table[VCPU_CPUID_MAX];
	const struct vcpu_state *states[] = { &state };
	struct vm_machine machine = { .vcpu = states,
		.nvcpus = 1,
		.chips = chips,
		.chips_len = sizeof(chips) };
	char why[VMM_REASON_MAX];
	uint32_t khz;
	int n = vcpu_get_cpuid_table(l->vcpu, table, VCPU_CPUID_MAX);

	if (vm_check_cpuid(l->vm, table, (uint32_t)n, why, sizeof(why)) == -1 ||
	    vm_get_tsc_khz(l->vm, &khz) == -1 ||
	    vm_set_tsc_khz(l->vm, khz) == -1 ||
	    vm_get_time(l->vm, &machine.time) == -1 ||
	    vcpu_get_state(l->vcpu, &state) == -1 ||
	    vm_get_chips(l->vm, chips, &machine.chips_len) == -1 ||
	    vm_set_machine(l->vm, &machine, why) == -1)
		return -1;
	return vm_set_time(l->vm, &machine.time, 1000);
}

static int
step_snapshot(struct life *l)
{
	struct vm_snapshot *snap;
	int rc, err;

	if (vm_snapshot_take(l->vm, &snap) == -1)
		return -1;
	rc = vm_snapshot_restore(snap, NULL);
	err = errno;
	vm_snapshot_free(snap);
	errno = err;
	return rc;
}

/* Memory of each kind, and little of it. */
static int
step_regions(struct life *l)
{
	if (vm_map_memory(l->vm, 0x100000, 0x1000, -1, 0, VMM_PROT_ALL) == -1)
		return -1;
	return vm_map_memory(
	    l->vm, 0x200000, 0x1000, l->file, 0, VMM_PROT_READ);
}

/* Closes what may not be open, and keeps errno. */
static int
closing(int fd, int rc)
{
	int err = errno;

	if (fd != -1)
		close(fd);
	errno = err;
	return rc;
}

/* Into a file, where the RAM is looked through for holes. */
static int
step_dump(struct life *l)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);

	return closing(fd, fd == -1 ? -1 : vm_dump(l->vm, fd, NULL));
}

static int
step_sets(struct life *l)
{
	enum x2apic_state state;
	struct vm_exit e;

	if (vm_suspend(l->vm, VM_SUSPEND_RESET) == -1 ||
	    vm_run(l->vcpu, &e) == -1 || vm_reinit(l->vm) == -1)
		return -1;
	return vm_get_x2apic_state(l->vcpu, &state);
}

/* Before the first run: CPUID does not change later. */
static int
step_x2apic(struct life *l)
{
	static struct vcpu_cpuid table[VCPU_CPUID_MAX];
	int n;

	if (vm_set_x2apic_state(l->vcpu, X2APIC_ENABLED) == -1 ||
	    vm_set_x2apic_state(l->vcpu, X2APIC_DISABLED) == -1)
		return -1;
	n = vcpu_get_cpuid_table(l->vcpu, table, VCPU_CPUID_MAX);
	return vcpu_set_cpuid_table(l->vcpu, table, (uint32_t)n);
}

/* A VM and a vCPU of our own making, taken; what is refused is closed here. */
static int
step_outside(struct life *l)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = GUEST_MEMORY, .ncpus = 1
	};
	int fd;

	l->kvm = vmm_open(NULL);
	fd = l->kvm != -1 ? ioctl(l->kvm, KVM_CREATE_VM, 0) : -1;
	if (fd == -1)
		return -1;
	if (vm_open(l->kvm, fd, &params, &l->vm) == -1)
		return closing(fd, -1);
	fd = ioctl(fd, KVM_CREATE_VCPU, 0);
	if (fd == -1)
		return -1;
	if (vcpu_open_fd(l->vm, 0, fd, &l->vcpu) == -1)
		return closing(fd, -1);
	return 0;
}

/* As a stream. */
static int
step_dump_stream(struct life *l)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return closing(fd, fd == -1 ? -1 : vm_dump(l->vm, fd, NULL));
}

static int
step_stats(struct life *l)
{
	struct vm_stat_desc desc = { .size = sizeof(desc) };
	uint64_t values[8];

	vm_stats_time(l->vm, true);
	if (vm_get_stats(l->vm, NULL, NULL, values, 8) == -1 ||
	    vm_get_stats(l->vm, l->vcpu, NULL, values, 8) == -1)
		return -1;
	return vm_get_stat_desc(l->vm, l->vcpu, 0, &desc);
}

/* A device of the host, whose kernel's calls count with those of KVM. */
static int
step_device(struct life *l)
{
	static struct fake_vfio host;
	struct vm_pptdev *dev;

	fake_vfio_init(&host);
	host.fault = vmm_fault;
	if (vfio_assign(l->vm, FAKE_ADDRESS, &fake_vfio_ops, &host, &dev) ==
		-1 ||
	    vm_map_pptdev_mmio(dev, 2, 0xe0000000) == -1 ||
	    vm_map_memory(l->vm, 0x100000, 0x1000, -1, 0, VMM_PROT_ALL) == -1 ||
	    vm_unmap_memory(l->vm, 0x100000, 0x1000) == -1)
		return -1;
	if (vm_setup_intx(dev, 5) == -1 ||
	    vm_setup_msi(dev, 0xfee00000, 0x50, 2) == -1 ||
	    vm_setup_msix(dev, 3, 0xfee00000, 0x51, 0) == -1 ||
	    vm_setup_msix(dev, 3, 0xfee00000, 0x51, 1) == -1)
		return -1;
	return vm_reset_pptdev(dev);
}

/* More RAM than there is below the hole, so that it has two parts. */
static int
step_large(struct life *l)
{
	struct vm_params params = { .size = sizeof(params), .ncpus = 1 };

	l->kvm = vmm_open(NULL);
	if (l->kvm == -1 || vm_create(l->kvm, &params, &l->vm) == -1)
		return -1;
	return vm_setup_memory(l->vm, BEYOND_HOLE);
}

static int (*const life_whole[])(struct life *) = { step_host, step_vm,
	step_x2apic, step_memory, step_interrupts, step_state, step_debug,
	step_run, step_deadline, step_devmem, step_events, step_whole_state,
	step_move, step_snapshot, step_sets, step_stats, NULL };
static int (*const life_outside[])(struct life *) = { step_outside, NULL };
static int (*const life_dump[])(struct life *) = { step_host, step_vm,
	step_regions, step_dump, step_dump_stream, NULL };
static int (*const life_large[])(struct life *) = { step_large, NULL };
static int (*const life_device[])(
    struct life *) = { step_host, step_vm, step_device, NULL };
static int (*const life_probe[])(
    struct life *) = { step_host, step_probe, NULL };

/* What must be the same before and after. */
struct holdings {
	int fds;
	uint64_t mapped; /* bytes, the heap aside */
};

static struct holdings
holdings_now(void)
{
	struct holdings h = { .fds = guest_count_fds() };
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 &&
		    strstr(line, "[heap]") == NULL)
			h.mapped += to - from;
	if (f != NULL)
		fclose(f);
	return h;
}

/* One life; 0, or the errno that ended it. */
static int
live(int (*const *step)(struct life *), int event, int file)
{
	struct life l = { .kvm = -1, .event = event, .file = file };
	int err = 0;

	for (; err == 0 && *step != NULL; step++)
		if ((*step)(&l) == -1)
			err = errno;
	vm_destroy(l.vm);
	if (l.kvm != -1)
		close(l.kvm);
	return err;
}

/*
 * may_bear: how many failures the life survives at most, -1: any number; how
 * many calls a deadline takes depends on the machine's speed.  Of a region,
 * libvmm can do without the madvise that keeps it out of core files; and a
 * deadline's timer that cannot be stopped is one that nobody listens to;
 * and a snapshot that ends with its log still on is gone all the same.
 */
static void
walk_once(int (*const *steps)(struct life *), int may_bear)
{
	int event = eventfd(0, EFD_CLOEXEC), file, err, borne = 0;
	struct holdings before, after;
	uint64_t n;

	file = memfd_create("file", MFD_CLOEXEC);
	REQUIRE(event != -1 && file != -1 && ftruncate(file, 0x1000) == 0);
	vmm_fault_set(0, 0);
	REQUIRE(live(steps, event, file) == 0);
	before = holdings_now();
	for (n = 1;; n++) {
		vmm_fault_set(n, FAILURE);
		err = live(steps, event, file);
		if (vmm_fault_count() < n)
			break;
		after = holdings_now();
		if (err != FAILURE && err != 0)
			printf(
			    "# call %u: %s\n", (unsigned int)n, strerror(err));
		CHECK(err == FAILURE || err == 0);
		borne += err == 0;
		CHECK_EQ(after.fds, before.fds);
		CHECK_EQ(after.mapped, before.mapped);
	}
	CHECK_EQ(err, 0);
	CHECK(n > 10);
	CHECK(may_bear == -1 || borne <= may_bear);
	vmm_fault_set(0, 0);
	printf("# %u calls, each failed once; %d failures were borne\n",
	    (unsigned int)n - 1, borne);
	close(event);
	close(file);
}

/*
 * Twice: after the first time malloc has put aside what it ever will, so what
 * the second adds to the memory in use stays for ever.
 */
static void
walk(int (*const *steps)(struct life *), int may_bear)
{
	uint64_t allocated;

	walk_once(steps, may_bear);
	allocated = mallinfo2().uordblks;
	walk_once(steps, may_bear);
	CHECK_EQ(mallinfo2().uordblks, allocated);
}

static void
test_whole_life(void)
{
	GUEST_NEEDS_KVM();
	walk(life_whole, 10);
}

static void
test_from_outside(void)
{
	GUEST_NEEDS_KVM();
	walk(life_outside, 1);
}

static void
test_dump(void)
{
	GUEST_NEEDS_KVM();
	walk(life_dump, 3);
}

static void
test_memory_in_two_parts(void)
{
	GUEST_NEEDS_KVM();
	walk(life_large, 2);
}

/*
 * Borne are, besides the two madvise, the questions after the device's events
 * and the two calls that its end could do without.
 */
static void
test_device(void)
{
	GUEST_NEEDS_KVM();
	walk(life_device, 6);
}

/* What a probe cannot ask is what the host does not have. */
static void
test_probe(void)
{
	GUEST_NEEDS_KVM();
	walk(life_probe, -1);
}

int
main(void)
{
	static char buffer[BUFSIZ];

	/* Else the first line printed would count as memory that stays. */
	(void)setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	TEST(test_whole_life);
	TEST(test_from_outside);
	TEST(test_dump);
	TEST(test_memory_in_two_parts);
	TEST(test_device);
	TEST(test_probe);
	return CHECK_EXIT();
}
