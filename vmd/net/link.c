/* SPDX-License-Identifier: ISC */
/*
 * Changes interfaces over rtnetlink: one request, one acknowledgement.  Runs
 * in priv with CAP_NET_ADMIN alone.  Its guard is link_name_allowed(): the
 * parent cannot make priv touch an interface that is not a VM's.
 */
#include "net/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_BYTES 32768
#define REQUEST_BYTES 1024 /* an alias of 255 bytes is the longest */

struct link {
	struct mnl_socket *socket;
	uint32_t seq;
	char answer[ANSWER_BYTES];
};

/* One request while it is built. */
struct request {
	char buf[REQUEST_BYTES];
	struct nlmsghdr *header;
	struct ifinfomsg *info;
};

struct link *
link_open(void)
{
	struct link *link = calloc(1, sizeof(*link));
	int error;

	if (link == NULL)
		return NULL;
	link->seq = (uint32_t)time(NULL);
	link->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (link->socket != NULL &&
	    mnl_socket_bind(link->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return link;
	error = errno;
	link_close(link);
	errno = error;
	return NULL;
}

void
link_close(struct link *link)
{
	if (link == NULL)
		return;
	if (link->socket != NULL)
		mnl_socket_close(link->socket);
	free(link);
}

bool
link_name_allowed(const char *name)
{
	static const char *const prefixes[] = { "tap", "bridge", "veb", "vmd" };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";

	if (strlen(name) >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], len) == 0)
			return name[len] != '\0' &&
			    name[len + strspn(name + len, letters)] == '\0';
	}
	return false;
}

static int
name_check(const char *name)
{
	if (link_name_allowed(name))
		return 0;
	errno = EPERM;
	return -1;
}

static void
request_init(
    struct request *request, struct link *link, uint16_t type, uint16_t flags)
{
	memset(request, 0, sizeof(*request));
	request->header = mnl_nlmsg_put_header(request->buf);
	request->header->nlmsg_type = type;
	request->header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	request->header->nlmsg_seq = ++link->seq;
}

static void
request_init_link(
    struct request *request, struct link *link, uint16_t type, uint32_t index)
{
	request_init(request, link, type, 0);
	request->info =
	    mnl_nlmsg_put_extra_header(request->header, sizeof(*request->info));
	request->info->ifi_family = AF_UNSPEC;
	request->info->ifi_index = (int)index;
}

/* Sends, and reads up to the acknowledgement; cb sees what comes before. */
static int
request_run(struct link *link, struct request *request, mnl_cb_t cb, void *arg)
{
	unsigned int port = mnl_socket_get_portid(link->socket);
	int rc;

	if (mnl_socket_sendto(link->socket, request->header,
		request->header->nlmsg_len) == -1)
		return -1;
	do {
		ssize_t n = mnl_socket_recvfrom(
		    link->socket, link->answer, sizeof(link->answer));

		if (n == -1)
			return -1;
		rc = mnl_cb_run(link->answer, (size_t)n,
		    request->header->nlmsg_seq, port, cb, arg);
	} while (rc > MNL_CB_STOP);
	return rc == MNL_CB_ERROR ? -1 : 0;
}

static int
index_cb(const struct nlmsghdr *header, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
	uint32_t *index = arg;

	if (header->nlmsg_type == RTM_NEWLINK &&
	    mnl_nlmsg_get_payload_len(header) >= sizeof(*info))
		*index = (uint32_t)info->ifi_index;
	return MNL_CB_OK;
}

int
link_index(struct link *link, const char *name, uint32_t *index)
{
	struct request request;

	if (strlen(name) >= IFNAMSIZ || name[0] == '\0') {
		errno = ENODEV;
		return -1;
	}
	*index = 0;
	request_init_link(&request, link, RTM_GETLINK, 0);
	mnl_attr_put_u32(
	    request.header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	mnl_attr_put_strz(request.header, IFLA_IFNAME, name);
	if (request_run(link, &request, index_cb, index) == -1)
		return -1;
	if (*index == 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

/* Begins a change of the interface `name`, after the guard. */
static int
change_init(struct request *request, struct link *link, const char *name)
{
	uint32_t index;

	if (name_check(name) == -1 || link_index(link, name, &index) == -1)
		return -1;
	request_init_link(request, link, RTM_NEWLINK, index);
	return 0;
}

int
link_set_up(struct link *link, const char *name, bool up)
{
	struct request request;

	if (change_init(&request, link, name) == -1)
		return -1;
	request.info->ifi_change = IFF_UP;
	request.info->ifi_flags = up ? IFF_UP : 0;
	return request_run(link, &request, NULL, NULL);
}

int
link_set_alias(struct link *link, const char *name, const char *alias)
{
	struct request request;

	if (strlen(alias) > LINK_ALIAS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (change_init(&request, link, name) == -1)
		return -1;
	mnl_attr_put(request.header, IFLA_IFALIAS, strlen(alias), alias);
	return request_run(link, &request, NULL, NULL);
}

int
link_set_mac(struct link *link, const char *name, const uint8_t mac[6])
{
	struct request request;

	if (change_init(&request, link, name) == -1)
		return -1;
	mnl_attr_put(request.header, IFLA_ADDRESS, 6, mac);
	return request_run(link, &request, NULL, NULL);
}

int
link_set_mtu(struct link *link, const char *name, uint32_t mtu)
{
	struct request request;

	if (change_init(&request, link, name) == -1)
		return -1;
	mnl_attr_put_u32(request.header, IFLA_MTU, mtu);
	return request_run(link, &request, NULL, NULL);
}

int
link_set_master(struct link *link, const char *name, const char *master)
{
	struct request request;
	uint32_t index = 0;

	if (master != NULL &&
	    (name_check(master) == -1 ||
		link_index(link, master, &index) == -1))
		return -1;
	if (change_init(&request, link, name) == -1)
		return -1;
	mnl_attr_put_u32(request.header, IFLA_MASTER, index);
	return request_run(link, &request, NULL, NULL);
}

/* The bytes of an address and how many there are; NULL: unknown family. */
static const void *
address_bytes(const struct sockaddr *address, size_t *len)
{
	const void *raw = address;

	if (address->sa_family == AF_INET) {
		*len = sizeof(struct in_addr);
		return &((const struct sockaddr_in *)raw)->sin_addr;
	}
	if (address->sa_family == AF_INET6) {
		*len = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)raw)->sin6_addr;
	}
	return NULL;
}

int
link_add_address(struct link *link, const char *name,
    const struct sockaddr *address, unsigned int prefix)
{
	struct request request;
	struct ifaddrmsg *message;
	const void *bytes;
	uint32_t index;
	size_t len = 0;

	if ((bytes = address_bytes(address, &len)) == NULL ||
	    prefix > len * 8) {
		errno = EINVAL;
		return -1;
	}
	if (name_check(name) == -1 || link_index(link, name, &index) == -1)
		return -1;
	request_init(&request, link, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	message = mnl_nlmsg_put_extra_header(request.header, sizeof(*message));
	message->ifa_family = (uint8_t)address->sa_family;
	message->ifa_prefixlen = (uint8_t)prefix;
	message->ifa_scope = RT_SCOPE_UNIVERSE;
	message->ifa_index = index;
	mnl_attr_put(request.header, IFA_LOCAL, len, bytes);
	mnl_attr_put(request.header, IFA_ADDRESS, len, bytes);
	return request_run(link, &request, NULL, NULL);
}
