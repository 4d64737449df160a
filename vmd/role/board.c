/* SPDX-License-Identifier: ISC */
/*
 * The board of a VM; see board.h.  Runs in the VM process.
 */
#include "role/board.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "boot/boot.h"
#include "chip/console.h"
#include "chip/fwcfg.h"
#include "chip/genid.h"
#include "chip/legacy.h"
#include "chip/pm.h"
#include "chip/rtc.h"
#include "chip/uart.h"
#include "chip/vmcoreinfo.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "pci/bus.h"
#include "pci/virtio_class.h"
#include "role/lazy.h"
#include "vmm.h"

#define NS_PER_S 1000000000ULL

/* --- clock and timers ------------------------------------------------------
 */

static uint64_t
board_host_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t
board_now(void *arg)
{
	const struct board *b = arg;

	return (b->clock_stopped ? b->clock_stopped_at
				 : board_host_ns(CLOCK_MONOTONIC)) -
	    b->clock_behind;
}

static uint64_t
board_wall_ns(void *arg)
{
	(void)arg;
	return board_host_ns(CLOCK_REALTIME);
}

/* Sets the descriptor to the earliest timer; 0 disarms it. */
static void
board_timer_program(struct board *b)
{
	struct itimerspec its = { 0 };
	uint64_t first = 0;

	for (unsigned int i = 0; i < BOARD_TIMERS_MAX; i++)
		if (b->timers[i].timer != NULL &&
		    (first == 0 || b->timers[i].at < first))
			first = b->timers[i].at;
	if (first != 0 && !b->clock_stopped) {
		first += b->clock_behind;
		its.it_value.tv_sec = (time_t)(first / NS_PER_S);
		its.it_value.tv_nsec = (long)(first % NS_PER_S);
	}
	timerfd_settime(b->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static void
board_timer(void *arg, struct machine_timer *timer, uint64_t at_ns)
{
	struct board *b = arg;
	int slot = -1;

	for (int i = 0; i < BOARD_TIMERS_MAX; i++) {
		if (b->timers[i].timer == timer) {
			slot = i;
			break;
		}
		if (b->timers[i].timer == NULL && slot == -1)
			slot = i;
	}
	if (slot == -1)
		fatalx("vm", "more timers than chips");
	b->timers[slot].timer = at_ns == 0 ? NULL : timer;
	b->timers[slot].at = at_ns;
	board_timer_program(b);
}

static void
board_timer_ready(void *arg, uint32_t events)
{
	struct board *b = arg;
	uint64_t expired, now = board_now(b);

	(void)events;
	if (read(b->timer_fd, &expired, sizeof(expired)) == -1)
		return;
	for (unsigned int i = 0; i < BOARD_TIMERS_MAX; i++) {
		struct machine_timer *t = b->timers[i].timer;

		if (t == NULL || b->timers[i].at > now)
			continue;
		b->timers[i].timer = NULL;
		t->fire(t->arg);
	}
	board_timer_program(b);
}

void
board_clock_stop(struct board *b)
{
	b->clock_stopped_at = board_host_ns(CLOCK_MONOTONIC);
	b->clock_stopped = true;
	board_timer_program(b);
}

void
board_clock_start(struct board *b)
{
	b->clock_behind += board_host_ns(CLOCK_MONOTONIC) - b->clock_stopped_at;
	b->clock_stopped = false;
	board_timer_program(b);
}

void
board_clock_advance(struct board *b, uint64_t ns)
{
	b->clock_behind -= ns;
}

/* --- what chips ask for ----------------------------------------------------
 */

static void
board_irq(void *arg, unsigned int gsi, bool level)
{
	struct board *b = arg;

	vm_irq_line(b->vm, gsi, level);
}

static void
board_msi(void *arg, uint64_t addr, uint32_t data)
{
	struct board *b = arg;

	vm_raise_msi(b->vm, addr, data);
}

static void *
board_memory_at(void *arg, uint64_t gpa, uint64_t len)
{
	struct board *b = arg;

	return vm_map_gpa(b->vm, gpa, len);
}

static void
board_wrote(void *arg, uint64_t gpa, uint64_t len)
{
	board_log_wrote(arg, gpa, len);
}

static void
board_power(void *arg, enum machine_power power)
{
	struct board *b = arg;

	if (b->power_called)
		return;
	b->power_called = true;
	b->power(b->arg, power);
}

/* --- what PCI asks for -----------------------------------------------------
 */

static int
board_ioeventfd_add(void *arg, uint16_t port, unsigned int len, int fd)
{
	struct board *b = arg;
	const struct vm_ioevent ev = {
		.space = VMM_PIO, .addr = port, .len = len
	};

	return vm_ioeventfd_add(b->vm, fd, &ev);
}

static void
board_ioeventfd_remove(void *arg, uint16_t port, unsigned int len, int fd)
{
	struct board *b = arg;
	const struct vm_ioevent ev = {
		.space = VMM_PIO, .addr = port, .len = len
	};

	if (vm_ioeventfd_del(b->vm, fd, &ev) == -1)
		log_debug("pci", "notification port 0x%x was not there", port);
}

static int
board_irqfd_add(void *arg, int fd, uint64_t addr, uint32_t data)
{
	struct board *b = arg;
	uint32_t route;

	return vm_irqfd_msi(b->vm, fd, addr, data, &route) == -1 ? -1
								 : (int)route;
}

static int
board_irqfd_update(void *arg, int handle, uint64_t addr, uint32_t data)
{
	struct board *b = arg;

	return vm_irqfd_update(b->vm, (uint32_t)handle, addr, data);
}

static void
board_irqfd_remove(void *arg, int handle, int fd)
{
	struct board *b = arg;

	if (vm_irqfd_remove(b->vm, fd, (uint32_t)handle) == -1)
		log_debug("pci", "interrupt route %d was not there", handle);
}

static void
board_watch_ready(void *arg, uint32_t events)
{
	struct board_watch *w = arg;

	(void)events;
	w->ready(w->cb_arg);
}

static void *
board_watch(void *arg, int fd, void (*ready)(void *cb_arg), void *cb_arg)
{
	struct board *b = arg;
	struct board_watch *w = b->watch;

	while (w < b->watch + WATCH_MAX && w->watch != NULL)
		w++;
	if (w == b->watch + WATCH_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	w->board = b;
	w->ready = ready;
	w->cb_arg = cb_arg;
	w->watch = watch_add(b->watches, fd, EPOLLIN, board_watch_ready, w);
	return w->watch != NULL ? w : NULL;
}

static void
board_unwatch(void *arg, void *handle)
{
	struct board *b = arg;
	struct board_watch *w = handle;

	watch_remove(b->watches, w->watch);
	w->watch = NULL;
}

/* --- devices ---------------------------------------------------------------
 */

static void
board_device_ready(void *arg, struct virtio_device *dev)
{
	struct board *b = arg;

	log_debug("vm", "%s is ready", virtio_name(dev));
	b->device_ready(b->arg);
}

static void
board_device_broken(
    void *arg, struct virtio_device *dev, bool gone, const char *why)
{
	struct board *b = arg;
	unsigned int i = 0;

	if (gone) {
		log_warnx(
		    "vm", "%s lost its process: %s", virtio_name(dev), why);
		board_log_changed(b);
		return;
	}
	while (i < BOARD_DEVICES_MAX - 1 && b->device[i] != dev)
		i++;
	log_guest(
	    &b->broken[i], "vm", "%s is broken: %s", virtio_name(dev), why);
}

static void
board_device_stopped(void *arg, struct virtio_device *dev)
{
	struct board *b = arg;

	(void)dev;
	b->device_stopped(b->arg);
}

static void
board_device_logging(void *arg, struct virtio_device *dev)
{
	(void)dev;
	board_log_changed(arg);
}

static void
board_device_flushed(void *arg, struct virtio_device *dev)
{
	(void)dev;
	board_flush_changed(arg);
}

static void
board_device_faults(void *arg, struct virtio_device *dev, int fd,
    const struct msg_dev_faults *m)
{
	struct board *b = arg;
	unsigned int i = 0;

	while (i < BOARD_DEVICES_MAX - 1 && b->device[i] != dev)
		i++;
	lazy_device(b->lazy, i, fd, m);
}

enum vm_error
board_add_device(struct board *b, enum device_kind kind, unsigned int index)
{
	const struct virtio_class *class = virtio_class_get(kind);
	struct virtio_device *dev;

	if (class == NULL || b->devices == BOARD_DEVICES_MAX)
		return VM_ERROR_INVALID;
	dev = virtio_new(b->pci, class, index, &b->memory, &b->events);
	if (dev == NULL) {
		log_warn("vm", "cannot add %s%u", class->name, index);
		return VM_ERROR_DEVICE_FAILED;
	}
	b->device[b->devices++] = dev;
	return VM_ERROR_OK;
}

bool
board_attach(struct board *b, enum device_kind kind, unsigned int index, int fd)
{
	for (unsigned int i = 0; i < b->devices; i++) {
		struct virtio_device *dev = b->device[i];

		if (virtio_get_class(dev)->kind != kind ||
		    virtio_index(dev) != index)
			continue;
		if (virtio_attach(dev, fd) == -1)
			log_warn("vm", "cannot attach %s", virtio_name(dev));
		return true;
	}
	close(fd);
	return false;
}

bool
board_is_ready(const struct board *b)
{
	for (unsigned int i = 0; i < b->devices; i++)
		if (!virtio_is_ready(b->device[i]))
			return false;
	return true;
}

void
board_announce(struct board *b)
{
	for (unsigned int i = 0; i < b->devices; i++)
		virtio_announce(b->device[i]);
}

/* --- building --------------------------------------------------------------
 */

static void
board_debug_line(void *arg, const char *line)
{
	(void)arg;
	log_trace("firmware", "%s", line);
}

/* The order of slots is the order in which guests number devices. */
static enum vm_error
board_devices_init(struct board *b, const struct msg_vm_start *start)
{
	enum vm_error error = board_add_device(b, DEVICE_RNG, 0);

	for (unsigned int i = 0; i < start->nics && error == VM_ERROR_OK; i++)
		error = board_add_device(b, DEVICE_NET, i);
	for (unsigned int i = 0; i < start->disks && error == VM_ERROR_OK; i++)
		error = board_add_device(b, DEVICE_BLK, i);
	return error;
}

static void
board_memory_init(struct board *b)
{
	struct vm_memseg segs[DEV_REGIONS_MAX];
	int n = vm_memory_layout(b->vm, segs, DEV_REGIONS_MAX);

	b->memory.fd = vm_memory_fd(b->vm);
	b->memory.map.count = (uint32_t)n;
	for (int i = 0; i < n; i++) {
		b->memory.map.region[i].gpa = segs[i].gpa;
		b->memory.map.region[i].len = segs[i].len;
		b->memory.map.region[i].offset = segs[i].offset;
	}
}

static void
board_machine_init(struct board *b, const struct msg_vm_start *start)
{
	const struct machine m = {
		.arg = b,
		.bus = bus_new(),
		.memory = start->memory,
		.lowmem = start->memory < VMM_LOWMEM_END ? start->memory
							 : VMM_LOWMEM_END,
		.ncpus = start->cpus,
		.irq = board_irq,
		.msi = board_msi,
		.memory_at = board_memory_at,
		.wrote = board_wrote,
		.now = board_now,
		.wall_ns = board_wall_ns,
		.timer = board_timer,
		.power = board_power,
	};
	const struct pci_host host = {
		.arg = b,
		.ioeventfd_add = board_ioeventfd_add,
		.ioeventfd_remove = board_ioeventfd_remove,
		.irqfd_add = board_irqfd_add,
		.irqfd_update = board_irqfd_update,
		.irqfd_remove = board_irqfd_remove,
		.watch = board_watch,
		.unwatch = board_unwatch,
	};
	const struct virtio_events events = {
		.arg = b,
		.ready = board_device_ready,
		.broken = board_device_broken,
		.stopped = board_device_stopped,
		.logging = board_device_logging,
		.flushed = board_device_flushed,
		.faults = board_device_faults,
	};

	b->machine = m;
	b->pci_host = host;
	b->events = events;
	if (b->machine.bus == NULL)
		fatal("vm", "bus");
}

/* The chips live as long as the process: only what is talked to is kept. */
static void
board_chips_init(struct board *b, bool firmware)
{
	const struct uart_host uart = {
		.out = terminal_out,
		.room = terminal_room,
		.arg = &b->terminal,
	};
	bool debug = log_getverbose() > 1;

	if ((b->uart = uart_new(&b->machine, &uart)) == NULL ||
	    (b->rtc = rtc_new(&b->machine)) == NULL ||
	    (b->pm = pm_new(&b->machine)) == NULL ||
	    (b->genid = genid_new(&b->machine, b->pm, firmware)) == NULL ||
	    (b->fwcfg = fwcfg_new(&b->machine)) == NULL ||
	    (b->vmcoreinfo = vmcoreinfo_new(&b->machine, b->fwcfg)) == NULL ||
	    (b->legacy = legacy_new(
		 &b->machine, debug ? board_debug_line : NULL, NULL)) == NULL ||
	    (b->pci = pci_new(&b->machine, &b->pci_host)) == NULL)
		fatal("vm", "cannot build the machine");
	terminal_set_uart(&b->terminal, b->uart);
}

int
board_fill_on_demand(struct board *b, struct lazy_setup *setup)
{
	setup->devices = b->devices;
	b->lazy = lazy_start(b->vm, setup);
	if (b->lazy == NULL) {
		int error = errno;

		close(setup->device);
		errno = error;
		return -1;
	}
	b->memory.on_demand = true;
	b->memory.faults_fd = setup->device;
	return 0;
}

enum vm_error
board_init(struct board *b, struct vm *vm, struct vmspec *spec)
{
	b->vm = vm;
	board_machine_init(b, &spec->start);
	board_memory_init(b);
	board_flush_init(b);
	if (board_log_init(b) == -1 ||
	    disklog_init(b, spec->start.disks, spec->start.disks_mib) == -1)
		fatal("vm", "log of what is written");
	b->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (b->timer_fd == -1 ||
	    watch_add(b->watches, b->timer_fd, EPOLLIN, board_timer_ready, b) ==
		NULL)
		fatal("vm", "timers");
	if (terminal_init(&b->terminal, b->watches,
		vmspec_take(spec, VM_FILE_TTY, 0),
		vmspec_take(spec, VM_FILE_TTY_WATCH, 0),
		vmspec_take(spec, VM_FILE_RING, 0)) == -1) {
		log_warn("vm", "console");
		return VM_ERROR_TTY_FAILED;
	}
	board_chips_init(b, vmspec_get(spec, VM_FILE_KERNEL, 0) == -1);
	return board_devices_init(b, &spec->start);
}
