/* SPDX-License-Identifier: ISC */
/*
 * Interrupts by line, by MSI, and by eventfd of both kinds; routes that are
 * added, changed and removed; the PIT.
 */
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_irq.h"
#include "guest_pit.h"

#define MSI_ADDR 0xfee00000ULL /* APIC id 0, physical */
#define MSI_DATA 0x50U

static struct guest g;

static bool
kick_eventfd(int fd)
{
	uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one);
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_irq, sizeof(guest_irq), VM_IRQCHIP | VM_PIT, 1));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xff));
}

static void
test_line(void)
{
	REQUIRE(vm_irq_line(g.vm, 5, true) == 0);
	REQUIRE(vm_irq_line(g.vm, 5, false) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(vm_irq_line(g.vm, 24, true) == -1 && errno == EINVAL);
}

static void
test_msi(void)
{
	REQUIRE(vm_raise_msi(g.vm, MSI_ADDR, MSI_DATA) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));
}

static void
test_irqfd_line(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	REQUIRE(fd != -1);
	REQUIRE(vm_irqfd_add(g.vm, fd, 5, -1) == 0);
	CHECK(vm_irqfd_add(g.vm, fd, 5, -1) == -1 && errno == EBUSY);
	CHECK(kick_eventfd(fd));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(vm_irqfd_remove(g.vm, fd, 5) == 0);
	close(fd);
}

static void
test_irqfd_msi(void)
{
	uint32_t a = 0, b = 0, c = 0;
	int fd1 = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int fd2 = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	REQUIRE(fd1 != -1 && fd2 != -1);
	REQUIRE(vm_irqfd_msi(g.vm, fd1, MSI_ADDR, MSI_DATA, &a) == 0);
	REQUIRE(vm_irqfd_msi(g.vm, fd2, MSI_ADDR, 0x25, &b) == 0);
	CHECK_EQ(a, VMM_FIRST_MSI_ROUTE);
	CHECK_EQ(b, VMM_FIRST_MSI_ROUTE + 1);
	CHECK(kick_eventfd(fd1));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));

	/* The same eventfd now means another vector. */
	CHECK(vm_irqfd_update(g.vm, b, MSI_ADDR, MSI_DATA) == 0);
	CHECK(kick_eventfd(fd2));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x50));

	/* The lines are still routed. */
	CHECK(vm_irq_line(g.vm, 5, true) == 0);
	CHECK(vm_irq_line(g.vm, 5, false) == 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));

	CHECK(vm_irqfd_remove(g.vm, fd1, a) == 0);
	CHECK(vm_irqfd_remove(g.vm, fd1, a) == -1 && errno == ENOENT);
	CHECK(vm_irqfd_update(g.vm, a, 0, 0) == -1 && errno == ENOENT);
	CHECK(vm_irqfd_msi(g.vm, fd1, MSI_ADDR, MSI_DATA, &c) == 0);
	CHECK_EQ(c, a);
	CHECK(vm_irqfd_remove(g.vm, fd1, c) == 0);
	CHECK(vm_irqfd_remove(g.vm, fd2, b) == 0);

	/* An eventfd that is none: refused, and no route is lost. */
	CHECK(vm_irqfd_msi(g.vm, STDIN_FILENO, MSI_ADDR, 1, &c) == -1);
	CHECK(vm_irqfd_msi(g.vm, fd1, MSI_ADDR, MSI_DATA, &c) == 0);
	CHECK_EQ(c, a);
	close(fd1);
	close(fd2);
}

static void
test_resample(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int ack = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n = 0;

	REQUIRE(fd != -1 && ack != -1);
	REQUIRE(vm_irqfd_add(g.vm, fd, 5, ack) == 0);
	CHECK(kick_eventfd(fd));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0x25));
	CHECK(read(ack, &n, sizeof(n)) == sizeof(n) && n >= 1);
	CHECK(vm_irqfd_remove(g.vm, fd, 5) == 0);
	close(fd);
	close(ack);
}

/* Runs the ten ticks; their time in ms, or -1. */
static double
pit_ticks(void)
{
	struct timespec a, b;

	if (!guest_writes(g.vcpu[0], 0xf0, 1))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (!guest_writes(g.vcpu[0], 0xf0, 10))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a.tv_sec) * 1e3 +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e6;
}

static void
test_pit(void)
{
	double ms;

	guest_stop(&g);
	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(
	    &g, guest_pit, sizeof(guest_pit), VM_IRQCHIP | VM_PIT, 1));
	ms = pit_ticks();
	printf("# ten ticks at 1 kHz in %.1f ms\n", ms);
	CHECK(ms >= 9.0);
}

/* A reset in the middle of it all, and the same guest works again. */
static void
test_reset_chips(void)
{
	if (g.vm == NULL)
		SKIP("no usable /dev/kvm on this host");
	REQUIRE(vm_irq_line(g.vm, 5, true) == 0);
	REQUIRE(vm_irq_line(g.vm, 5, false) == 0);
	REQUIRE(vm_reset_chips(g.vm) == 0);
	REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	CHECK(pit_ticks() >= 9.0);
	guest_stop(&g);
}

static void
test_without_chips(void)
{
	uint32_t route;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_irq, sizeof(guest_irq), 0, 1));
	CHECK(vm_irq_line(g.vm, 5, true) == -1 && errno == ENXIO);
	CHECK(vm_raise_msi(g.vm, MSI_ADDR, 0) == -1 && errno == ENXIO);
	CHECK(vm_irqfd_msi(g.vm, 0, 0, 0, &route) == -1 && errno == ENXIO);
	CHECK(vm_reset_chips(g.vm) == -1 && errno == ENXIO);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_line);
		TEST(test_msi);
		TEST(test_irqfd_line);
		TEST(test_irqfd_msi);
		TEST(test_resample);
	}
	TEST(test_pit);
	TEST(test_reset_chips);
	TEST(test_without_chips);
	return CHECK_EXIT();
}
