/* SPDX-License-Identifier: ISC */
/*
 * Devices of the host given to a guest, with a kernel and a device of our own:
 * each reason for a refusal, the mappings for DMA, BARs, resets, and the end
 * of it all when any call fails.  g_pptdev.c has a real guest.
 */
#include <dirent.h>

#include "fake_pptdev.h"

#define RAM 0x100000ULL
#define BAR_GPA 0xe0000000ULL

static void
test_addresses(void)
{
	static const char *const bad[] = { "", "0000:03:00", "03:00.0",
		"0000:03:00.8", "0000:03:20.0", "0000:03:00.0 ", "0000:03:0x.0",
		"0000:03:00,0", "../../03:00.0", "0000:0A:00.0" };
	static const char *const good[] = { "0000:03:00.0", "ffff:ff:1f.7" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(vfio_host_address(bad[i]) == -1 && errno == EINVAL);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(vfio_host_address(good[i]) == 0);
}

static void
lack_iommu(void)
{
	host.iommu = false;
}
static void
lack_device(void)
{
	host.present = false;
}
static void
lack_group(void)
{
	host.in_group = false;
}
static void
lack_driver(void)
{
	host.driver = NULL;
}
static void
other_driver(void)
{
	host.driver = "e1000e";
}
static void
lack_vfio(void)
{
	host.loaded = false;
}
static void
lack_rights(void)
{
	host.open_errno = EACCES;
}
static void
forbidden(void)
{
	host.open_errno = EPERM;
}
static void
in_use(void)
{
	host.open_errno = EBUSY;
}
static void
not_viable(void)
{
	host.viable = false;
}
static void
lack_type1(void)
{
	host.type1 = false;
}
static void
unsafe_irqs(void)
{
	host.set_iommu_errno = EPERM;
}
static void
lack_memlock(void)
{
	host.lock_limit = RAM - 1;
}
static void
unplugged(void)
{
	host.dev.gone = true;
}

static void
test_each_reason(void)
{
	static const struct {
		void (*spoil)(void);
		int err;
	} rows[] = {
		{ lack_iommu, ENOTSUP },
		{ lack_group, ENOTSUP },
		{ lack_type1, ENOTSUP },
		{ lack_device, ENODEV },
		{ unplugged, ENODEV },
		{ lack_driver, EUNATCH },
		{ other_driver, EUNATCH },
		{ lack_vfio, ENOENT },
		{ lack_rights, EACCES },
		{ forbidden, EPERM },
		{ unsafe_irqs, EPERM },
		{ in_use, EBUSY },
		{ not_viable, EXDEV },
		{ lack_memlock, ENOMEM },
	};
	const char *none = vm_pptdev_hint(0);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(fake_pptdev_begin(RAM));
		rows[i].spoil();
		errno = 0;
		CHECK(!fake_pptdev_assign());
		CHECK_EQ(errno, rows[i].err);
		CHECK(strcmp(vm_pptdev_hint(rows[i].err), none) != 0);
		fake_pptdev_end();
	}
	CHECK(strlen(none) > 0);
}

/* Without an IOMMU the real function says so, whatever the device. */
static void
test_this_host(void)
{
	DIR *d = opendir("/sys/class/iommu");
	const struct dirent *e;
	int n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	if (n > 0)
		SKIP("this host has an IOMMU");
	REQUIRE(fake_pptdev_begin(RAM));
	errno = 0;
	CHECK(vm_assign_pptdev(vm, "0000:00:01.0", &dev) == -1);
	CHECK_EQ(errno, ENOTSUP);
	CHECK(strstr(vm_pptdev_hint(errno), "no IOMMU") != NULL);
	CHECK(vm_assign_pptdev(vm, "no address", &dev) == -1);
	CHECK_EQ(errno, EINVAL);
	fake_pptdev_end();
}

/* Whether exactly this region is mapped, for reading and maybe writing. */
static bool
mapped(uint64_t gpa, uint64_t len, bool write)
{
	const struct memmap_region *r = memmap_find(&vm->map, gpa);
	int i;

	for (i = 0; i < host.ndma; i++)
		if (host.dma[i].iova == gpa && host.dma[i].size == len)
			return r != NULL &&
			    host.dma[i].vaddr == (uintptr_t)r->host &&
			    host.dma[i].flags ==
			    (VFIO_DMA_MAP_FLAG_READ |
				(write ? VFIO_DMA_MAP_FLAG_WRITE : 0U));
	return false;
}

static void
test_dma(void)
{
	int file = memfd_create("rom", MFD_CLOEXEC);

	REQUIRE(file != -1 && ftruncate(file, 0x1000) == 0);
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(vm_map_memory(vm, 0x200000, 0x2000, -1, 0, VMM_PROT_ALL) == 0);
	REQUIRE(fake_pptdev_assign());
	CHECK_EQ(host.ndma, 2);
	CHECK(mapped(0, RAM, true));
	CHECK(mapped(0x200000, 0x2000, true));
	/* What comes and goes later. */
	CHECK(vm_map_memory(vm, 0x300000, 0x1000, file, 0, VMM_PROT_READ) == 0);
	CHECK(mapped(0x300000, 0x1000, false));
	CHECK(vm_unmap_memory(vm, 0x200000, 0x2000) == 0);
	CHECK_EQ(host.ndma, 2);
	/* A limit that is reached later is the error of that call alone. */
	host.lock_limit = RAM + 0x2000;
	CHECK(vm_map_memory(vm, 0x400000, 0x2000, -1, 0, VMM_PROT_ALL) == -1);
	CHECK_EQ(errno, ENOMEM);
	CHECK_EQ(host.ndma, 2);
	CHECK_EQ(vm->map.count, 2);
	CHECK_EQ(fake_vm.slots, 2);
	CHECK(vm_map_memory(vm, 0x400000, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	CHECK_EQ(host.ndma, 3);
	/* Where the IOMMU has its own addresses. */
	CHECK(vm_map_memory(vm, 0xfee00000, 0x1000, -1, 0, VMM_PROT_ALL) == -1);
	CHECK_EQ(errno, ERANGE);
	CHECK_EQ(fake_vm.slots, 3);
	fake_pptdev_end();
	close(file);
}

/* RAM in two parts, of which a 40-bit IOMMU reaches all or not. */
static void
test_dma_large(void)
{
	REQUIRE(fake_pptdev_begin(VMM_LOWMEM_END + 0x200000));
	REQUIRE(fake_pptdev_assign());
	CHECK(mapped(0, VMM_LOWMEM_END, true));
	CHECK(mapped(VMM_HIGHMEM_START, 0x200000, true));
	CHECK_EQ(host.ndma, 2);
	fake_pptdev_end();
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(
	    vm_map_memory(vm, FAKE_TOP + 1, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	CHECK(!fake_pptdev_assign());
	CHECK_EQ(errno, ERANGE);
	fake_pptdev_end();
}

static void
test_twice(void)
{
	struct vm_pptdev *other;

	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	CHECK(vfio_assign(vm, FAKE_ADDRESS, &fake_vfio_ops, &host, &other) ==
		-1 &&
	    errno == EBUSY);
	/* The neighbour shares the group, which is opened once. */
	CHECK(vfio_assign(vm, FAKE_NEIGHBOUR, &fake_vfio_ops, &host, &other) ==
		-1 &&
	    errno == ENODEV);
	CHECK(host.group_in && host.ndma == 1);
	CHECK_EQ(host.fds, 3);
	fake_pptdev_end();
	/* A VM that ends takes its devices along. */
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 4) == 0);
	CHECK(vm_map_pptdev_mmio(dev, 0, BAR_GPA) == 0);
	vm_destroy(vm);
	CHECK(fake_vfio_is_empty(&host));
	CHECK_EQ(fake_vm.irqfds, 0);
}

static void
test_bars(void)
{
	static const struct vm_pptdev_bar want[] = {
		{ 0x2000, 0x2000, 0, 0 },
		{ 0x20, 0, 0, VM_PPTDEV_BAR_IO },
		/* Without the page of the MSI-X table. */
		{ 0x4000, 0x3000, 0,
		    VM_PPTDEV_BAR_64 | VM_PPTDEV_BAR_PREFETCH },
		{ 0, 0, 0, 0 },
		{ 0x10000, 0x5000, 0, 0 },
		{ 0x100, 0, 0, 0 },
		{ 0x800, 0, 0, 0 },
	};
	struct vm_pptdev_bar bar;
	int i;

	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	for (i = 0; i < VFIO_BARS; i++) {
		REQUIRE(vm_get_pptdev_bar(dev, i, &bar) == 0);
		CHECK_EQ(bar.size, want[i].size);
		CHECK_EQ(bar.mappable, want[i].mappable);
		CHECK_EQ(bar.guest, want[i].guest);
		CHECK_EQ(bar.flags, want[i].flags);
	}
	CHECK(vm_get_pptdev_bar(dev, 7, &bar) == -1 && errno == EINVAL);
	CHECK(vm_get_pptdev_bar(dev, -1, &bar) == -1 && errno == EINVAL);
	fake_pptdev_end();
}

static void
test_map_bar(void)
{
	const struct memmap_region *r;
	uint8_t byte = 1;

	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	REQUIRE(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == 0);
	CHECK_EQ(fake_vm.slots, 3);
	CHECK(memmap_find(&vm->map, BAR_GPA + FAKE_TABLE) == NULL);
	r = memmap_find(&vm->map, BAR_GPA + 0x2000);
	REQUIRE(r != NULL && r->len == 0x2000);
	/* It is no memory for copies, nor for other devices' DMA. */
	CHECK(vm_copyin(vm, &byte, BAR_GPA, 1) == -1 && errno == EFAULT);
	CHECK(vm_copyout(vm, BAR_GPA, &byte, 1) == -1 && errno == EFAULT);
	CHECK(vm_map_gpa(vm, BAR_GPA, 1) == NULL && errno == EFAULT);
	CHECK(vm_unmap_memory(vm, BAR_GPA, 0x1000) == -1 && errno == ENOENT);
	CHECK_EQ(host.ndma, 1);
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 && errno == EALREADY);
	REQUIRE(vm_unmap_pptdev_mmio(dev, 2) == 0);
	CHECK(vm_unmap_pptdev_mmio(dev, 2) == -1 && errno == ENOENT);
	CHECK_EQ(fake_vm.slots, 1);

	CHECK(vm_map_pptdev_mmio(dev, 1, BAR_GPA) == -1 && errno == EINVAL);
	CHECK(vm_map_pptdev_mmio(dev, 3, BAR_GPA) == -1 && errno == EINVAL);
	CHECK(vm_map_pptdev_mmio(dev, 6, BAR_GPA) == -1 && errno == EINVAL);
	CHECK(vm_map_pptdev_mmio(dev, 0, BAR_GPA + 8) == -1 && errno == EINVAL);
	/* The second part of it overlaps the RAM: neither stays. */
	CHECK(vm_map_memory(
		  vm, BAR_GPA + 0x8000, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	CHECK(vm_map_pptdev_mmio(dev, 4, BAR_GPA) == -1 && errno == EEXIST);
	CHECK_EQ(fake_vm.slots, 2);
	fake_vm.slots_left = 1;
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 && errno == ENOSPC);
	CHECK_EQ(fake_vm.slots, 2);
	fake_pptdev_end();
}

/* A part that cannot be taken back is not forgotten. */
static void
test_map_bar_stuck(void)
{
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	fake_vm.set_fails = 2;
	fake_vm.clear_fails = 1;
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 && errno == ENOSPC);
	CHECK_EQ(fake_vm.slots, 2);
	fake_vm.clear_fails = 1;
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 && errno == EBUSY);
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA + 0x10000) == 0);
	CHECK_EQ(fake_vm.slots, 3);
	CHECK(memmap_find(&vm->map, BAR_GPA) == NULL);
	fake_vm.clear_fails = 2;
	CHECK(vm_unmap_pptdev_mmio(dev, 2) == -1 && errno == EBUSY);
	CHECK_EQ(fake_vm.slots, 2);
	CHECK(vm_unmap_pptdev_mmio(dev, 2) == 0);
	CHECK_EQ(fake_vm.slots, 1);
	fake_vm.set_fails = 2;
	fake_vm.clear_fails = 1;
	CHECK(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 && errno == ENOSPC);
	vm_unassign_pptdev(dev);
	dev = NULL;
	CHECK_EQ(fake_vm.slots, 1);
	fake_pptdev_end();
}

/* What a device wrote nobody would put back. */
static void
test_no_snapshot(void)
{
	struct vm_snapshot *s = NULL;

	REQUIRE(fake_pptdev_begin(RAM));
	vm->params.flags = 0;
	REQUIRE(vm_snapshot_take(vm, &s) == 0);
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_snapshot_restore(s, NULL) == -1 && errno == ENOTSUP);
	vm_snapshot_free(s);
	CHECK(vm_snapshot_take(vm, &s) == -1 && errno == ENOTSUP);
	vm_unassign_pptdev(dev);
	dev = NULL;
	REQUIRE(vm_snapshot_take(vm, &s) == 0);
	vm_snapshot_free(s);
	fake_pptdev_end();
}

static void
test_bar_access(void)
{
	uint32_t word = 0;
	uint64_t v = 0;

	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_pptdev_bar_write(dev, 1, 0x1c, 4, 0x11223344) == 0);
	CHECK(pread(host.dev.fd, &word, 4, (off_t)FAKE_REGION(1) + 0x1c) == 4);
	CHECK_EQ(word, 0x11223344);
	CHECK(vm_pptdev_bar_read(dev, 1, 0x1e, 1, &v) == 0);
	CHECK_EQ(v, 0x22);
	CHECK(vm_pptdev_bar_read(dev, 1, 0x20, 1, &v) == -1 && errno == EINVAL);
	CHECK(vm_pptdev_bar_read(dev, 1, 2, 4, &v) == -1 && errno == EINVAL);
	CHECK(vm_pptdev_bar_read(dev, 1, 0, 3, &v) == -1 && errno == EINVAL);
	CHECK(vm_pptdev_bar_read(dev, 3, 0, 1, &v) == -1 && errno == EINVAL);
	CHECK(vm_pptdev_bar_read(dev, 0, UINT64_MAX - 7, 8, &v) == -1 &&
	    errno == EINVAL);
	/* The ROM is there to be read. */
	CHECK(vm_pptdev_bar_read(dev, VM_PPTDEV_ROM, 0x7f8, 8, &v) == 0);
	CHECK(vm_pptdev_bar_write(dev, VM_PPTDEV_ROM, 0, 1, 1) == -1);
	fake_pptdev_end();
}

static void
test_reset_and_events(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n = 0;

	REQUIRE(fd != -1);
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	REQUIRE(vm_setup_intx(dev, 11) == 0);
	REQUIRE(vm_setup_msi(dev, 0xfee00000, 0x50, 1) == 0);
	REQUIRE(vm_map_pptdev_mmio(dev, 0, BAR_GPA) == 0);
	CHECK(vm_reset_pptdev(dev) == 0);
	CHECK_EQ(host.dev.resets, 1);
	CHECK_EQ(host.dev.type, VFIO_PCI_INTX_IRQ_INDEX);
	CHECK_EQ(fake_vm.slots, 1);
	CHECK(vm_pptdev_notify(dev, VM_PPTDEV_EVENT_REQUEST, fd) == 0);
	CHECK(fake_device_signal(&host.dev, VFIO_PCI_REQ_IRQ_INDEX, 0));
	CHECK(read(fd, &n, sizeof(n)) == sizeof(n) && n == 1);
	CHECK(vm_pptdev_notify(dev, VM_PPTDEV_EVENT_REQUEST, -1) == 0);
	CHECK(!fake_device_signal(&host.dev, VFIO_PCI_REQ_IRQ_INDEX, 0));
	CHECK(vm_pptdev_notify(dev, VM_PPTDEV_EVENT_ERROR, fd) == 0);
	CHECK(vm_pptdev_notify(dev, (enum vm_pptdev_event)2, fd) == -1 &&
	    errno == EINVAL);
	host.dev.gone = true;
	CHECK(vm_reset_pptdev(dev) == -1 && errno == ENODEV);
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 1) == -1 && errno == ENODEV);
	host.dev.gone = false;
	fake_pptdev_end();
	close(fd);

	REQUIRE(fake_pptdev_begin(RAM));
	host.dev.has_reset = false;
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_reset_pptdev(dev) == -1 && errno == ENOTSUP);
	fake_pptdev_end();
}

/* One life of a device; 0 or the errno that ended it. */
static int
live(void)
{
	uint64_t value;

	if (!fake_pptdev_assign() ||
	    vm_map_pptdev_mmio(dev, 2, BAR_GPA) == -1 ||
	    vm_map_pptdev_mmio(dev, 4, BAR_GPA + 0x100000) == -1 ||
	    vm_map_memory(vm, 0x200000, 0x1000, -1, 0, VMM_PROT_ALL) == -1 ||
	    vm_unmap_memory(vm, 0x200000, 0x1000) == -1)
		return errno;
	if (vm_setup_intx(dev, 11) == -1 ||
	    vm_setup_msi(dev, 0xfee00000, 0x50, 4) == -1 ||
	    vm_setup_msix(dev, 3, 0xfee00000, 0x51, 0) == -1 ||
	    vm_disable_msix(dev) == -1)
		return errno;
	if (vm_pptdev_bar_read(dev, 0, 0, 8, &value) == -1 ||
	    vm_pptdev_bar_write(dev, 0, 0, 8, value) == -1 ||
	    vm_pptdev_config_write(dev, PCI_COMMAND, 2, 7) == -1 ||
	    vm_unmap_pptdev_mmio(dev, 2) == -1 || vm_reset_pptdev(dev) == -1)
		return errno;
	return 0;
}

/*
 * Each call of the kernel fails once, and whatever failed, nothing is left.
 * Borne are the questions after events, and what an end would only undo.
 */
static void
test_every_call_fails(void)
{
	unsigned int n;
	int err, borne = 0;

	for (n = 1;; n++) {
		REQUIRE(fake_pptdev_begin(RAM));
		dev = NULL;
		host.fail_at = n;
		err = live();
		if (host.calls < n)
			break;
		if (err != EREMOTEIO && err != 0)
			printf("# call %u: %s\n", n, strerror(err));
		CHECK(err == EREMOTEIO || err == 0);
		borne += err == 0;
		fake_pptdev_end();
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(borne, 2);
	CHECK(n > 60);
	printf("# %u calls, each failed once; %d failures were borne\n", n - 1,
	    borne);
	fake_pptdev_end();
}

int
main(void)
{
	TEST(test_addresses);
	TEST(test_each_reason);
	TEST(test_this_host);
	TEST(test_dma);
	TEST(test_dma_large);
	TEST(test_twice);
	TEST(test_bars);
	TEST(test_map_bar);
	TEST(test_map_bar_stuck);
	TEST(test_no_snapshot);
	TEST(test_bar_access);
	TEST(test_reset_and_events);
	TEST(test_every_call_fails);
	return CHECK_EXIT();
}
