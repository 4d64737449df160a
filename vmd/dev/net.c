/* SPDX-License-Identifier: ISC */
/* virtio-net: see net.h. */
#include "dev/net.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/announce.h"

#define RX 0
#define TX 1
#define HEADER sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define ETHER_MIN 14 /* a frame without a whole header is none */
#define ETHER_MAX 1518 /* with a VLAN tag */
#define FRAME_MAX 65549 /* largest segmented packet and its header */
#define BATCH 64 /* frames before other work gets its turn */
#define BUFFERS_MAX 64 /* receive buffers that one frame may take */

#define F(name) (1ULL << VIRTIO_NET_F_##name)
#define OFFLOADS                                                               \
	(F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | F(GUEST_CSUM) | \
	    F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_ECN))

struct net {
	struct device dev;
	struct loop *loop;
	struct loop_source source; /* the tap or socket */
	unsigned int listening; /* LOOP_* we asked for */
	bool is_tap;
	bool offloads;
	bool mergeable;
	bool tx_full; /* the backend took no more */
	bool rx_empty; /* the guest has no buffers for us */
	size_t tx_max; /* bytes of a frame the driver may send */
	uint8_t mac[6];
	struct announce announce;
	size_t held; /* bytes in frame, header included; 0: none */
	struct virtq_chain first, chain;
	uint8_t frame[HEADER + FRAME_MAX];
};

/* Listens for what can be acted upon, so that nothing wakes us in vain. */
static void
net_listen(struct net *net)
{
	unsigned int what = 0;

	if (net->dev.running && !net->dev.broken) {
		what |= net->rx_empty ? 0 : LOOP_IN;
		what |= net->tx_full ? LOOP_OUT : 0;
	}
	if (what == net->listening)
		return;
	net->listening = what;
	if (what == 0)
		loop_remove(net->loop, &net->source);
	else if (loop_add(net->loop, &net->source, what) == -1)
		log_warn(
		    "net", "vm %s: %s: event loop", net->dev.vm, net->dev.name);
}

/* --- host to guest -----------------------------------------------------------
 */

/* Takes the next frame from the backend: true when one is held. */
static bool
net_take(struct net *net)
{
	size_t skip = net->is_tap ? 0 : HEADER;
	ssize_t n;

	while (net->held == 0) {
		n = read(net->source.fd, net->frame + skip,
		    sizeof(net->frame) - skip);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* Nothing will come of a tap or socket that failed
			 * until, perhaps, the guest tries again. */
			if (n == 0 || errno != EAGAIN)
				net->rx_empty = true;
			return false;
		}
		memset(net->frame, 0, skip);
		if ((size_t)n + skip >= HEADER + ETHER_MIN)
			net->held = (size_t)n + skip;
	}
	return true;
}

enum net_result { NET_DONE, NET_AGAIN, NET_NO_BUFFER, NET_BROKEN };

/*
 * The buffers there are do not hold the frame, and n of them were popped.  The
 * guest tells of one more than it has given, not of those n: so it is asked
 * before they are given back.
 */
static enum net_result
net_want(struct virtq *vq, unsigned int n)
{
	bool more = virtq_enable_notify(vq);

	if (more)
		virtq_disable_notify(vq);
	virtq_unpop(vq, n);
	return more ? NET_AGAIN : NET_NO_BUFFER;
}

/* Puts the held frame into as many buffers as it needs, or as there may be. */
static enum net_result
net_give(struct net *net)
{
	struct virtq *vq = device_queue(&net->dev, RX);
	unsigned int max = net->mergeable ? BUFFERS_MAX : 1, n = 0;
	uint16_t heads[BUFFERS_MAX], count;
	uint32_t lens[BUFFERS_MAX];
	size_t done = 0;

	while (done < net->held && n < max) {
		struct virtq_chain *c = n == 0 ? &net->first : &net->chain;
		int r = virtq_pop(vq, c);

		if (r == -1)
			return NET_BROKEN;
		if (r == 0)
			return net_want(vq, n);
		if (c->in_len < (n == 0 ? HEADER : 1)) {
			virtq_break(vq, "a receive buffer with no room");
			return NET_BROKEN;
		}
		heads[n] = c->head;
		lens[n] = (uint32_t)virtq_copy_in(c->iov + c->nout, c->nin, 0,
		    net->frame + done, net->held - done);
		virtq_wrote(vq, c, lens[n]);
		done += lens[n++];
	}
	net->held = done < net->held ? 0 : net->held;
	if (net->held == 0) {
		/* Larger than the driver's buffers: dropped. */
		virtq_unpop(vq, n);
		return NET_DONE;
	}
	count = (uint16_t)n;
	virtq_copy_in(net->first.iov + net->first.nout, net->first.nin,
	    offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers), &count,
	    sizeof(count));
	virtq_wrote(vq, &net->first, HEADER);
	for (unsigned int i = 0; i < n; i++)
		virtq_push(vq, heads[i], lens[i]);
	net->held = 0;
	return NET_DONE;
}

static void
net_receive(struct net *net)
{
	struct virtq *vq = device_queue(&net->dev, RX);
	enum net_result r = NET_DONE;
	unsigned int again = 0;

	net->rx_empty = false;
	virtq_disable_notify(vq);
	for (unsigned int i = 0; i < BATCH && net_take(net);
	     i += r == NET_DONE) {
		r = net_give(net);
		again = r == NET_AGAIN ? again + 1 : 0;
		/* Each time there is one more at least. */
		if (again > BUFFERS_MAX) {
			virtq_break(vq, "receive buffers that come and go");
			r = NET_BROKEN;
		}
		if (r == NET_NO_BUFFER || r == NET_BROKEN)
			break;
	}
	if (r == NET_BROKEN) {
		device_break(&net->dev, RX, vq->broken);
		return;
	}
	if (r == NET_NO_BUFFER)
		net->rx_empty = true;
	device_publish(&net->dev, RX);
}

/* --- guest to host -----------------------------------------------------------
 */

/* Sends a frame, which has a header before it; as sendmsg(2). */
static ssize_t
net_put(struct net *net, struct iovec *iov, unsigned int n)
{
	ssize_t sent;

	if (net->is_tap) {
		do
			sent = writev(net->source.fd, iov, (int)n);
		while (sent == -1 && errno == EINTR);
	} else {
		struct msghdr m = { .msg_iov = iov };

		m.msg_iovlen = virtq_skip(&m.msg_iov, n, HEADER);
		do
			sent = sendmsg(
			    net->source.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
		while (sent == -1 && errno == EINTR);
	}
	return sent;
}

/* Sends a chain's frame: 0 when that is settled, -1 to try again later. */
static int
net_send(struct net *net, struct virtq_chain *c)
{
	ssize_t sent;

	if (c->out_len < HEADER + ETHER_MIN ||
	    c->out_len > HEADER + net->tx_max)
		return 0;
	sent = net_put(net, c->iov, c->nout);
	/* Any other failure is the frame's: it is lost, as on a wire. */
	return sent == -1 && (errno == EAGAIN || errno == ENOBUFS) ? -1 : 0;
}

static void
net_transmit(struct net *net)
{
	struct virtq *vq = device_queue(&net->dev, TX);
	int r = 0;

	net->tx_full = false;
	virtq_disable_notify(vq);
	for (unsigned int i = 0; i < BATCH; i++) {
		if ((r = virtq_pop(vq, &net->chain)) != 1)
			break;
		if (net->chain.nout == 0) {
			virtq_break(vq, "a frame without a buffer");
			r = -1;
			break;
		}
		if (net_send(net, &net->chain) == -1) {
			virtq_unpop(vq, 1);
			net->tx_full = true;
			break;
		}
		virtq_push(vq, net->chain.head, 0);
	}
	if (r == -1)
		device_break(&net->dev, TX, vq->broken);
	else
		device_publish(&net->dev, TX);
}

/* Where the network is full or down it is lost, and nobody waits. */
static void
net_send_announcement(void *arg, const uint8_t *frame, size_t len)
{
	uint8_t buf[HEADER + ANNOUNCE_FRAME] = { 0 };
	struct iovec iov = { .iov_base = buf, .iov_len = HEADER + len };

	memcpy(buf + HEADER, frame, len);
	(void)net_put(arg, &iov, 1);
}

static void
net_announce(void *arg)
{
	struct net *net = arg;

	announce_start(&net->announce);
}

/* --- the device --------------------------------------------------------------
 */

static void
net_source_ready(void *arg)
{
	struct net *net = arg;

	if (net->tx_full)
		net_transmit(net);
	if (!net->dev.broken && !net->rx_empty)
		net_receive(net);
	net_listen(net);
}

static void
net_kick(void *arg, unsigned int queue)
{
	struct net *net = arg;

	if (queue == TX && !net->tx_full)
		net_transmit(net);
	else if (queue == RX && (net->rx_empty || net->held != 0))
		net_receive(net);
	net_listen(net);
}

static bool
net_poll(void *arg)
{
	struct net *net = arg;

	if (net->tx_full || !virtq_has_work(device_queue(&net->dev, TX)))
		return false;
	net_transmit(net);
	net_listen(net);
	return true;
}

static bool
net_sleep(void *arg)
{
	struct net *net = arg;

	/* A full backend announces itself; so do receive buffers, which are
	 * only asked for when they are short (net_receive). */
	return !net->tx_full &&
	    virtq_enable_notify(device_queue(&net->dev, TX));
}

static void
net_run(void *arg, bool running)
{
	struct net *net = arg;

	(void)running;
	net->tx_full = false;
	net->rx_empty = false;
	net_listen(net);
}

static uint64_t
net_features(void *arg)
{
	struct net *net = arg;
	uint64_t features = F(MAC) | F(STATUS) | F(MRG_RXBUF);

	return net->offloads ? features | OFFLOADS : features;
}

static size_t
net_config(void *arg, uint8_t buf[VIRTIO_CONFIG_MAX])
{
	struct net *net = arg;
	struct virtio_net_config c = { .status = VIRTIO_NET_S_LINK_UP };

	memcpy(c.mac, net->mac, sizeof(c.mac));
	memcpy(buf, &c, sizeof(c));
	return sizeof(c);
}

/* What the tap may leave undone in frames for the guest. */
static const struct {
	uint64_t feature;
	unsigned int tun;
} net_tun_offloads[] = {
	{ F(GUEST_CSUM), TUN_F_CSUM },
	{ F(GUEST_TSO4), TUN_F_TSO4 },
	{ F(GUEST_TSO6), TUN_F_TSO6 },
	{ F(GUEST_ECN), TUN_F_TSO_ECN },
};

static int
net_accept(void *arg, uint64_t features)
{
	struct net *net = arg;
	unsigned long tun = 0;

	net->mergeable = features & F(MRG_RXBUF);
	net->tx_max =
	    features & (F(HOST_TSO4) | F(HOST_TSO6)) ? FRAME_MAX : ETHER_MAX;
	net->held = 0;
	if (!net->offloads)
		return 0;
	for (unsigned int i = 0;
	     i < sizeof(net_tun_offloads) / sizeof(net_tun_offloads[0]); i++)
		if (features & net_tun_offloads[i].feature)
			tun |= net_tun_offloads[i].tun;
	/* Segmentation without checksums makes no sense to the tap. */
	if (!(tun & TUN_F_CSUM))
		tun = 0;
	return ioctl(net->source.fd, TUNSETOFFLOAD, tun);
}

static const struct device_ops net_ops = {
	.kind = DEVICE_NET,
	.features = net_features,
	.config = net_config,
	.accept = net_accept,
	.kick = net_kick,
	.poll = net_poll,
	.sleep = net_sleep,
	.run = net_run,
	.announce = net_announce,
};

static int
net_open_backend(struct net *net, int fd)
{
	int type, header = HEADER, flags = fcntl(fd, F_GETFL);
	socklen_t len = sizeof(type);
	struct stat st;

	if (flags == -1 || fstat(fd, &st) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -1;
	if (S_ISSOCK(st.st_mode)) {
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
			return -1;
		if (type == SOCK_SEQPACKET || type == SOCK_DGRAM)
			return 0;
		errno = EINVAL;
		return -1;
	}
	/* Fails unless it is a tap. */
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) == -1)
		return -1;
	net->is_tap = true;
	net->offloads =
	    ioctl(fd, TUNSETOFFLOAD,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0;
	ioctl(fd, TUNSETOFFLOAD, 0);
	return 0;
}

struct net *
net_new(int fd, struct loop *loop)
{
	struct net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return NULL;
	net->loop = loop;
	net->source = (struct loop_source) {
		.fd = fd, .ready = net_source_ready, .arg = net
	};
	if (net_open_backend(net, fd) == -1) {
		int error = errno;

		free(net);
		errno = error;
		return NULL;
	}
	return net;
}

int
net_start(struct net *net, int link_fd, const struct msg_device_start *start,
    void (*gone)(void *), void *gone_arg)
{
	memcpy(net->mac, start->mac, sizeof(net->mac));
	announce_init(
	    &net->announce, net->loop, net->mac, net_send_announcement, net);
	return device_init(&net->dev, &net_ops, net, net->loop, link_fd, start,
	    gone, gone_arg);
}

struct device *
net_device(struct net *net)
{
	return &net->dev;
}

void
net_free(struct net *net)
{
	if (net == NULL)
		return;
	if (net->dev.class != NULL)
		device_fini(&net->dev);
	announce_fini(&net->announce);
	loop_remove(net->loop, &net->source);
	free(net);
}
