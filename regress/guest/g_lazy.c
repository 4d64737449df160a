/* SPDX-License-Identifier: ISC */
/*
 * Guest memory on demand: a page is touched first by the guest, by this
 * process, by the kernel for it, or by a device process; and what goes wrong.
 */
#include "role/lazy.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <liburing.h>
#include <poll.h>

#include "check.h"
#include "dev/guestmem.h"
#include "ondemand.h"
#include "vmm_dump.h"
#include "vmm_snapshot.h"

/* --- the guest -------------------------------------------------------------
 */

static bool
guest_told(uint16_t address)
{
	struct vm_exit e;

	if (vm_run(g.vcpu[0], &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.write || e.u.pio.port != 0xf1)
		return false;
	memcpy(e.u.pio.data, &address, sizeof(address));
	return guest_writes(g.vcpu[0], 0xf0, byte_at(address));
}

static void
the_guest_reads_and_writes(void)
{
	NEEDS();
	REQUIRE(setup());
	CHECK_EQ(resident(), 0);
	for (uint16_t page = 2; page < 16; page++)
		REQUIRE(guest_told((uint16_t)(page * PAGE + 130)));
	/* One more question, so that the last write is done. */
	REQUIRE(guest_told(0x2000));
	for (uint32_t page = 2; page < 16; page++) {
		const uint8_t *p = ram() + (size_t)page * PAGE;

		CHECK_EQ(p[130], byte_at(page * PAGE + 130));
		CHECK_EQ(p[131], 0x77);
		CHECK_EQ(p[132], byte_at(page * PAGE + 132));
	}
	/* What the guest did not ask for is still in the file only. */
	CHECK(resident() < 40);
	CHECK(lazy_pages(lazy) < 40);
	CHECK_EQ(times_told(), 0);
	teardown();
}

/* --- threads, processes and the kernel -------------------------------------
 */

static void *
reads_all(void *arg)
{
	const uint8_t *mem = arg;

	for (uint32_t p = 0; p < PAGES; p++)
		if (!page_is(mem + (size_t)p * PAGE, p))
			return NULL;
	return arg;
}

static void *
reads_back(void *arg)
{
	const uint8_t *mem = arg;

	for (uint32_t p = PAGES; p-- > 0;)
		if (!page_is(mem + (size_t)p * PAGE, p))
			return NULL;
	return arg;
}

static void
two_threads(void)
{
	pthread_t a, b;
	void *of_a = NULL, *of_b = NULL, *mem;

	NEEDS();
	REQUIRE(setup());
	mem = (void *)(uintptr_t)ram();
	REQUIRE(pthread_create(&a, NULL, reads_all, mem) == 0);
	REQUIRE(pthread_create(&b, NULL, reads_back, mem) == 0);
	pthread_join(a, &of_a);
	pthread_join(b, &of_b);
	CHECK(of_a != NULL);
	CHECK(of_b != NULL);
	CHECK_EQ(resident(), PAGES);
	teardown();
}

/* What a device process does; its descriptor travels as a message's would. */
struct child {
	pid_t pid;
	int sock;
};

static bool
send_fd(int sock, int fd, const struct msg_dev_faults *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };

	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == sizeof(*m);
}

static int
receive_fd(int sock, struct msg_dev_faults *m)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	int fd = -1;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) == sizeof(*m) &&
	    CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void __attribute__((noreturn))
child_main(int sock, bool (*work)(const struct guestmem *, int fd))
{
	struct msg_dev_faults m = { .base = { 0 } };
	struct guestmem gm;
	char go;
	int fd;

	alarm(60);
	if (guestmem_map(&gm, vm_memory_fd(g.vm), &map) == -1 ||
	    (fd = guestmem_watch(&gm, device)) == -1)
		_exit(2);
	m.base[0] = (uintptr_t)gm.region[0].base;
	if (!send_fd(sock, fd, &m) || read(sock, &go, 1) != 1)
		_exit(3);
	_exit(work(&gm, fd) ? 0 : 1);
}

/* Its descriptor; -1: something is missing. */
static int
child_start(struct child *c, bool (*work)(const struct guestmem *, int fd),
    struct msg_dev_faults *m)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	fflush(stdout);
	if ((c->pid = fork()) == 0)
		child_main(sv[1], work);
	close(sv[1]);
	c->sock = sv[0];
	return c->pid == -1 ? -1 : receive_fd(c->sock, m);
}

static int
child_end(struct child *c)
{
	int status = -1;

	waitpid(c->pid, &status, 0);
	close(c->sock);
	return status;
}

static bool
work_reads_all(const struct guestmem *gm, int fd)
{
	(void)fd;
	return reads_back(gm->region[0].base) != NULL;
}

static void
a_device_process(void)
{
	struct msg_dev_faults m;
	struct child c;
	int fd;

	NEEDS();
	REQUIRE(setup());
	fd = child_start(&c, work_reads_all, &m);
	REQUIRE(fd != -1);
	lazy_device(lazy, 1, fd, &m);
	CHECK(write(c.sock, "x", 1) == 1);
	/* Both want the same pages, from both ends. */
	CHECK(reads_all((void *)(uintptr_t)ram()) != NULL);
	CHECK_EQ(child_end(&c), 0);
	CHECK_EQ(resident(), PAGES);
	lazy_device(lazy, 1, -1, NULL);
	CHECK_EQ(times_told(), 0);
	teardown();
}

/* Its requests fill missing pages, in part: the kernel waits for them. */
static bool
work_uring(const struct guestmem *gm, int fd)
{
	uint8_t *mem = gm->region[0].base;
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int data = memfd_create("disk", MFD_CLOEXEC), result;
	bool ok;

	(void)fd;
	if (data == -1 || pwrite(data, "0123456789", 10, 0) != 10 ||
	    io_uring_queue_init(4, &ring, 0) < 0)
		return false;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, data, mem + 40 * PAGE + 100, 10, 0);
	/* And out of one, into the file. */
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, data, mem + 50 * PAGE, PAGE, 4096);
	if (io_uring_submit_and_wait(&ring, 2) != 2)
		return false;
	for (int i = 0; i < 2; i++) {
		if (io_uring_wait_cqe(&ring, &cqe) < 0)
			return false;
		result = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
		if (result != 10 && result != (int)PAGE)
			return false;
	}
	ok = memcmp(mem + 40 * PAGE + 100, "0123456789", 10) == 0 &&
	    mem[40 * PAGE + 99] == byte_at(40 * PAGE + 99) &&
	    mem[40 * PAGE + 110] == byte_at(40 * PAGE + 110);
	if (pread(data, mem + 60 * PAGE, PAGE, 4096) != PAGE)
		return false;
	io_uring_queue_exit(&ring);
	return ok && page_is(mem + 60 * PAGE, 50);
}

static void
io_uring_waits_for_pages(void)
{
	struct msg_dev_faults m;
	struct child c;
	int fd;

	NEEDS();
	REQUIRE(setup());
	fd = child_start(&c, work_uring, &m);
	REQUIRE(fd != -1);
	lazy_device(lazy, 0, fd, &m);
	CHECK(write(c.sock, "x", 1) == 1);
	CHECK_EQ(child_end(&c), 0);
	/* Everybody sees what it read. */
	CHECK(memcmp(ram() + 40 * PAGE + 100, "0123456789", 10) == 0);
	teardown();
}

/* A dump and a snapshot have the pages that nobody has touched. */
static void
all_of_it(void)
{
	int dump = memfd_create("dump", MFD_CLOEXEC);
	const uint8_t *bytes;
	struct vm_snapshot *s;
	struct stat st;

	NEEDS();
	REQUIRE(setup());
	REQUIRE(vm_dump(g.vm, dump, NULL) == 0 && fstat(dump, &st) == 0);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, dump, 0);
	REQUIRE(bytes != MAP_FAILED);
	CHECK(reads_all((void *)(uintptr_t)(bytes + st.st_size - MEMORY)) !=
	    NULL);
	munmap((void *)(uintptr_t)bytes, (size_t)st.st_size);
	close(dump);
	teardown();
	REQUIRE(setup());
	REQUIRE(guest_told(0x2000));
	REQUIRE(vm_snapshot_take(g.vm, &s) == 0);
	CHECK_EQ(resident(), PAGES);
	vm_snapshot_free(s);
	teardown();
}

/* --- what goes wrong -------------------------------------------------------
 */

static void *
touches(void *arg)
{
	return (void *)(uintptr_t) * (volatile uint8_t *)arg;
}

static void
a_file_that_was_cut(void)
{
	pthread_t a;

	NEEDS();
	REQUIRE(setup());
	REQUIRE(ftruncate(file, 10 * PAGE) == 0);
	CHECK_EQ(ram()[5 * PAGE], byte_at(5 * PAGE));
	CHECK_EQ(times_told(), 0);
	REQUIRE(pthread_create(&a, NULL, touches,
		    (void *)(uintptr_t)(ram() + 100 * PAGE)) == 0);
	for (int i = 0; i < 200 && times_told() == 0; i++)
		poll(NULL, 0, 10);
	CHECK_EQ(times_told(), 1);
	CHECK_EQ(told_error, 0);
	CHECK_STR(told_why, "is truncated");
	/* Who waited does so no more when the descriptor is closed. */
	lazy_free(lazy);
	pthread_join(a, NULL);
	guest_stop(&g);
	close(device);
	close(file);
}

static bool
work_hostile(const struct guestmem *gm, int fd)
{
	fcntl(fd, F_SETFL, 0); /* a read of it would wait */
	touches(gm->region[0].base + 3 * PAGE);
	return false;
}

static void
hostile_devices_harm_themselves(void)
{
	struct msg_dev_faults m;
	struct child c;
	int fd, pair[2];

	NEEDS();
	REQUIRE(setup());
	/* One that lies about where its memory is. */
	fd = child_start(&c, work_reads_all, &m);
	REQUIRE(fd != -1);
	m.base[0] = ~0ULL - 4096;
	lazy_device(lazy, 0, fd, &m);
	CHECK(write(c.sock, "x", 1) == 1);
	/* One whose descriptor is none, and has something to say. */
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(write(pair[0], &m, sizeof(m)) == sizeof(m));
	lazy_device(lazy, 1, pair[1], &m);
	/* One that there cannot be. */
	lazy_device(lazy, 2, dup(pair[0]), &m);
	for (uint16_t page = 2; page < 16; page++)
		CHECK(guest_told((uint16_t)(page * PAGE + 130)));
	CHECK_EQ(times_told(), 0);
	lazy_device(lazy, 0, -1, NULL);
	kill(c.pid, SIGKILL);
	CHECK(child_end(&c) != 0);
	/* In its place one that makes reads of its descriptor wait. */
	fd = child_start(&c, work_hostile, &m);
	REQUIRE(fd != -1);
	lazy_device(lazy, 0, fd, &m);
	CHECK(write(c.sock, "x", 1) == 1);
	for (uint32_t page = 20; page < PAGES; page++)
		REQUIRE(page_is(ram() + (size_t)page * PAGE, page));
	kill(c.pid, SIGKILL);
	CHECK(child_end(&c) != 0);
	/* And one that is honest, in the place of each. */
	for (unsigned int i = 0; i < 2; i++) {
		fd = child_start(&c, work_uring, &m);
		REQUIRE(fd != -1);
		lazy_device(lazy, i, fd, &m);
		CHECK(write(c.sock, "x", 1) == 1);
		child_end(&c);
	}
	CHECK_EQ(times_told(), 0);
	close(pair[0]);
	teardown();
}

static void
no_regular_file(void)
{
	struct lazy_setup with = { .failed = on_failed };
	int before;

	NEEDS();
	REQUIRE(setup());
	lazy_free(lazy);
	before = guest_count_fds();
	with.device = device;
	with.file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	with.index = index_new();
	CHECK(lazy_start(g.vm, &with) == NULL);
	CHECK_EQ(errno, EINVAL);
	with.file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	with.index = index_new();
	with.device = file;
	CHECK(lazy_start(g.vm, &with) == NULL);
	CHECK_EQ(errno, ENOTTY);
	CHECK_EQ(guest_count_fds(), before);
	guest_stop(&g);
	close(device);
	close(file);
}

int
main(void)
{
	TEST(the_guest_reads_and_writes);
	TEST(two_threads);
	TEST(a_device_process);
	TEST(io_uring_waits_for_pages);
	TEST(all_of_it);
	TEST(a_file_that_was_cut);
	TEST(hostile_devices_harm_themselves);
	TEST(no_regular_file);
	return CHECK_EXIT();
}
