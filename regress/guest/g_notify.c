/* SPDX-License-Identifier: ISC */
/* ioeventfd: writes of the guest that count on an eventfd and do not exit. */
#include <sys/eventfd.h>

#include "check.h"
#include "guest.h"
#include "guest_notify.h"

static struct guest g;

static uint64_t
drain(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void
test_ioeventfd(void)
{
	struct vm_ioevent port = { .space = VMM_PIO,
		.addr = 0xc0,
		.len = 1,
		.match = true,
		.datamatch = 2 };
	struct vm_ioevent memory = { .space = VMM_MMIO, .addr = 0xd0000 };
	int pfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int mfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	GUEST_NEEDS_KVM();
	REQUIRE(pfd != -1 && mfd != -1);
	REQUIRE(
	    guest_start(&g, guest_notify, sizeof(guest_notify), VM_IRQCHIP, 1));
	REQUIRE(vm_ioeventfd_add(g.vm, pfd, &port) == 0);
	REQUIRE(vm_ioeventfd_add(g.vm, mfd, &memory) == 0);
	CHECK(vm_ioeventfd_add(g.vm, pfd, &port) == -1 && errno == EEXIST);
	CHECK(guest_writes(g.vcpu[0], 0xc0, 1)); /* another value: an exit */
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0xee));
	CHECK_EQ(drain(pfd), 2);
	CHECK_EQ(drain(mfd), 2);
	CHECK(vm_ioeventfd_del(g.vm, pfd, &port) == 0);
	CHECK(vm_ioeventfd_del(g.vm, pfd, &port) == -1 && errno == ENOENT);
	CHECK(guest_writes(g.vcpu[0], 0xc0, 1));
	CHECK_EQ(drain(pfd), 0);
	guest_stop(&g);
	close(pfd);
	close(mfd);
}

static void
test_refused(void)
{
	struct vm_ioevent e = { .space = 7, .addr = 0xc0, .len = 1 };

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_notify, sizeof(guest_notify), 0, 1));
	CHECK(vm_ioeventfd_add(g.vm, 0, &e) == -1 && errno == EINVAL);
	e.space = VMM_PIO;
	e.len = 3;
	CHECK(vm_ioeventfd_add(g.vm, 0, &e) == -1 && errno == EINVAL);
	e.len = 8;
	CHECK(vm_ioeventfd_add(g.vm, 0, &e) == -1 && errno == EINVAL);
	e.len = 1;
	e.addr = 0x10000;
	CHECK(vm_ioeventfd_add(g.vm, 0, &e) == -1 && errno == EINVAL);
	e.addr = 0;
	e.len = 0;
	e.match = true;
	CHECK(vm_ioeventfd_add(g.vm, 0, &e) == -1 && errno == EINVAL);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_ioeventfd);
	TEST(test_refused);
	return CHECK_EXIT();
}
