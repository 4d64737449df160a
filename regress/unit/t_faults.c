/* SPDX-License-Identifier: ISC */
/*
 * Missing pages of a shared memfd: two processes wait for them, each on a
 * descriptor of its own, and a device process that is told to.
 */
#include "ipc/faults.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "check.h"
#include "dev/rng.h"
#include "driver.h"

#define PAGE 4096U

static uint8_t content[2 * PAGE];

static const char *
why_not(void)
{
	int fd = faults_open();

	if (fd == -1)
		return "no usable /dev/userfaultfd on this host";
	close(fd);
	return NULL;
}

#define NEEDS()                          \
	do {                             \
		if (why_not() != NULL)   \
			SKIP(why_not()); \
	} while (0)

static const struct msg_dev_memory map = { .count = 1,
	.region = { { .gpa = DRIVER_GPA, .len = DRIVER_MEMORY } } };

/* Somebody waits on fd: where, as an offset from base. */
static int64_t
waited(int fd, uint64_t base)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t page;

	if (poll(&p, 1, 5000) != 1 || faults_next(fd, &page) == -1)
		return -1;
	return (int64_t)(page - base);
}

static int
status_of(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A process with a mapping of the memfd, and its descriptor. */
struct half {
	pid_t pid;
	int fd;
	uint64_t base;
	int sock;
};

static void
half_main(int sock, int device, uint32_t at, uint8_t expected)
{
	struct guestmem gm;
	struct msg_link link;
	struct msg_dev_faults m = { .base = { 0 } };
	int fd;

	alarm(20);
	if (guestmem_map(&gm, drv.memfd, &map) == -1 ||
	    (fd = guestmem_watch(&gm, device)) == -1 ||
	    msg_link_init(&link, sock, PEER_DEVICE, PEER_VM, NULL, NULL) == -1)
		_exit(2);
	m.base[0] = (uintptr_t)gm.region[0].base;
	if (msg_send(&link, MSG_DEV_FAULTS_FD, 0, fd, &m, sizeof(m), NULL, 0) ==
		-1 ||
	    msg_link_flush(&link) == -1)
		_exit(3);
	_exit(((volatile uint8_t *)gm.region[0].base)[at] != expected);
}

static void
half_told(void *arg, struct msg *m)
{
	struct half *h = arg;

	h->base = ((const struct msg_dev_faults *)m->payload)->base[0];
	h->fd = m->fd;
	m->fd = -1;
}

static const msg_handler half_handlers[MSG__COUNT] = {
	[MSG_DEV_FAULTS_FD] = half_told,
};

static bool
half_start(struct half *h, int device, uint32_t at, uint8_t expected)
{
	struct msg_link link;
	int sv[2];

	h->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return false;
	fflush(stdout);
	if ((h->pid = fork()) == 0)
		half_main(sv[1], device, at, expected);
	close(sv[1]);
	if (msg_link_init(
		&link, sv[0], PEER_VM, PEER_DEVICE, half_handlers, h) == -1)
		return false;
	for (int i = 0; i < 500 && h->fd == -1 && msg_link_is_open(&link);
	     i++) {
		poll(NULL, 0, 10);
		msg_link_read(&link);
	}
	msg_link_fini(&link);
	return h->fd != -1;
}

static void
two_processes(void)
{
	int device = faults_open();
	struct half a, b;

	NEEDS();
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i / PAGE + 17);
	REQUIRE(driver_open() != -1);
	REQUIRE(half_start(&a, device, 5 * PAGE + 7, 17));
	REQUIRE(half_start(&b, device, 5 * PAGE + 9, 17));
	/* Both wait for it; each is woken by its own descriptor. */
	CHECK_EQ(waited(a.fd, a.base), 5 * PAGE);
	CHECK_EQ(waited(b.fd, b.base), 5 * PAGE);
	CHECK(faults_copy(a.fd, a.base + 5 * PAGE, content, 2 * PAGE) == 0);
	CHECK_EQ(status_of(a.pid), 0);
	CHECK_EQ(waitpid(b.pid, NULL, WNOHANG), 0);
	/* What is there already stays as it is. */
	drv.mem[5 * PAGE + 100] = 99;
	CHECK(faults_copy(b.fd, b.base + 5 * PAGE, content, PAGE) == 0);
	CHECK_EQ(status_of(b.pid), 0);
	CHECK_EQ(drv.mem[5 * PAGE + 100], 99);
	CHECK_EQ(drv.mem[6 * PAGE], 18);
	/* A process that has gone. */
	CHECK(faults_copy(a.fd, a.base + 9 * PAGE, content, PAGE) == -1);
	CHECK(errno == ESRCH || errno == ENOENT);
	close(a.fd);
	close(b.fd);
	close(device);
	driver_close();
}

static void
pages_of_zeroes(void)
{
	int device = faults_open();
	struct half a;

	NEEDS();
	REQUIRE(driver_open() != -1);
	REQUIRE(half_start(&a, device, 3 * PAGE, 0));
	CHECK_EQ(waited(a.fd, a.base), 3 * PAGE);
	CHECK(faults_zero(a.fd, a.base + 3 * PAGE) == 0);
	CHECK_EQ(status_of(a.pid), 0);
	drv.mem[3 * PAGE] = 4;
	CHECK(faults_zero(a.fd, a.base + 3 * PAGE) == -1);
	CHECK_EQ(drv.mem[3 * PAGE], 4);
	close(a.fd);
	close(device);
	driver_close();
}

static void
what_is_no_such_descriptor(void)
{
	int pair[2];
	uint64_t page;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, pair) == 0);
	CHECK(faults_new(pair[0]) == -1 && errno == ENOTTY);
	CHECK(faults_next(pair[0], &page) == -1 && errno == EAGAIN);
	CHECK(write(pair[1], content, 8) == 8);
	CHECK(faults_next(pair[0], &page) == -1 && errno == EPROTO);
	CHECK(write(pair[1], content, sizeof(content)) == sizeof(content));
	CHECK(faults_next(pair[0], &page) == -1 && errno == EPROTO);
	CHECK(strstr(faults_hint(ENOENT), FAULTS_DEVICE) != NULL);
	CHECK(strstr(faults_hint(EACCES), FAULTS_DEVICE) != NULL);
	CHECK(strstr(faults_hint(EMFILE), FAULTS_DEVICE) != NULL);
	close(pair[0]);
	close(pair[1]);
}

/* --- a device --------------------------------------------------------------
 */

static struct rng rng;
static struct loop *loop;
static int faults_fd;
static uint64_t faults_base;

static void
on_faults(void *arg, struct msg *m)
{
	(void)arg;
	faults_base = ((const struct msg_dev_faults *)m->payload)->base[0];
	faults_fd = m->fd;
	m->fd = -1;
}

static void
on_gone(void *arg)
{
	(void)arg;
}

static bool
device_new(void)
{
	static msg_handler handlers[MSG__COUNT];
	struct msg_device_start start = { .kind = DEVICE_RNG };
	int link = driver_open();

	faults_fd = -1;
	memcpy(handlers, driver_handlers, sizeof(handlers));
	handlers[MSG_DEV_FAULTS_FD] = on_faults;
	drv.link.handlers = handlers;
	return link != -1 && (loop = loop_new(NULL)) != NULL &&
	    rng_init(&rng, loop, link, &start, on_gone, NULL) == 0;
}

static void
device_free(void)
{
	rng_fini(&rng);
	loop_free(loop);
	driver_close();
}

static void
send_device(int fd)
{
	msg_send(&drv.link, MSG_DEV_FAULTS, 0, fd, NULL, 0, NULL, 0);
}

static void
a_device_says_where_it_asks(void)
{
	struct driver_buffer b = { DRIVER_DATA + PAGE, 100, true };
	uint32_t len;

	NEEDS();
	REQUIRE(device_new());
	driver_pump(loop);
	/* It is in this very thread: pages that it needs are there. */
	drv.mem[DRIVER_DATA + PAGE] = 0;
	send_device(faults_open());
	driver_start(loop, 0, 64);
	driver_pump(loop);
	REQUIRE(faults_fd != -1);
	CHECK(faults_base != 0);
	driver_add(0, &b, 1);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	CHECK_EQ(len, 100);
	close(faults_fd);
	device_free();
}

static void
devices_refuse(void)
{
	NEEDS();
	/* What is not that device, then that device twice. */
	REQUIRE(device_new());
	driver_pump(loop);
	send_device(eventfd(0, EFD_CLOEXEC));
	driver_send_memory();
	driver_pump(loop);
	CHECK(drv.gone && faults_fd == -1);
	device_free();
	REQUIRE(device_new());
	driver_pump(loop);
	send_device(faults_open());
	send_device(faults_open());
	driver_pump(loop);
	CHECK(drv.gone && faults_fd == -1);
	device_free();
	/* Too late. */
	REQUIRE(device_new());
	driver_pump(loop);
	driver_send_memory();
	send_device(faults_open());
	driver_pump(loop);
	CHECK(drv.gone && faults_fd == -1);
	device_free();
}

int
main(void)
{
	TEST(two_processes);
	TEST(pages_of_zeroes);
	TEST(what_is_no_such_descriptor);
	TEST(a_device_says_where_it_asks);
	TEST(devices_refuse);
	return CHECK_EXIT();
}
