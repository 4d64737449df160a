/* SPDX-License-Identifier: ISC */
/*
 * A VM process as one side of a move, within the test's own: a board with all
 * its devices, a vCPU, a send or a receive, and a main loop in a thread.  The
 * test is vmm and the device processes, which that thread plays, too; what it
 * is told is guarded by the machine lock.
 */
#ifndef SIDE_H
#define SIDE_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <fcntl.h>
#include <time.h>

#include "check.h"
#include "chip/console.h"
#include "guest.h"
#include "guest_send.h"
#include "image/state.h"
#include "image/state_config.h"
#include "ipc/vmspec.h"
#include "pci/bus.h"
#include "pci/virtio_class.h"
#include "role/board.h"
#include "role/child.h"
#include "role/hold.h"
#include "role/machine_state.h"
#include "role/receive.h"
#include "role/send.h"
#include "role/still.h"
#include "role/vcpus.h"
#include "side_device.h"

#define SIDE_DEVICES 2 /* rng0, and blk0, which a driver drives */
#define SIDE_BLK_SLOT 3
#define SIDE_COUNT 0x800 /* see send.S */
#define SIDE_CLIENT 7
#define SIDE_WAIT_MS 5000

struct side {
	struct child child;
	struct msg_link vmm;
	struct board board;
	struct vcpus vcpus;
	struct hold hold;
	struct still still;
	struct send send;
	struct receive receive;
	struct side_device device[SIDE_DEVICES];
	pthread_t loop;
	int quit_fd, tick_fd;
	bool quit;

	/* What vmm answers, per enum disks_what; busy: so often before. */
	enum vm_error disks_answer[DISKS__COUNT];
	unsigned int disks_busy;
	uint32_t disks_flags;
	uint64_t disk_size, disk_generation;
	/* And what it has been told. */
	unsigned int disks_asked[DISKS__COUNT];
	unsigned int answers;
	struct msg_vm_answer answer;
	char detail[VMD_DETAIL_MAX + 1];
	struct msg_send_progress progress;
	unsigned int progresses;
	/* What the role is told. */
	const char *refuse;
	bool over;
	enum send_end over_end;
	bool done, done_paused, failed;
	struct msg_result why;
};

#define SIDE_LOCK(s) pthread_mutex_lock(&(s)->board.lock)
#define SIDE_UNLOCK(s) pthread_mutex_unlock(&(s)->board.lock)

/* Until expr, which is of the main loop's, holds; false: it does not. */
#define SIDE_UNTIL(s, expr)                                 \
	__extension__({                                     \
		bool side_is = false;                       \
		for (int ms = 0; ms < SIDE_WAIT_MS; ms++) { \
			SIDE_LOCK(s);                       \
			side_is = (expr);                   \
			SIDE_UNLOCK(s);                     \
			if (side_is)                        \
				break;                      \
			usleep(1000);                       \
		}                                           \
		CHECK(side_is &&#expr[0] != '\0');          \
	})

static inline uint32_t
side_count(struct side *s)
{
	uint32_t n = 0;

	(void)vm_copyout(s->board.vm, SIDE_COUNT, &n, sizeof(n));
	return n;
}

static inline bool
side_device_begin(struct side *s, unsigned int i)
{
	struct side_device *d = &s->device[i];
	const struct virtio_class *class;
	struct msg_dev_hello m = { .features = 1ULL << 32 };
	int sv[2];

	d->tick_fd = s->tick_fd;
	d->virtio = s->board.device[i];
	class = virtio_get_class(d->virtio);
	m.virtio_id = class->virtio_id;
	m.queues = class->queues;
	m.queue_size = class->queue_size;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    virtio_attach(d->virtio, sv[0]) == -1 ||
	    msg_link_init(&d->link, sv[1], PEER_DEVICE, PEER_VM,
		side_device_handlers, d) == -1 ||
	    watch_add(s->board.watches, sv[1], EPOLLIN, side_device_ready, d) ==
		NULL)
		return false;
	return msg_send(&d->link, MSG_DEV_HELLO, 0, -1, &m, sizeof(m), "", 0) ==
	    0;
}

/* --- vmm -------------------------------------------------------------------
 */

static inline void
side_on_disks(void *arg, struct msg *m)
{
	const struct msg_vm_disks *disks = m->payload;
	struct side *s = arg;
	struct msg_vm_disks_done answer = { .what = disks->what,
		.error = s->disks_answer[disks->what],
		.count = 1,
		.disk[0] = { s->disk_size, s->disk_generation } };

	s->disks_asked[disks->what]++;
	if (disks->what == DISKS_LOCK && s->disks_busy > 0) {
		s->disks_busy--;
		answer.error = VM_ERROR_FILE_BUSY;
	} else if (disks->what == DISKS_LOCK)
		answer.flags = s->disks_flags;
	MSG_SEND(&s->vmm, MSG_VM_DISKS_DONE, 1, &answer);
}

static inline void
side_on_answer(void *arg, struct msg *m)
{
	struct side *s = arg;

	s->answers++;
	s->answer = *(const struct msg_vm_answer *)m->payload;
	snprintf(
	    s->detail, sizeof(s->detail), "%.*s", (int)m->tail_len, m->tail);
}

static inline void
side_on_progress(void *arg, struct msg *m)
{
	struct side *s = arg;

	s->progresses++;
	s->progress = *(const struct msg_send_progress *)m->payload;
}

static const msg_handler side_vmm_handlers[MSG__COUNT] = {
	[MSG_VM_DISKS] = side_on_disks,
	[MSG_VM_ANSWER] = side_on_answer,
	[MSG_SEND_PROGRESS] = side_on_progress,
};

static inline void
side_vmm_ready(void *arg, uint32_t events)
{
	struct side *s = arg;

	(void)events;
	msg_link_read(&s->vmm);
}

/* --- the role --------------------------------------------------------------
 */

static inline void
side_config(void *arg, struct msg *m)
{
	send_config(&((struct side *)arg)->send, m);
}

static inline void
side_send(void *arg, struct msg *m)
{
	send_begin(&((struct side *)arg)->send, m);
}

static inline void
side_disks_done(void *arg, struct msg *m)
{
	struct side *s = arg;

	if (s->receive.on)
		receive_disks_done(&s->receive, m);
	else
		send_disks_done(&s->send, m);
}

static inline void
side_cancel(void *arg, struct msg *m)
{
	const struct msg_vm_cancel *cancel = m->payload;
	struct side *s = arg;

	send_cancel(&s->send, cancel->client, VM_ERROR_CANCELLED);
}

static const msg_handler side_handlers[MSG__COUNT] = {
	[MSG_VM_CONFIG] = side_config,
	[MSG_VM_SEND] = side_send,
	[MSG_VM_DISKS_DONE] = side_disks_done,
	[MSG_VM_CANCEL] = side_cancel,
};

static inline void
side_up_ready(void *arg, uint32_t events)
{
	struct side *s = arg;

	(void)events;
	msg_link_read(&s->child.up);
}

static inline const char *
side_refuses(void *arg)
{
	return ((struct side *)arg)->refuse;
}

static inline void
side_over(void *arg, enum send_end end)
{
	struct side *s = arg;

	s->over = true;
	s->over_end = end;
}

static inline void
side_stands(void *arg, bool stands)
{
	(void)arg;
	(void)stands;
}

static inline void
side_done(void *arg, bool paused, const char *text)
{
	struct side *s = arg;

	machine_state_start_clocks(s->receive.machine, &s->hold);
	s->done = true;
	s->done_paused = paused;
	snprintf(s->detail, sizeof(s->detail), "%s", text);
	if (paused)
		still_take(&s->still, STILL_PAUSE, side_stands, s);
	hold_drop(&s->hold, HOLD_START);
	still_drop(&s->still, STILL_RECEIVE);
}

static inline void
side_failed(void *arg, const struct msg_result *why, const char *detail)
{
	struct side *s = arg;

	s->failed = true;
	s->why = *why;
	snprintf(s->detail, sizeof(s->detail), "%s", detail);
}

static inline void
side_device_is_ready(void *arg)
{
	struct side *s = arg;

	if (s->receive.on)
		receive_device_ready(&s->receive);
}

static inline void
side_device_stopped(void *arg)
{
	still_device_stopped(&((struct side *)arg)->still);
}

static inline void
side_power(void *arg, enum machine_power power)
{
	(void)arg;
	(void)power;
}

static inline void
side_vcpus_ready(void *arg, uint32_t events)
{
	struct side *s = arg;
	uint64_t count;

	(void)events;
	if (read(s->vcpus.event_fd, &count, sizeof(count)) != -1)
		hold_check(&s->hold);
}

static inline void
side_quit(void *arg, uint32_t events)
{
	(void)events;
	((struct side *)arg)->quit = true;
}

static inline void *
side_loop(void *arg)
{
	struct side *s = arg;

	while (!s->quit)
		watches_wait(s->board.watches);
	return NULL;
}

/* --- building --------------------------------------------------------------
 */

static inline void
side_files(struct vmspec *spec)
{
	int sv[2], ring = memfd_create("ring", MFD_CLOEXEC);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    ftruncate(ring, CONSOLE_MAPPING) == -1)
		abort();
	close(sv[1]);
	vmspec_put(spec, VM_FILE_TTY, 0, sv[0], 0);
	vmspec_put(spec, VM_FILE_TTY_WATCH, 0, eventfd(0, EFD_CLOEXEC), 0);
	vmspec_put(spec, VM_FILE_RING, 0, ring, 0);
}

static inline bool
side_link(struct side *s)
{
	int sv[2];

	pthread_mutex_init(&s->child.lock, NULL);
	s->child.vm_id = 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    msg_link_init(&s->child.up, sv[0], PEER_VM, PEER_VMM, side_handlers,
		s) == -1 ||
	    msg_link_init(
		&s->vmm, sv[1], PEER_VMM, PEER_VM, side_vmm_handlers, s) == -1)
		return false;
	s->child.up.quiet = true;
	return watch_add(s->board.watches, sv[0], EPOLLIN, side_up_ready, s) !=
	    NULL &&
	    watch_add(s->board.watches, sv[1], EPOLLIN, side_vmm_ready, s) !=
	    NULL;
}

static inline bool
side_board(struct side *s, struct vmspec *spec)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = SIDE_MEMORY,
		.ncpus = 1,
		.flags = VM_IRQCHIP | VM_PIT };
	const struct boot_cpu cpu = { .mode = BOOT_RESET };
	int kvm = vmm_open(NULL);
	struct vm *vm;

	pthread_mutex_init(&s->board.lock, NULL);
	s->board.watches = watches_new(&s->board.lock);
	s->board.power = side_power;
	s->board.device_ready = side_device_is_ready;
	s->board.device_stopped = side_device_stopped;
	s->board.arg = s;
	spec->start.memory = SIDE_MEMORY;
	spec->start.cpus = spec->start.disks = 1;
	side_files(spec);
	if (kvm == -1 || vm_create(kvm, &params, &vm) == -1)
		return false;
	close(kvm);
	if (board_init(&s->board, vm, spec) != VM_ERROR_OK ||
	    vcpus_init(&s->vcpus, &s->board, 1, &cpu) == -1)
		return false;
	hold_init(&s->hold, &s->board, &s->vcpus);
	return still_init(&s->still, &s->board, &s->hold) == 0 &&
	    watch_add(s->board.watches, s->vcpus.event_fd, EPOLLIN,
		side_vcpus_ready, s) != NULL;
}

/* All of it but its threads; returns owned, NULL: it failed. */
static inline struct side *
side_new(struct vmspec *spec)
{
	const struct itimerspec ms = { { 0, 1000000 }, { 0, 1000000 } };
	struct side *s = calloc(1, sizeof(*s));

	if (s == NULL || !side_board(s, spec) || !side_link(s))
		return NULL;
	s->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	for (unsigned int i = 0; i < SIDE_DEVICES; i++)
		if (!side_device_begin(s, i))
			return NULL;
	s->disk_size = 1U << 20;
	s->disk_generation = 77;
	s->quit_fd = eventfd(0, EFD_CLOEXEC);
	timerfd_settime(s->tick_fd, 0, &ms, NULL);
	if (watch_add(s->board.watches, s->quit_fd, EPOLLIN, side_quit, s) ==
		NULL ||
	    watch_add(s->board.watches, s->tick_fd, EPOLLIN, side_device_tick,
		&s->device[1]) == NULL)
		return NULL;
	return s;
}

static inline bool
side_run(struct side *s)
{
	return pthread_create(&s->loop, NULL, side_loop, s) == 0;
}

/* Ends the main loop, and the VM unless it has vCPU threads, which stay. */
static inline void
side_end(struct side *s, bool threads)
{
	eventfd_write(s->quit_fd, 1);
	pthread_join(s->loop, NULL);
	for (unsigned int i = 0; i < SIDE_DEVICES; i++)
		msg_link_fini(&s->device[i].link);
	msg_link_fini(&s->vmm);
	msg_link_fini(&s->child.up);
	if (!threads)
		vm_destroy(s->board.vm);
}

/* What a driver does with blk0, up to DRIVER_OK. */
static inline void
side_drive(struct side *s)
{
	static const struct {
		uint16_t at;
		uint8_t len;
		uint32_t value;
	} steps[] = { { 20, 1, 1 }, { 20, 1, 3 }, { 8, 4, 1 }, { 12, 4, 1 },
		{ 20, 1, 11 }, { 22, 2, 0 }, { 24, 2, 64 }, { 32, 4, 0x110000 },
		{ 40, 4, 0x111000 }, { 48, 4, 0x112000 }, { 28, 2, 1 },
		{ 20, 1, 15 } };
	struct bus *bus = s->board.machine.bus;
	uint32_t device = 0x80000000U | SIDE_BLK_SLOT << 11;
	uint16_t base;

	SIDE_LOCK(s);
	bus_write(bus, BUS_PIO, 0xcf8, 4, device | 4);
	bus_write(bus, BUS_PIO, 0xcfc, 2, 7);
	bus_write(bus, BUS_PIO, 0xcf8, 4, device | 0x10);
	base = (uint16_t)(bus_read(bus, BUS_PIO, 0xcfc, 4) & ~3U);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		bus_write(bus, BUS_PIO, (uint16_t)(base + steps[i].at),
		    steps[i].len, steps[i].value);
	SIDE_UNLOCK(s);
}

/* One that runs the guest of send.S, its memory full of what is no zero. */
static inline struct side *
side_sender(void)
{
	struct vmspec *spec = vmspec_new();
	struct side *s = side_new(spec);
	uint8_t *memory;

	vmspec_free(spec);
	if (s == NULL)
		return NULL;
	memory = vm_map_gpa(s->board.vm, 0, SIDE_MEMORY);
	for (uint32_t i = 0; i < SIDE_MEMORY; i += 4)
		if (i < 0x180000)
			memcpy(memory + i, &i, sizeof(i));
	memset(memory + SIDE_COUNT, 0, sizeof(uint32_t));
	if (vm_copyin(s->board.vm, guest_send, GUEST_ENTRY,
		sizeof(guest_send)) == -1 ||
	    guest_enter(s->vcpus.vcpu[0]) == -1)
		return NULL;
	s->send.refuses = side_refuses;
	s->send.over = side_over;
	s->send.arg = s;
	if (send_init(&s->send, &s->child, &s->board, &s->vcpus, &s->still) ==
		-1 ||
	    vcpus_start(&s->vcpus) == -1 || !side_run(s))
		return NULL;
	SIDE_UNTIL(s, board_is_ready(&s->board));
	side_drive(s);
	SIDE_LOCK(s);
	hold_drop(&s->hold, HOLD_START);
	SIDE_UNLOCK(s);
	SIDE_UNTIL(s, s->device[1].runs && side_count(s) > 1);
	return s;
}

/* CONFIG of that VM in a file; memory: of another one. */
static inline int
side_config_fd(uint64_t memory)
{
	static struct state_config config = { .cpus = 1,
		.files = 1,
		.name = "moved",
		.file[0] = { .kind = STATE_FILE_DISK,
		    .format = STATE_FORMAT_RAW,
		    .size = 1U << 20,
		    .path = "/disk" } };
	uint8_t payload[STATE_CONFIG_MAX];
	int fd = memfd_create("config", MFD_CLOEXEC);
	const char *why = "";
	size_t len;

	config.memory = memory;
	len = state_config_encode(&config, payload, &why);
	if (len == 0 || write(fd, payload, len) != (ssize_t)len)
		printf("# config: %s\n", why);
	return fd;
}

/* A client asks for a send to fd (taken). */
static inline void
side_ask(struct side *s, int fd, uint32_t flags, uint32_t downtime_ms)
{
	const struct msg_vm_send m = { .ask = { .client = SIDE_CLIENT,
					   .flags = flags },
		.downtime_ms = downtime_ms };

	SIDE_LOCK(s);
	s->answers = s->progresses = 0;
	memset(s->disks_asked, 0, sizeof(s->disks_asked));
	memset(&s->progress, 0, sizeof(s->progress));
	s->over = false;
	msg_send(&s->vmm, MSG_VM_CONFIG, 1, side_config_fd(SIDE_MEMORY), NULL,
	    0, NULL, 0);
	msg_send(&s->vmm, MSG_VM_SEND, 1, fd, &m, sizeof(m), NULL, 0);
	SIDE_UNLOCK(s);
}

#endif /* SIDE_H */
