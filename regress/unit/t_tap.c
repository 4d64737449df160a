/* SPDX-License-Identifier: ISC */
/*
 * Taps and links, in a network namespace of the test's own: nothing on the
 * host's network is touched.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "net/tap.h"

static const char *no_network; /* why the tests cannot run */

static void
first_free_tap(void)
{
	char a[IFNAMSIZ], b[IFNAMSIZ], c[IFNAMSIZ];
	int first, second, third;

	if (no_network != NULL)
		SKIP(no_network);
	first = tap_open(NULL, a, 0);
	second = tap_open(NULL, b, TAP_OFFLOAD);
	REQUIRE(first != -1 && second != -1);
	CHECK_STR(a, "tap0");
	CHECK_STR(b, "tap1");
	CHECK(if_nametoindex("tap0") != 0);
	/* The interface goes with its descriptor, and the name is free. */
	close(first);
	CHECK(if_nametoindex("tap0") == 0);
	third = tap_open(NULL, c, 0);
	CHECK_STR(c, "tap0");
	close(second);
	close(third);
}

static void
named_tap(void)
{
	char name[IFNAMSIZ];
	int fd;

	if (no_network != NULL)
		SKIP(no_network);
	fd = tap_open("tap7", name, 0);
	REQUIRE(fd != -1);
	CHECK_STR(name, "tap7");
	CHECK_EQ(tap_open("tap7", name, 0), -1);
	CHECK_EQ(errno, EBUSY);
	close(fd);
}

static void
other_names_are_refused(void)
{
	static const char *const names[] = { "eth0", "", "tap", "tap0/x",
		"tap%d", "../tap0", "tap0123456789012" };
	char name[IFNAMSIZ];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK_EQ(tap_open(names[i], name, 0), -1);
		CHECK_EQ(errno, EINVAL);
	}
}

static void
descriptor_is_as_the_device_needs_it(void)
{
	char name[IFNAMSIZ];
	struct ifreq ifr = { 0 };
	int fd, header = 0;

	if (no_network != NULL)
		SKIP(no_network);
	fd = tap_open(NULL, name, TAP_OFFLOAD);
	REQUIRE(fd != -1);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(ioctl(fd, TUNGETVNETHDRSZ, &header), 0);
	CHECK_EQ(header, TAP_VNET_HDR);
	CHECK_EQ(ioctl(fd, TUNGETIFF, &ifr), 0);
	CHECK(ifr.ifr_flags & IFF_TAP);
	CHECK(ifr.ifr_flags & IFF_VNET_HDR);
	CHECK(ifr.ifr_flags & IFF_NO_PI);
	/* Down, and nothing queued: a read has nothing. */
	CHECK_EQ(read(fd, &header, sizeof(header)), -1);
	close(fd);
}

int
main(void)
{
	if (unshare(CLONE_NEWNET) == -1)
		no_network = "no network namespace of its own: needs root";
	else if (access("/dev/net/tun", R_OK | W_OK) == -1)
		no_network = "no /dev/net/tun";
	TEST(first_free_tap);
	TEST(named_tap);
	TEST(other_names_are_refused);
	TEST(descriptor_is_as_the_device_needs_it);
	return CHECK_EXIT();
}
