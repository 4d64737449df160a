/* SPDX-License-Identifier: ISC */
/*
 * A guest that drives a device of the host: its accesses to a mapped BAR reach
 * the device without an exit, and the device's interrupts reach the guest
 * without this process.  First with a device of our own, whose BARs are a
 * memfd; then, where an edu device of QEMU's is bound to vfio-pci, with VFIO.
 */
#include <dirent.h>
#include <time.h>

#include "check.h"
#include "fake_vfio.h"
#include "guest.h"
#include "guest_pptdev.h"
#include "vmm_pptdev.h"

#define BAR_GPA 0xc0000ULL
#define READ 0U
#define WRITE 1U
#define HALT 2U
#define MSI_ADDR 0xfee00000ULL /* APIC id 0, physical */

/* QEMU's edu device: docs/specs/edu. */
#define EDU_ID 0x00
#define EDU_ID_VALUE 0x010000edU
#define EDU_LIVENESS 0x04
#define EDU_IRQ_STATUS 0x24
#define EDU_IRQ_RAISE 0x60
#define EDU_IRQ_ACK 0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_BUFFER 0x40000U
#define EDU_DMA_START 1U
#define EDU_DMA_TO_RAM 2U
#define EDU_DMA_IRQ 4U

static struct guest g;
static struct fake_vfio host;
static struct vm_pptdev *dev;

/* Answers the guest's next question. */
static bool
answer(uint16_t port, uint32_t value)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == 0 && e.reason == VM_EXIT_PIO &&
	    !e.u.pio.write && e.u.pio.port == port) {
		memcpy(e.u.pio.data, &value, e.u.pio.size);
		return true;
	}
	printf(
	    "# want a read of port 0x%x, got %s", port, vm_exit_name(e.reason));
	if (e.reason == VM_EXIT_PIO)
		printf(" write %d port 0x%x value 0x%x", e.u.pio.write,
		    e.u.pio.port, *(uint8_t *)e.u.pio.data);
	if (e.reason == VM_EXIT_MMIO)
		printf(" gpa 0x%llx", (unsigned long long)e.u.mmio.gpa);
	printf("\n");
	return false;
}

/* The guest reads there; the rest is its write to port 0xf0. */
static bool
tell_read(uint32_t off)
{
	return answer(0xf1, READ) && answer(0xf2, off);
}

static bool
tell_write(uint32_t off, uint32_t value)
{
	return answer(0xf1, WRITE) && answer(0xf2, off) && answer(0xf3, value);
}

/* The guest waits for an interrupt and gets this vector. */
static bool
takes(uint32_t vector)
{
	return answer(0xf1, HALT) && guest_writes(g.vcpu[0], 0xf0, vector);
}

/* The guest's access that is an exit is done on the device's BAR. */
static bool
serve(int bar)
{
	struct vm_exit e;
	uint64_t value = 0;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_MMIO ||
	    e.u.mmio.gpa < BAR_GPA)
		return false;
	if (e.u.mmio.write) {
		memcpy(&value, e.u.mmio.data, e.u.mmio.len);
		return vm_pptdev_bar_write(dev, bar, e.u.mmio.gpa - BAR_GPA,
			   e.u.mmio.len, value) == 0;
	}
	if (vm_pptdev_bar_read(
		dev, bar, e.u.mmio.gpa - BAR_GPA, e.u.mmio.len, &value) == -1)
		return false;
	memcpy(e.u.mmio.data, &value, e.u.mmio.len);
	return true;
}

static uint32_t
device_word(int bar, uint64_t off)
{
	uint32_t word = 0;

	if (pread(host.dev.fd, &word, 4, (off_t)(FAKE_REGION(bar) + off)) != 4)
		return 0;
	return word;
}

static bool
begin_fake(void)
{
	fake_vfio_init(&host);
	return guest_start(&g, guest_pptdev, sizeof(guest_pptdev),
		   VM_IRQCHIP | VM_PIT, 1) &&
	    guest_writes(g.vcpu[0], 0xf0, 0xff) &&
	    vfio_assign(g.vm, FAKE_ADDRESS, &fake_vfio_ops, &host, &dev) == 0;
}

static void
end_fake(void)
{
	vm_unassign_pptdev(dev);
	CHECK(fake_vfio_is_empty(&host));
	guest_stop(&g);
}

static void
test_mapped_bar(void)
{
	uint32_t word = 0xcafe;

	GUEST_NEEDS_KVM();
	REQUIRE(begin_fake());
	CHECK_EQ(host.ndma, 1);
	CHECK_EQ(host.dma[0].size, GUEST_MEMORY);
	CHECK_EQ(
	    host.dma[0].vaddr, (uintptr_t)vm_map_gpa(g.vm, 0, GUEST_MEMORY));
	REQUIRE(vm_map_pptdev_mmio(dev, 0, BAR_GPA) == 0);
	/* What the guest writes is in the device, and the other way. */
	CHECK(tell_write(0x1010, 0x12345678));
	CHECK(tell_write(0x14, 0x9abcdef0));
	REQUIRE(
	    pwrite(host.dev.fd, &word, 4, (off_t)FAKE_REGION(0) + 0x20) == 4);
	CHECK(tell_read(0x20));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xcafe));
	CHECK_EQ(device_word(0, 0x1010), 0x12345678);
	CHECK_EQ(device_word(0, 0x14), 0x9abcdef0);
	/* Unmapped, it is an exit again; and elsewhere it is there again. */
	REQUIRE(vm_unmap_pptdev_mmio(dev, 0) == 0);
	CHECK(tell_write(0x14, 1));
	CHECK(serve(0));
	CHECK_EQ(device_word(0, 0x14), 1);
	REQUIRE(vm_map_pptdev_mmio(dev, 0, BAR_GPA + 0x2000) == 0);
	CHECK(tell_write(0x2014, 2));
	CHECK(tell_read(0x2014));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
	CHECK_EQ(device_word(0, 0x14), 2);
	end_fake();
}

static void
test_parts_of_a_bar(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(begin_fake());
	REQUIRE(vm_map_pptdev_mmio(dev, 4, BAR_GPA) == 0);
	CHECK(tell_write(0x2000, 1)); /* a mapped part */
	CHECK(tell_write(0x3000, 2)); /* none */
	CHECK(serve(4));
	CHECK(tell_write(0xbffc, 3));
	CHECK(tell_write(0xc000, 4));
	CHECK(serve(4));
	CHECK(tell_read(0x3000));
	CHECK(serve(4));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
	CHECK_EQ(device_word(4, 0x2000), 1);
	CHECK_EQ(device_word(4, 0xbffc), 3);
	CHECK_EQ(device_word(4, 0xc000), 4);
	end_fake();
}

static void
test_msi(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(begin_fake());
	REQUIRE(vm_setup_msi(dev, MSI_ADDR, 0x50, 2) == 0);
	REQUIRE(fake_device_signal(&host.dev, VFIO_PCI_MSI_IRQ_INDEX, 1));
	CHECK(takes(0x51));
	REQUIRE(fake_device_signal(&host.dev, VFIO_PCI_MSI_IRQ_INDEX, 0));
	CHECK(takes(0x50));
	CHECK(vm_setup_msi(dev, 0, 0, 0) == 0);
	CHECK(!fake_device_signal(&host.dev, VFIO_PCI_MSI_IRQ_INDEX, 0));
	end_fake();
}

/* The guest writes the table itself, and switches MSI-X on. */
static void
test_msix_by_the_guest(void)
{
	const uint32_t entry = FAKE_TABLE + 3 * VFIO_TABLE_ENTRY;
	const uint32_t words[] = { (uint32_t)MSI_ADDR, 0, 0x51, 0 };
	uint32_t i;

	GUEST_NEEDS_KVM();
	REQUIRE(begin_fake());
	REQUIRE(vm_map_pptdev_mmio(dev, 2, BAR_GPA) == 0);
	for (i = 0; i < 4; i++) {
		CHECK(tell_write(entry + 4 * i, words[i]));
		CHECK(serve(2));
	}
	CHECK_EQ(device_word(2, entry + 8), 0);
	CHECK(!fake_device_signal(&host.dev, VFIO_PCI_MSIX_IRQ_INDEX, 3));
	REQUIRE(vm_pptdev_config_write(dev, FAKE_CAP_MSIX + PCI_MSIX_FLAGS, 2,
		    PCI_MSIX_FLAGS_ENABLE) == 0);
	REQUIRE(fake_device_signal(&host.dev, VFIO_PCI_MSIX_IRQ_INDEX, 3));
	CHECK(takes(0x51));
	/* What comes while it is masked comes when it no longer is. */
	CHECK(tell_write(entry + 12, 1));
	CHECK(serve(2));
	REQUIRE(fake_device_signal(&host.dev, VFIO_PCI_MSIX_IRQ_INDEX, 3));
	CHECK(tell_write(entry + 8, 0x50));
	CHECK(serve(2));
	CHECK(tell_write(entry + 12, 0));
	CHECK(serve(2));
	CHECK(takes(0x50));
	CHECK(tell_read(entry + 8));
	CHECK(serve(2));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
	end_fake();
}

/* A level: the guest's EOI tells VFIO to unmask the device. */
static void
test_intx(void)
{
	uint64_t n = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(begin_fake());
	REQUIRE(vm_setup_intx(dev, 5) == 0);
	REQUIRE(fake_device_signal(&host.dev, VFIO_PCI_INTX_IRQ_INDEX, 0));
	CHECK(takes(0x25));
	CHECK(read(host.dev.unmask, &n, sizeof(n)) == -1 && errno == EAGAIN);
	CHECK(answer(0xf4, 0));
	CHECK(answer(0xf1, READ)); /* the EOI is behind it */
	CHECK(read(host.dev.unmask, &n, sizeof(n)) == sizeof(n) && n >= 1);
	end_fake();
}

/* --- a real device -------------------------------------------------------- */

/* The address of an edu device that vfio-pci has, and is not that one. */
static bool
find_edu(char address[16], const char *other)
{
	static const char folder[] = "/sys/bus/pci/drivers/vfio-pci";
	DIR *d = opendir(folder);
	const struct dirent *e;
	char path[512], id[16];
	bool found = false;
	FILE *f;

	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		if (strlen(e->d_name) != 12 || strcmp(e->d_name, other) == 0)
			continue;
		(void)snprintf(
		    path, sizeof(path), "%s/%s/device", folder, e->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		found = fgets(id, sizeof(id), f) != NULL &&
		    strcmp(id, "0x11e8\n") == 0;
		fclose(f);
		if (found)
			memcpy(address, e->d_name, 13);
	}
	if (d != NULL)
		closedir(d);
	return found;
}

#define NEEDS_EDU(address)                                               \
	do {                                                             \
		if (!find_edu(address, ""))                              \
			SKIP("no edu device is bound to vfio-pci here"); \
	} while (0)

static bool
begin_edu(const char *address)
{
	if (!guest_start(&g, guest_pptdev, sizeof(guest_pptdev),
		VM_IRQCHIP | VM_PIT, 1) ||
	    !guest_writes(g.vcpu[0], 0xf0, 0xff))
		return false;
	if (vm_assign_pptdev(g.vm, address, &dev) == 0)
		return vm_pptdev_config_write(dev, PCI_COMMAND, 2,
			   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER) == 0 &&
		    vm_map_pptdev_mmio(dev, 0, BAR_GPA) == 0;
	printf("# %s: %s\n", strerror(errno), vm_pptdev_hint(errno));
	return false;
}

static void
test_edu_registers(void)
{
	int before = guest_count_fds();
	struct vm_pptdev_bar bar;
	char address[16];
	uint32_t id = 0;

	GUEST_NEEDS_KVM();
	NEEDS_EDU(address);
	REQUIRE(begin_edu(address));
	CHECK(vm_pptdev_config_read(dev, 0, 4, &id) == 0);
	CHECK_EQ(id, 0x11e81234);
	CHECK(vm_get_pptdev_bar(dev, 0, &bar) == 0);
	CHECK_EQ(bar.size, 0x100000);
	CHECK_EQ(bar.mappable, 0x100000);
	CHECK(tell_read(EDU_ID));
	CHECK(guest_writes(g.vcpu[0], 0xf0, EDU_ID_VALUE));
	CHECK(tell_write(EDU_LIVENESS, 0x12345678));
	CHECK(tell_read(EDU_LIVENESS));
	CHECK(guest_writes(g.vcpu[0], 0xf0, ~0x12345678U));
	guest_stop(&g); /* the device goes with it */
	CHECK_EQ(guest_count_fds(), before);
}

static void
test_edu_msi(void)
{
	char address[16];

	GUEST_NEEDS_KVM();
	NEEDS_EDU(address);
	REQUIRE(begin_edu(address));
	REQUIRE(vm_setup_msi(dev, MSI_ADDR, 0x50, 1) == 0);
	CHECK(tell_write(EDU_IRQ_RAISE, 6));
	CHECK(takes(0x50));
	CHECK(tell_read(EDU_IRQ_STATUS));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 6));
	CHECK(tell_write(EDU_IRQ_ACK, 6));
	vm_unassign_pptdev(dev);
	guest_stop(&g);
}

static void
test_edu_intx(void)
{
	char address[16];
	int i;

	GUEST_NEEDS_KVM();
	NEEDS_EDU(address);
	REQUIRE(begin_edu(address));
	REQUIRE(vm_setup_intx(dev, 5) == 0);
	/* Twice: the second one comes only if the EOI unmasked the device. */
	for (i = 0; i < 2; i++) {
		CHECK(tell_write(EDU_IRQ_RAISE, 1));
		CHECK(takes(0x25));
		/* The handler waits; the driver's work has to be done here. */
		CHECK(vm_pptdev_bar_write(dev, 0, EDU_IRQ_ACK, 4, 1) == 0);
		CHECK(answer(0xf4, 0));
	}
	vm_unassign_pptdev(dev);
	guest_stop(&g);
}

/* Has the device copy 16 bytes and waits for its interrupt. */
static bool
edu_copy(uint32_t from, uint32_t to, uint32_t direction)
{
	return tell_write(EDU_DMA_SRC, from) && tell_write(EDU_DMA_DST, to) &&
	    tell_write(EDU_DMA_COUNT, 16) &&
	    tell_write(EDU_DMA_CMD, EDU_DMA_START | direction | EDU_DMA_IRQ) &&
	    takes(0x50);
}

static void
test_edu_dma(void)
{
	char address[16], text[16] = "from guest RAM!", got[16] = "";

	GUEST_NEEDS_KVM();
	NEEDS_EDU(address);
	REQUIRE(begin_edu(address));
	REQUIRE(vm_setup_msi(dev, MSI_ADDR, 0x50, 1) == 0);
	REQUIRE(vm_map_memory(g.vm, 0x40000, 0x1000, -1, 0, VMM_PROT_ALL) == 0);
	REQUIRE(vm_copyin(g.vm, text, 0x8000, sizeof(text)) == 0);
	CHECK(edu_copy(0x8000, EDU_BUFFER, 0));
	/* To RAM that came after the device. */
	CHECK(edu_copy(EDU_BUFFER, 0x40100, EDU_DMA_TO_RAM));
	CHECK(vm_copyout(g.vm, 0x40100, got, sizeof(got)) == 0);
	CHECK_STR(got, text);
	/* What is no longer the guest's the device cannot reach. */
	memset(got, 0, sizeof(got));
	REQUIRE(vm_copyin(g.vm, got, 0x40100, sizeof(got)) == 0);
	REQUIRE(vm_unmap_memory(g.vm, 0x40000, 0x1000) == 0);
	CHECK(edu_copy(EDU_BUFFER, 0x40100, EDU_DMA_TO_RAM));
	vm_unassign_pptdev(dev);
	guest_stop(&g);
}

/* Two devices in two groups; what one leaves the other keeps. */
static void
test_edu_two(void)
{
	char first[16], second[16], text[16] = "from guest RAM!", got[16] = "";
	struct vm_pptdev *other;
	uint64_t id = 0;

	GUEST_NEEDS_KVM();
	NEEDS_EDU(first);
	REQUIRE(find_edu(second, first));
	REQUIRE(begin_edu(second));
	REQUIRE(vm_assign_pptdev(g.vm, first, &other) == 0);
	/* A message is a write of a bus master. */
	CHECK(vm_pptdev_config_write(other, PCI_COMMAND, 2,
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER) == 0);
	CHECK(vm_pptdev_bar_read(other, 0, EDU_ID, 4, &id) == 0);
	CHECK_EQ(id, EDU_ID_VALUE);
	REQUIRE(vm_setup_msi(other, MSI_ADDR, 0x51, 1) == 0);
	REQUIRE(vm_setup_msi(dev, MSI_ADDR, 0x50, 1) == 0);
	CHECK(vm_pptdev_bar_write(other, 0, EDU_IRQ_RAISE, 4, 1) == 0);
	CHECK(takes(0x51));
	vm_unassign_pptdev(other);
	REQUIRE(vm_copyin(g.vm, text, 0x8000, sizeof(text)) == 0);
	CHECK(edu_copy(0x8000, EDU_BUFFER, 0));
	CHECK(edu_copy(EDU_BUFFER, 0x8100, EDU_DMA_TO_RAM));
	CHECK(vm_copyout(g.vm, 0x8100, got, sizeof(got)) == 0);
	CHECK_STR(got, text);
	vm_unassign_pptdev(dev);
	guest_stop(&g);
}

/* What libvmm says about a device of this host: a line for a script. */
static int
say(const char *address)
{
	if (!guest_start(&g, guest_pptdev, sizeof(guest_pptdev), VM_IRQCHIP, 1))
		return 1;
	if (vm_assign_pptdev(g.vm, address, &dev) == 0)
		printf("assigned\n");
	else
		printf("%s: %s\n", strerror(errno), vm_pptdev_hint(errno));
	guest_stop(&g);
	return 0;
}

/* With the address of a device: only what assigning it leads to. */
int
main(int argc, char **argv)
{
	if (argc > 1)
		return say(argv[1]);
	TEST(test_mapped_bar);
	TEST(test_parts_of_a_bar);
	TEST(test_msi);
	TEST(test_msix_by_the_guest);
	TEST(test_intx);
	TEST(test_edu_registers);
	TEST(test_edu_msi);
	TEST(test_edu_intx);
	TEST(test_edu_dma);
	TEST(test_edu_two);
	return CHECK_EXIT();
}
