/* SPDX-License-Identifier: ISC */
/*
 * Descriptors that libvmm did not make: of the device, which another process
 * opened; of a VM and its vCPU, made here by other means; and those that are
 * refused, because they are something else or belong to another process.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "check.h"
#include "guest.h"
#include "guest_spin.h"

#define PASSED 3 /* the device, a VM, a vCPU */

static const struct vm_params params = {
	.size = sizeof(params), .memory_bytes = GUEST_MEMORY, .ncpus = 1
};

/* A life on fd; what is left open at the end is 0. */
static bool
runs_guest(int kvm, int vm_fd, int vcpu_fd)
{
	struct vcpu_regs regs = { .rip = 0x1100, .rflags = 2 };
	struct vm *vm = NULL;
	struct vcpu *vcpu;
	bool ok;

	if ((vm_fd == -1 ? vm_create(kvm, &params, &vm)
			 : vm_open(kvm, vm_fd, &params, &vm)) == -1)
		return false;
	ok = vm_copyin(vm, guest_spin, GUEST_ENTRY, sizeof(guest_spin)) == 0 &&
	    (vcpu_fd == -1 ? vcpu_open(vm, 0, &vcpu)
			   : vcpu_open_fd(vm, 0, vcpu_fd, &vcpu)) == 0 &&
	    guest_enter(vcpu) == 0 && vcpu_set_regs(vcpu, &regs) == 0 &&
	    guest_writes(vcpu, 0xf0, 0) && guest_writes(vcpu, 0xf0, 1);
	vm_destroy(vm);
	return ok;
}

static void
test_check(void)
{
	int kvm, vm, vcpu, file = memfd_create("file", MFD_CLOEXEC);

	GUEST_NEEDS_KVM();
	kvm = vmm_open(NULL);
	REQUIRE(kvm != -1 && file != -1);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	REQUIRE(vm != -1);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	REQUIRE(vcpu != -1);
	CHECK(vmm_check(kvm) == 0);
	CHECK(vmm_check(file) == -1 && errno == ENOTTY);
	CHECK(vmm_check(vm) == -1 && errno == ENOTTY);
	CHECK(vmm_check(vcpu) == -1 && errno == ENOTTY);
	CHECK(vmm_check(-1) == -1 && errno == EBADF);
	CHECK(vmm_open("/dev/null") == -1 && errno == ENOTTY);
	CHECK(strstr(vmm_open_hint(ENOTTY), "not the KVM device") != NULL);
	CHECK(strstr(vmm_open_hint(EIO), "another process") != NULL);
	close(vcpu);
	close(vm);
	close(kvm);
	close(file);
}

static void
test_own(void)
{
	int kvm, vm, before;

	GUEST_NEEDS_KVM();
	before = guest_count_fds();
	kvm = vmm_open(NULL);
	REQUIRE(kvm != -1);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	REQUIRE(vm != -1);
	CHECK(runs_guest(kvm, vm, -1));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	REQUIRE(vm != -1);
	CHECK(runs_guest(kvm, vm, ioctl(vm, KVM_CREATE_VCPU, 0)));
	close(kvm);
	CHECK_EQ(guest_count_fds(), before);
}

/* With chips that their maker made. */
static void
test_own_chips(void)
{
	struct kvm_pit_config pit = { 0 };
	struct vm_params with = params;
	int kvm, fd, n = 0;
	struct vm *vm;

	GUEST_NEEDS_KVM();
	with.flags = VM_IRQCHIP | VM_PIT;
	kvm = vmm_open(NULL);
	REQUIRE(kvm != -1);
	fd = ioctl(kvm, KVM_CREATE_VM, 0);
	REQUIRE(fd != -1 && ioctl(fd, KVM_CREATE_IRQCHIP, 0) == 0 &&
	    ioctl(fd, KVM_CREATE_PIT2, &pit) == 0);
	REQUIRE(vm_open(kvm, fd, &with, &vm) == 0);
	CHECK(vm_ioapic_pincount(vm, &n) == 0 && n == 24);
	CHECK(vm_irq_line(vm, 5, true) == 0);
	vm_destroy(vm);
	close(kvm);
}

/* What is refused stays the caller's. */
static void
test_refused(void)
{
	struct vm *vm = NULL, *other = NULL;
	struct vcpu *vcpu;
	int kvm, file = memfd_create("file", MFD_CLOEXEC);

	GUEST_NEEDS_KVM();
	kvm = vmm_open(NULL);
	REQUIRE(kvm != -1 && file != -1);
	CHECK(vm_open(kvm, file, &params, &other) == -1 && errno == ENOTTY);
	CHECK(vm_open(kvm, kvm, &params, &other) == -1 && errno == ENOTTY);
	CHECK(vm_open(kvm, -1, &params, &other) == -1 && errno == EBADF);
	CHECK(vm_open(file, kvm, &params, &other) == -1 && errno == ENOTTY);
	REQUIRE(vm_create(kvm, &params, &vm) == 0);
	CHECK(vcpu_open_fd(vm, 0, file, &vcpu) == -1 && errno == ENOTTY);
	CHECK(vcpu_open_fd(vm, 0, kvm, &vcpu) == -1 && errno == ENOTTY);
	CHECK(vcpu_open_fd(vm, 0, -1, &vcpu) == -1 && errno == EBADF);
	CHECK(vcpu_open_fd(vm, 1, file, &vcpu) == -1 && errno == EINVAL);
	CHECK(vcpu_open(vm, 0, &vcpu) == 0);
	vm_destroy(vm);
	CHECK(fcntl(file, F_GETFD) != -1 && fcntl(kvm, F_GETFD) != -1);
	close(kvm);
	close(file);
}

/* --- two processes ------------------------------------------------------- */

union passed_control {
	struct cmsghdr head;
	uint8_t room[CMSG_SPACE(PASSED * sizeof(int))];
};

static bool
pass(int sock, const int *fds)
{
	union passed_control control = { 0 };
	struct iovec io = { (char[1]) { 0 }, 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(PASSED * sizeof(int));
	memcpy(CMSG_DATA(c), fds, PASSED * sizeof(int));
	return sendmsg(sock, &m, 0) == 1;
}

static bool
take(int sock, int *fds)
{
	union passed_control control = { 0 };
	struct iovec io = { (char[1]) { 0 }, 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 ||
	    CMSG_FIRSTHDR(&m) == NULL)
		return false;
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), PASSED * sizeof(int));
	return true;
}

/* The other process: the number of the first thing that is wrong, or 0. */
static int
receiver(int sock)
{
	struct vcpu *vcpu;
	struct vm *vm;
	int fd[PASSED];

	if (!take(sock, fd))
		return 1;
	if (vmm_check(fd[0]) != 0)
		return 2;
	if (vmm_check(fd[1]) != -1 || errno != EIO)
		return 3;
	if (vm_open(fd[0], fd[1], &params, &vm) != -1 || errno != EIO)
		return 4;
	if (vm_create(fd[0], &params, &vm) == -1)
		return 5;
	if (vcpu_open_fd(vm, 0, fd[2], &vcpu) != -1 || errno != EIO)
		return 6;
	vm_destroy(vm);
	return runs_guest(fd[0], -1, -1) ? 0 : 7;
}

static void
test_another_process(void)
{
	int sock[2], fd[PASSED], status = -1;
	pid_t pid;

	GUEST_NEEDS_KVM();
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) == 0);
	pid = fork();
	REQUIRE(pid != -1);
	if (pid == 0) {
		close(sock[0]);
		_exit(receiver(sock[1]));
	}
	fd[0] = vmm_open(NULL);
	fd[1] = ioctl(fd[0], KVM_CREATE_VM, 0);
	fd[2] = ioctl(fd[1], KVM_CREATE_VCPU, 0);
	CHECK(fd[0] != -1 && fd[1] != -1 && fd[2] != -1);
	CHECK(pass(sock[0], fd));
	close(sock[0]);
	close(sock[1]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	close(fd[2]);
	close(fd[1]);
	close(fd[0]);
}

int
main(void)
{
	TEST(test_check);
	TEST(test_own);
	TEST(test_own_chips);
	TEST(test_refused);
	TEST(test_another_process);
	return CHECK_EXIT();
}
