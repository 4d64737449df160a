/* SPDX-License-Identifier: ISC */
/*
 * PCI, MSI-X and a virtio device that are saved with a driver at work and
 * loaded into a fresh machine with a process of its own.
 */
#include "check.h"
#include "fake_device.h"
#include "state_test.h"

#define IO_MOVED 0xd000U
#define MEM_MOVED 0xfe123000U
#define ALL (ACK | DRIVER | FEATURES_OK | DRIVER_OK)

STATE_TEST_FUNCTIONS(pci)
STATE_TEST_FUNCTIONS(virtio)

static struct state_bytes bus_state, dev_state;

static void
save(void)
{
	CHECK(state_take(STATE_CHIP(pci, pci), &bus_state));
	CHECK(state_take(STATE_CHIP(virtio, dev), &dev_state));
}

static void
stop(uint16_t next)
{
	virtio_stop(dev);
	pump();
	say_stopped(next);
	pump();
}

/* The old machine goes, a fresh one has a process that waits. */
static bool
move(void)
{
	save();
	teardown();
	if (!CHECK(setup()))
		return false;
	virtio_stop(dev);
	return true;
}

static bool
load(void)
{
	bool ok = CHECK_EQ(state_give(STATE_CHIP(pci, pci), &bus_state,
			       bus_state.len, false),
		      0) &&
	    CHECK_EQ(state_give(STATE_CHIP(virtio, dev), &dev_state,
			 dev_state.len, false),
		0);

	base = (uint16_t)(fake_config_in(SLOT, 0x10, 4) & ~3U);
	table = fake_config_in(SLOT, 0x14, 4);
	pump();
	return ok;
}

static void
table_put(unsigned int off, uint32_t value)
{
	bus_write(fake_machine.bus, BUS_MMIO, table + off, 4, value);
}

static uint32_t
table_get(unsigned int off)
{
	return (uint32_t)bus_read(fake_machine.bus, BUS_MMIO, table + off, 4);
}

/* Vector 0 is for configuration, 1 for the queue. */
static void
use_msix(void)
{
	unsigned int cap = fake_config_in(SLOT, 0x34, 1);

	while (fake_config_in(SLOT, cap, 1) != 0x11)
		cap = fake_config_in(SLOT, cap + 1, 1);
	for (unsigned int i = 0; i < 2; i++) {
		table_put(16 * i, 0xfee01000);
		table_put(16 * i + 8, 0x40 + i);
		table_put(16 * i + 12, 0);
	}
	OUT(16, 2, 0);
	OUT(22, 2, 0);
	OUT(26, 2, 1);
	fake_config_out(SLOT, cap + 2, 2, 0x8000);
}

static void
a_driver_goes_on(void)
{
	REQUIRE(setup());
	fake_config_out(SLOT, 0x10, 4, IO_MOVED);
	fake_config_out(SLOT, 0x14, 4, MEM_MOVED);
	base = IO_MOVED;
	table = MEM_MOVED;
	fake_config_out(SLOT, 0x3c, 1, 7);
	fake_config_out(1, 0x60, 4, 0x0b0b0a05);
	drive();
	use_msix();
	OUT(0, 4, 1);
	stop(0xfffe);
	CHECK_EQ(seen.stopped, 1);
	fake_out(0xcf8, 4, 0x80001234);
	REQUIRE(move());
	REQUIRE(load());
	CHECK_EQ(base, IO_MOVED);
	CHECK_EQ(table, MEM_MOVED);
	CHECK_EQ(fake_config_in(SLOT, 0x3c, 1), 7);
	CHECK_EQ(fake_config_in(1, 0x60, 4), 0x0b0b0a05);
	CHECK_EQ(STATUS(), ALL);
	CHECK_EQ(IN(0, 4), 1);
	CHECK_EQ(IN(12, 4), 1);
	CHECK_EQ(IN(16, 2), 0);
	CHECK_EQ(IN(24, 2), 64);
	CHECK_EQ(IN(26, 2), 1);
	CHECK_EQ(IN(32, 4), 0x1000);
	CHECK_EQ(IN(36, 4), 1);
	CHECK_EQ(IN(48, 4), 0x3000);
	CHECK_EQ(table_get(0), 0xfee01000);
	CHECK_EQ(table_get(24), 0x41);
	/* The process was told, and has not begun. */
	CHECK_EQ(proc.features, 1);
	CHECK_EQ(proc.accepted, V1 | 1ULL << 28);
	CHECK_EQ(proc.queue, 1);
	CHECK_EQ(proc.last_queue.next, 0xfffe);
	CHECK_EQ(proc.last_queue.size, 64);
	CHECK_EQ(proc.call, 1);
	CHECK_EQ(proc.start, 0);
	/* Notifications and interrupts go past this process again. */
	CHECK_EQ(fake_count_ioeventfds(), 1);
	CHECK(fake_port_fd(IO_MOVED + 0x100) != -1);
	CHECK_EQ(fake_count_irqfds(), 1);
	CHECK_EQ(fake.irqfd[0].value, 0x41);
	virtio_continue(dev);
	pump();
	CHECK_EQ(proc.start, 1);
	/* What may have been on its way is made up for, once. */
	CHECK_EQ(eventfd_read(proc.irq[0], &(eventfd_t) { 0 }), 0);
	virtio_stop(dev);
	pump();
	say_stopped(5);
	pump();
	virtio_continue(dev);
	CHECK_EQ(eventfd_read(proc.irq[0], &(eventfd_t) { 0 }), -1);
	teardown();
}

static void
second_saves_are_the_same(void)
{
	static struct state_bytes bus2, dev2;
	uint32_t address;

	REQUIRE(setup());
	drive();
	use_msix();
	stop(17);
	REQUIRE(move());
	REQUIRE(load());
	CHECK(state_take(STATE_CHIP(virtio, dev), &dev2));
	CHECK_EQ(dev2.len, dev_state.len);
	CHECK(memcmp(dev2.bytes, dev_state.bytes, dev2.len) == 0);
	/* base and table were read: the address register has changed. */
	memcpy(&address, bus_state.bytes + 2, sizeof(address));
	fake_out(0xcf8, 4, address);
	CHECK(state_take(STATE_CHIP(pci, pci), &bus2));
	CHECK_EQ(bus2.len, bus_state.len);
	CHECK(memcmp(bus2.bytes, bus_state.bytes, bus2.len) == 0);
	teardown();
}

static void
intx_and_isr_are_taken_along(void)
{
	unsigned int gsi;

	REQUIRE(setup());
	drive();
	eventfd_write(proc.irq[0], 1);
	pump();
	stop(1);
	for (gsi = 0; gsi < 24 && !fake.level[gsi]; gsi++)
		continue;
	REQUIRE(gsi < 24);
	REQUIRE(move());
	CHECK(!fake.level[gsi]);
	REQUIRE(load());
	CHECK(fake.level[gsi]);
	CHECK_EQ(fake_config_in(SLOT, 6, 1) & 8, 8);
	CHECK_EQ(IN(0x200, 1), 1);
	CHECK(!fake.level[gsi]);
	/* One that this process had not yet seen. */
	drive();
	virtio_continue(dev);
	pump();
	eventfd_write(proc.irq[0], 1);
	virtio_stop(dev);
	CHECK(state_take(STATE_CHIP(virtio, dev), &dev_state) == false);
	CHECK_EQ(errno, EBUSY);
	teardown();
}

static void
masked_interrupts_stay_pending(void)
{
	REQUIRE(setup());
	drive();
	use_msix();
	table_put(16 + 12, 1);
	eventfd_write(proc.irq[0], 1);
	CHECK_EQ(table_get(0x800), 2);
	stop(1);
	REQUIRE(move());
	REQUIRE(load());
	CHECK_EQ(table_get(0x800), 2);
	CHECK_EQ(fake_count_irqfds(), 0);
	virtio_continue(dev);
	CHECK_EQ(table_get(0x800), 2);
	table_put(16 + 12, 0);
	CHECK_EQ(fake_count_irqfds(), 1);
	teardown();
}

static void
a_process_may_come_later_and_differ(void)
{
	struct msg_dev_hello h = { .features = V1 | 1ULL << 28,
		.virtio_id = 2,
		.queues = 1,
		.queue_size = 128 };
	uint32_t generation;

	REQUIRE(setup());
	drive();
	use_msix();
	generation = IN(21, 1);
	stop(40);
	save();
	teardown();
	/* A machine whose process has not said hello. */
	memset(&seen, 0, sizeof(seen));
	pci = fake_pci();
	memory.fd = memfd_create("guest", MFD_CLOEXEC);
	dev =
	    virtio_new(pci, virtio_class_get(DEVICE_BLK), 0, &memory, &events);
	REQUIRE(dev != NULL);
	virtio_stop(dev);
	REQUIRE(load());
	CHECK_EQ(STATUS(), ALL);
	REQUIRE(spawn());
	msg_send(
	    &proc.link, MSG_DEV_HELLO, 0, -1, &h, sizeof(h), "\1\2\3\4\6", 5);
	pump();
	CHECK_EQ(proc.queue, 1);
	CHECK_EQ(proc.last_queue.next, 40);
	CHECK_EQ(proc.start, 0);
	CHECK_EQ(IN(21, 1), generation + 1);
	CHECK_EQ(IN(0x304, 1), 6);
	CHECK_EQ(fake.nmsi, 0);
	virtio_continue(dev);
	pump();
	CHECK_EQ(proc.start, 1);
	/* The guest is told that its configuration is another one. */
	CHECK_EQ(fake.nmsi, 1);
	CHECK_EQ(fake.msi[0].value, 0x40);
	teardown();
}

static void
indexes_of_a_reset_queue_are_forgotten(void)
{
	REQUIRE(setup());
	drive();
	virtio_stop(dev);
	virtio_continue(dev);
	SET_STATUS(0);
	pump();
	say_stopped(99); /* of the queue before the reset */
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	CHECK_EQ(STATUS(), 0);
	proc.queue = 0;
	drive();
	CHECK_EQ(proc.queue, 1);
	CHECK_EQ(proc.last_queue.next, 0);
	/* And those of a queue that was loaded. */
	stop(7);
	REQUIRE(move());
	REQUIRE(load());
	CHECK_EQ(proc.last_queue.next, 7);
	virtio_continue(dev);
	SET_STATUS(0);
	pump();
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	drive();
	CHECK_EQ(proc.last_queue.next, 0);
	teardown();
}

static void
loads_at_the_wrong_time_are_refused(void)
{
	REQUIRE(setup());
	CHECK(!state_take(STATE_CHIP(virtio, dev), &dev_state));
	CHECK_EQ(errno, EBUSY);
	drive();
	stop(3);
	save();
	CHECK_EQ(state_give(
		     STATE_CHIP(virtio, dev), &dev_state, dev_state.len, false),
	    EBUSY);
	CHECK_EQ(STATUS(), ALL);
	teardown();
}

static void
nonsense_is_refused(void)
{
	const struct state_chip *v, *p;
	/* version, selects 8, offered 8, driver_features 8, ... */
	const size_t features = 2 + 8 + 8, status = features + 8 + 4;
	const size_t config_len = status + 3 + 256;
	const size_t queue = config_len + 8 + 2;
	const size_t vector = queue + 2 + 1 + 2 + 1 + 24;

	REQUIRE(setup());
	drive();
	use_msix();
	stop(3);
	REQUIRE(move());
	v = STATE_CHIP(virtio, dev);
	CHECK(state_hostile(v, &dev_state) > 100);
	state_refuses(v, &dev_state, features, 8, 1ULL << 28);
	state_refuses(v, &dev_state, features, 8, V1 | 1ULL << 29);
	state_refuses(v, &dev_state, features + 8, 2, 2); /* config_vector */
	state_refuses(v, &dev_state, status, 1, 0x10);
	state_refuses(v, &dev_state, status, 1, DRIVER_OK);
	state_refuses(v, &dev_state, status + 1, 1, 4); /* isr */
	state_refuses(v, &dev_state, config_len, 8, 257);
	state_refuses(v, &dev_state, queue, 2, 0);
	state_refuses(v, &dev_state, queue, 2, 96);
	state_refuses(v, &dev_state, queue, 2, 256);
	state_refuses(v, &dev_state, queue + 2, 1, 2);
	state_refuses(v, &dev_state, vector, 2, 2);
	state_refuses(v, &dev_state, vector + 2 + 2, 4, 0xfee01001);
	state_refuses(v, &dev_state, vector + 2 + 2 + 12, 4, 2);
	p = STATE_CHIP(pci, pci);
	CHECK(state_hostile(p, &bus_state) > 1000);
	state_refuses(p, &bus_state, 2, 4, 1);
	state_refuses(p, &bus_state, 6, 1, 4);
	state_refuses(p, &bus_state, 7, 4, 3); /* a function less */
	state_refuses(p, &bus_state, 11 + 2, 2, 0x8087); /* vendor */
	state_refuses(p, &bus_state, 11 + 2 + 256, 1, 1); /* line */
	state_refuses(p, &bus_state, 11 + 2 + 257, 1, 1); /* no such BAR */
	REQUIRE(load());
	teardown();
}

/* Two BARs in one place: who was there first stays. */
static void
bars_stay_where_they_answered(void)
{
	struct virtio_device *other;
	static struct state_bytes two;

	for (unsigned int round = 0; round < 2; round++) {
		REQUIRE(setup());
		other = virtio_new(
		    pci, virtio_class_get(DEVICE_RNG), 0, &memory, &events);
		REQUIRE(other != NULL);
		if (round == 0) {
			fake_config_out(SLOT + 1, 4, 2, 7);
			/* The second takes the place, the first comes late. */
			fake_config_out(SLOT + 1, 0x10, 4, IO_MOVED);
			fake_config_out(SLOT, 0x10, 4, IO_MOVED);
			CHECK(state_take(STATE_CHIP(pci, pci), &two));
		} else
			CHECK_EQ(state_give(STATE_CHIP(pci, pci), &two, two.len,
				     false),
			    0);
		/* Number of queues is 1 in both; offered features differ. */
		CHECK_EQ(fake_in(IO_MOVED + 4, 4), 0);
		fake_config_out(SLOT + 1, 0x10, 4, 0xe000);
		fake_config_out(SLOT, 0x10, 4, IO_MOVED);
		CHECK_EQ(fake_in(IO_MOVED + 4, 4), 0x10000244);
		virtio_free(other);
		teardown();
	}
}

int
main(void)
{
	TEST(a_driver_goes_on);
	TEST(second_saves_are_the_same);
	TEST(intx_and_isr_are_taken_along);
	TEST(masked_interrupts_stay_pending);
	TEST(a_process_may_come_later_and_differ);
	TEST(indexes_of_a_reset_queue_are_forgotten);
	TEST(loads_at_the_wrong_time_are_refused);
	TEST(nonsense_is_refused);
	TEST(bars_stay_where_they_answered);
	return CHECK_EXIT();
}
