/* SPDX-License-Identifier: ISC */
/*
 * A guest's own driver writes and reads a disk through all of it: PCI and the
 * transport here, KVM's ioeventfds and irqfds, rings and disk in another
 * process.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <pthread.h>

#include "check.h"
#include "dev/blk.h"
#include "guest.h"
#include "guest_blk.h"
#include "pci/virtio_pci.h"

#define SECTOR 3
#define NOTIFY 0xc100 /* first I/O BAR, second region */
#define IN 0x8000
#define WATCHES 8

static struct guest g;
static struct machine machine;
static struct virtio_device *dev;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int end;
static unsigned int notify_exits, ioeventfds, irqfds;
static struct watch {
	int fd;
	void (*ready)(void *);
	void *arg;
} watches[WATCHES];

/* --- the machine, on libvmm -------------------------------------------------
 */

static void
set_irq(void *arg, unsigned int gsi, bool level)
{
	(void)arg;
	vm_irq_line(g.vm, gsi, level);
}

static void
send_msi(void *arg, uint64_t addr, uint32_t value)
{
	(void)arg;
	vm_raise_msi(g.vm, addr, value);
}

static int
ioeventfd_add(void *arg, uint16_t port, unsigned int len, int fd)
{
	struct vm_ioevent e = { .space = VMM_PIO, .addr = port, .len = len };

	(void)arg;
	ioeventfds++;
	return vm_ioeventfd_add(g.vm, fd, &e);
}

static void
ioeventfd_remove(void *arg, uint16_t port, unsigned int len, int fd)
{
	struct vm_ioevent e = { .space = VMM_PIO, .addr = port, .len = len };

	(void)arg;
	vm_ioeventfd_del(g.vm, fd, &e);
}

static int
irqfd_add(void *arg, int fd, uint64_t addr, uint32_t value)
{
	uint32_t route;

	(void)arg;
	irqfds++;
	return vm_irqfd_msi(g.vm, fd, addr, value, &route) == -1 ? -1
								 : (int)route;
}

static int
irqfd_update(void *arg, int handle, uint64_t addr, uint32_t value)
{
	(void)arg;
	return vm_irqfd_update(g.vm, (uint32_t)handle, addr, value);
}

static void
irqfd_remove(void *arg, int handle, int fd)
{
	(void)arg;
	vm_irqfd_remove(g.vm, fd, (uint32_t)handle);
}

static void *
watch(void *arg, int fd, void (*ready)(void *), void *cb_arg)
{
	(void)arg;
	for (unsigned int i = 0; i < WATCHES; i++)
		if (watches[i].ready == NULL) {
			watches[i] = (struct watch) { fd, ready, cb_arg };
			return &watches[i];
		}
	return NULL;
}

static void
unwatch(void *arg, void *handle)
{
	(void)arg;
	((struct watch *)handle)->ready = NULL;
}

static const struct pci_host host = { .ioeventfd_add = ioeventfd_add,
	.ioeventfd_remove = ioeventfd_remove,
	.irqfd_add = irqfd_add,
	.irqfd_update = irqfd_update,
	.irqfd_remove = irqfd_remove,
	.watch = watch,
	.unwatch = unwatch };

static void
on_event(void *arg, struct virtio_device *v)
{
	(void)arg;
	(void)v;
}

static void
on_broken(void *arg, struct virtio_device *v, bool gone, const char *why)
{
	(void)arg;
	(void)v;
	printf("# broken%s: %s\n", gone ? " and gone" : "", why);
}

static const struct virtio_events events = {
	.ready = on_event, .broken = on_broken, .stopped = on_event
};

/* The event loop of the VM process: a thread, as in vmd. */
static void *
event_thread(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&end, __ATOMIC_RELAXED)) {
		struct pollfd p[WATCHES];

		pthread_mutex_lock(&lock);
		for (unsigned int i = 0; i < WATCHES; i++)
			p[i] = (struct pollfd) { .fd = watches[i].ready != NULL
				    ? watches[i].fd
				    : -1,
				.events = POLLIN };
		pthread_mutex_unlock(&lock);
		poll(p, WATCHES, 2);
		pthread_mutex_lock(&lock);
		for (unsigned int i = 0; i < WATCHES; i++)
			if (p[i].revents != 0 && watches[i].ready != NULL &&
			    watches[i].fd == p[i].fd)
				watches[i].ready(watches[i].arg);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* --- the device process
 * ------------------------------------------------------- */

static void
gone(void *arg)
{
	loop_end(arg);
}

static void
device_process(int link, int disk)
{
	const struct msg_device_start start = { .kind = DEVICE_BLK };
	struct loop *loop = loop_new(NULL);
	struct image image;
	struct blk *blk;

	if (loop == NULL || image_open_raw(&image, disk, false) == -1 ||
	    (blk = blk_new(&image, loop, NULL)) == NULL ||
	    blk_start(blk, link, &start, gone, loop) == -1)
		_exit(1);
	loop_run(loop);
	_exit(0);
}

/* --- the guest
 * ------------------------------------------------------------------ */

/* What the guest says at its ports; false when something else happens. */
static bool
run_guest(uint8_t said[3])
{
	struct vm_exit e;

	memset(said, 0xdd, 3);
	for (unsigned int i = 0; i < 100000; i++) {
		if (vm_run(g.vcpu[0], &e) == -1)
			return false;
		if (e.reason != VM_EXIT_PIO) {
			printf("# exit: %s\n", vm_exit_name(e.reason));
			return false;
		}
		if (e.u.pio.write && e.u.pio.port == 0xff)
			return false;
		if (e.u.pio.write && (e.u.pio.port & ~3) == 0xf0) {
			said[e.u.pio.port & 3] = *e.u.pio.data;
			if (e.u.pio.port == 0xf2)
				return true;
			continue;
		}
		if (!e.u.pio.write && e.u.pio.port == 0xf3) {
			usleep(1000);
			continue;
		}
		pthread_mutex_lock(&lock);
		notify_exits += e.u.pio.port == NOTIFY;
		if (e.u.pio.write) {
			uint32_t v = 0;

			memcpy(&v, e.u.pio.data, e.u.pio.size);
			bus_write(machine.bus, BUS_PIO, e.u.pio.port,
			    e.u.pio.size, v);
		} else {
			uint64_t v = bus_read(
			    machine.bus, BUS_PIO, e.u.pio.port, e.u.pio.size);

			memcpy(e.u.pio.data, &v, e.u.pio.size);
		}
		pthread_mutex_unlock(&lock);
	}
	return false;
}

static bool
wait_ready(void)
{
	for (unsigned int i = 0; i < 2000; i++) {
		bool ready;

		pthread_mutex_lock(&lock);
		ready = virtio_is_ready(dev);
		pthread_mutex_unlock(&lock);
		if (ready)
			return true;
		usleep(1000);
	}
	return false;
}

static void
write_and_read(void)
{
	int sv[2], disk = memfd_create("disk", MFD_CLOEXEC), status;
	struct virtio_memory memory = { .map = { .count = 1 } };
	uint8_t said[3], sector[512], in[512], want[512];
	struct pci *pci;
	pthread_t thread;
	pid_t child;

	GUEST_NEEDS_KVM();
	REQUIRE(disk != -1 && ftruncate(disk, 16 * 512) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	fflush(stdout);
	REQUIRE((child = fork()) != -1);
	if (child == 0) {
		close(sv[0]);
		device_process(sv[1], disk);
	}
	close(sv[1]);
	REQUIRE(guest_start(
	    &g, guest_blk, sizeof(guest_blk), VM_IRQCHIP | VM_PIT, 1));
	machine = (struct machine) { .bus = bus_new(),
		.memory = GUEST_MEMORY,
		.lowmem = GUEST_MEMORY,
		.ncpus = 1,
		.irq = set_irq,
		.msi = send_msi };
	memory.fd = vm_memory_fd(g.vm);
	memory.map.region[0].len = GUEST_MEMORY;
	pci = pci_new(&machine, &host);
	dev =
	    virtio_new(pci, virtio_class_get(DEVICE_BLK), 0, &memory, &events);
	REQUIRE(dev != NULL && virtio_attach(dev, sv[0]) == 0);
	REQUIRE(pthread_create(&thread, NULL, event_thread, NULL) == 0);
	REQUIRE(wait_ready());

	CHECK(run_guest(said));
	CHECK_EQ(said[0], 0);
	CHECK_EQ(said[1], 0);
	CHECK_EQ(said[2], 0x11); /* one by line, one by message */
	CHECK_EQ(notify_exits, 0);
	CHECK_EQ(ioeventfds, 2);
	CHECK_EQ(irqfds, 1);
	for (unsigned int i = 0; i < 512; i++)
		want[i] = i & 1 ? 0xa5 : 0x5a;
	CHECK_EQ(pread(disk, sector, 512, SECTOR * 512), 512);
	CHECK(memcmp(sector, want, 512) == 0);
	CHECK(vm_copyout(g.vm, IN, in, 512) == 0);
	CHECK(memcmp(in, want, 512) == 0);

	__atomic_store_n(&end, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	virtio_free(dev);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	pci_free(pci);
	bus_free(machine.bus);
	guest_stop(&g);
	close(disk);
}

int
main(void)
{
	TEST(write_and_read);
	return CHECK_EXIT();
}
