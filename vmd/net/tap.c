/* SPDX-License-Identifier: ISC */
/*
 * Opens tap interfaces.  Runs in the parent, which has CAP_NET_ADMIN when it
 * is root's; an ordinary user's daemon may open a persistent tap that belongs
 * to that user.  Owns nothing: the descriptor is the caller's.
 */
#include "net/tap.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/link.h"

#define TAP_DEVICE "/dev/net/tun"

static int
tap_attach(int fd, const char *name, char ifname[IFNAMSIZ])
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) == -1)
		return -1;
	memcpy(ifname, ifr.ifr_name, IFNAMSIZ);
	return 0;
}

/* An interface of that name that is no tap does not end the search. */
static int
tap_attach_free(int fd, char ifname[IFNAMSIZ])
{
	char name[IFNAMSIZ];

	for (unsigned int i = 0; i < TAP_MAX; i++) {
		snprintf(name, sizeof(name), "tap%u", i);
		if (tap_attach(fd, name, ifname) == 0)
			return 0;
		if (errno != EBUSY && errno != EINVAL)
			return -1;
	}
	errno = EBUSY;
	return -1;
}

static int
tap_frames(int fd, int flags)
{
	int header = TAP_VNET_HDR;
	unsigned long offload = 0;

	if (flags & TAP_OFFLOAD)
		offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) == -1)
		return -1;
	return ioctl(fd, TUNSETOFFLOAD, offload);
}

int
tap_open(const char *name, char ifname[IFNAMSIZ], int flags)
{
	int fd, error, rc;

	if (name != NULL && !link_name_allowed(name)) {
		errno = EINVAL;
		return -1;
	}
	fd = open(TAP_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = name != NULL ? tap_attach(fd, name, ifname)
			  : tap_attach_free(fd, ifname);
	if (rc == 0 && tap_frames(fd, flags) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
