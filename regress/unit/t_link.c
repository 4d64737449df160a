/* SPDX-License-Identifier: ISC */
/*
 * Links over netlink, in a network namespace of the test's own; what was set
 * is read back by other means: ioctl, getifaddrs, ip(8).
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "net/link.h"
#include "net/tap.h"

static const char *no_network; /* why the tests cannot run */
static struct link *link_handle;
static char tap_name[IFNAMSIZ];
static int query = -1;

static struct ifreq
ask(unsigned long request, const char *name)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	CHECK_EQ(ioctl(query, request, &ifr), 0);
	return ifr;
}

static void
names_allowed(void)
{
	static const struct {
		const char *name;
		bool allowed;
	} rows[] = {
		{ "tap0", true },
		{ "tap255", true },
		{ "bridge0", true },
		{ "veb1", true },
		{ "vmd-web_1", true },
		{ "tap01234567890", true },
		{ "tap012345678901", true },
		{ "tap0123456789012", false },
		{ "", false },
		{ "tap", false },
		{ "vmd", false },
		{ "eth0", false },
		{ "lo", false },
		{ "xtap0", false },
		{ "Tap0", false },
		{ "tap0/..", false },
		{ "tap 0", false },
		{ "tap0\n", false },
		{ "tap%d", false },
		{ "bridge.5", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_EQ(link_name_allowed(rows[i].name), rows[i].allowed))
			printf("# name \"%s\"\n", rows[i].name);
}

static void
index_lookup(void)
{
	uint32_t index = 0;

	if (no_network != NULL)
		SKIP(no_network);
	CHECK_EQ(link_index(link_handle, "lo", &index), 0);
	CHECK_EQ(index, if_nametoindex("lo"));
	CHECK_EQ(link_index(link_handle, tap_name, &index), 0);
	CHECK_EQ(index, if_nametoindex(tap_name));
	CHECK_EQ(link_index(link_handle, "tap99", &index), -1);
	CHECK_EQ(errno, ENODEV);
	CHECK_EQ(link_index(link_handle, "", &index), -1);
	CHECK_EQ(
	    link_index(link_handle, "a-name-that-is-too-long", &index), -1);
	CHECK_EQ(errno, ENODEV);
}

static void
up_and_down(void)
{
	if (no_network != NULL)
		SKIP(no_network);
	CHECK_EQ(link_set_up(link_handle, tap_name, true), 0);
	CHECK(ask(SIOCGIFFLAGS, tap_name).ifr_flags & IFF_UP);
	CHECK_EQ(link_set_up(link_handle, tap_name, false), 0);
	CHECK(!(ask(SIOCGIFFLAGS, tap_name).ifr_flags & IFF_UP));
}

static void
mac_and_mtu(void)
{
	static const uint8_t mac[6] = { 0xfe, 0xe1, 0xba, 0xd0, 1, 2 };
	struct ifreq ifr;

	if (no_network != NULL)
		SKIP(no_network);
	CHECK_EQ(link_set_mac(link_handle, tap_name, mac), 0);
	ifr = ask(SIOCGIFHWADDR, tap_name);
	CHECK(memcmp(ifr.ifr_hwaddr.sa_data, mac, sizeof(mac)) == 0);
	CHECK_EQ(link_set_mtu(link_handle, tap_name, 9000), 0);
	CHECK_EQ(ask(SIOCGIFMTU, tap_name).ifr_mtu, 9000);
	CHECK_EQ(link_set_mtu(link_handle, tap_name, 1), -1);
	CHECK_EQ(errno, EINVAL);
}

static void
alias(void)
{
	char path[64], line[300] = "", longest[LINK_ALIAS_MAX + 2];
	FILE *file;

	if (no_network != NULL)
		SKIP(no_network);
	if (system("ip -V >/dev/null 2>&1") != 0)
		SKIP("no ip(8)");
	CHECK_EQ(link_set_alias(link_handle, tap_name, "vm3-if0-web"), 0);
	/* sysfs shows the namespace it was mounted in: ask by netlink. */
	snprintf(path, sizeof(path), "ip -o link show %s", tap_name);
	if ((file = popen(path, "r")) != NULL) {
		while (fgets(line, sizeof(line), file) != NULL &&
		    strstr(line, "alias vm3-if0-web") == NULL)
			continue;
		pclose(file);
	}
	CHECK(strstr(line, "alias vm3-if0-web") != NULL);
	memset(longest, 'x', sizeof(longest));
	longest[LINK_ALIAS_MAX + 1] = '\0';
	CHECK_EQ(link_set_alias(link_handle, tap_name, longest), -1);
	CHECK_EQ(errno, EINVAL);
	longest[LINK_ALIAS_MAX] = '\0';
	CHECK_EQ(link_set_alias(link_handle, tap_name, longest), 0);
}

static bool
has_address(const char *name, int family, const void *bytes, size_t len)
{
	struct ifaddrs *list, *p;
	bool found = false;

	if (getifaddrs(&list) == -1)
		return false;
	for (p = list; p != NULL; p = p->ifa_next) {
		const void *at;

		if (p->ifa_addr == NULL || p->ifa_addr->sa_family != family ||
		    strcmp(p->ifa_name, name) != 0)
			continue;
		at = family == AF_INET
		    ? (const void *)&((struct sockaddr_in *)(void *)p->ifa_addr)
			  ->sin_addr
		    : (const void *)&(
			  (struct sockaddr_in6 *)(void *)p->ifa_addr)
			  ->sin6_addr;
		found |= memcmp(at, bytes, len) == 0;
	}
	freeifaddrs(list);
	return found;
}

static void
addresses(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *a4 = (void *)&v4, *a6 = (void *)&v6;
	const struct sockaddr unknown = { .sa_family = AF_UNIX };

	if (no_network != NULL)
		SKIP(no_network);
	inet_pton(AF_INET, "100.64.1.2", &v4.sin_addr);
	inet_pton(AF_INET6, "fd00::2", &v6.sin6_addr);
	CHECK_EQ(link_add_address(link_handle, tap_name, a4, 31), 0);
	CHECK(has_address(tap_name, AF_INET, &v4.sin_addr, 4));
	CHECK_EQ(link_add_address(link_handle, tap_name, a4, 31), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(link_add_address(link_handle, tap_name, a6, 64), 0);
	CHECK(has_address(tap_name, AF_INET6, &v6.sin6_addr, 16));
	CHECK_EQ(link_add_address(link_handle, tap_name, a4, 33), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(link_add_address(link_handle, tap_name, &unknown, 8), -1);
	CHECK_EQ(errno, EINVAL);
}

static void
master(void)
{
	if (no_network != NULL)
		SKIP(no_network);
	if (system("ip link add bridge7 type bridge 2>/dev/null") != 0)
		SKIP("this kernel has no bridges");
	CHECK_EQ(link_set_master(link_handle, tap_name, "bridge7"), 0);
	CHECK_EQ(system("ip -o link show master bridge7 | grep -q tap"), 0);
	CHECK_EQ(link_set_master(link_handle, tap_name, NULL), 0);
	CHECK(system("ip -o link show master bridge7 | grep -q tap") != 0);
	CHECK_EQ(link_set_master(link_handle, tap_name, "bridge8"), -1);
	CHECK_EQ(errno, ENODEV);
	CHECK_EQ(link_set_master(link_handle, tap_name, "lo"), -1);
	CHECK_EQ(errno, EPERM);
}

static void
others_are_not_touched(void)
{
	static const uint8_t mac[6] = { 2 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (no_network != NULL)
		SKIP(no_network);
	CHECK_EQ(link_set_up(link_handle, "lo", true), -1);
	CHECK_EQ(errno, EPERM);
	CHECK(!(ask(SIOCGIFFLAGS, "lo").ifr_flags & IFF_UP));
	CHECK_EQ(link_set_alias(link_handle, "lo", "x"), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(link_set_mac(link_handle, "lo", mac), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(link_set_mtu(link_handle, "lo", 1280), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(link_set_master(link_handle, "lo", NULL), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(link_add_address(link_handle, "lo", (void *)&v4, 8), -1);
	CHECK_EQ(errno, EPERM);
}

static void
network_of_its_own(void)
{
	if (unshare(CLONE_NEWNET) == -1) {
		no_network = "no network namespace of its own: needs root";
		return;
	}
	query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	link_handle = link_open();
	if (query == -1 || link_handle == NULL ||
	    tap_open(NULL, tap_name, 0) == -1)
		no_network = "no /dev/net/tun";
}

int
main(void)
{
	network_of_its_own();
	TEST(names_allowed);
	TEST(index_lookup);
	TEST(up_and_down);
	TEST(mac_and_mtu);
	TEST(alias);
	TEST(addresses);
	TEST(master);
	TEST(others_are_not_touched);
	link_close(link_handle);
	return CHECK_EXIT();
}
