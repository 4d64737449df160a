/* SPDX-License-Identifier: ISC */
/* The virtio transport: registers, negotiation, reset, and what becomes of the
 * guest's device when its process breaks or dies. */
#include "pci/virtio_pci.h"

#include "check.h"
#include "fake_device.h"

static void
capabilities(void)
{
	/* Common, ISR, device, notify, in BAR 0; the window; MSI-X. */
	const uint32_t want[][3] = { { 1, 0, 56 }, { 3, 0x200, 1 },
		{ 4, 0x300, 256 }, { 2, 0x100, 256 }, { 5, 0, 0 } };
	unsigned int at, n = 0;

	REQUIRE(setup());
	CHECK_EQ(fake_config_in(SLOT, 0, 4), 0x10421af4);
	CHECK_EQ(fake_config_in(SLOT, 8, 1), 1);
	at = fake_config_in(SLOT, 0x34, 1);
	while (n < 5 && fake_config_in(SLOT, at, 1) == 9) {
		CHECK_EQ(fake_config_in(SLOT, at + 3, 1), want[n][0]);
		CHECK_EQ(fake_config_in(SLOT, at + 4, 1), 0);
		CHECK_EQ(fake_config_in(SLOT, at + 8, 4), want[n][1]);
		CHECK_EQ(fake_config_in(SLOT, at + 12, 4), want[n][2]);
		if (want[n++][0] == 2)
			CHECK_EQ(fake_config_in(SLOT, at + 16, 4), 4);
		at = fake_config_in(SLOT, at + 1, 1);
	}
	CHECK_EQ(n, 5);
	CHECK_EQ(fake_config_in(SLOT, at, 1), 0x11);
	CHECK_EQ(fake_config_in(SLOT, at + 1, 1), 0);
	teardown();
}

static void
negotiation(void)
{
	REQUIRE(setup());
	CHECK_EQ(proc.memory, 1);
	CHECK_EQ(STATUS(), 0);
	OUT(0, 4, 0);
	CHECK_EQ(IN(4, 4), 0x10000244);
	OUT(0, 4, 1);
	CHECK_EQ(IN(4, 4), 1);
	OUT(0, 4, 2);
	CHECK_EQ(IN(4, 4), 0);
	CHECK_EQ(IN(18, 2), 1);
	SET_STATUS(ACK | DRIVER);
	CHECK_EQ(STATUS(), ACK | DRIVER);
	/* A bit that was not offered, then VERSION_1 missing. */
	accept_features(V1 | 1);
	SET_STATUS(ACK | DRIVER | FEATURES_OK);
	CHECK_EQ(STATUS(), ACK | DRIVER);
	accept_features(4);
	SET_STATUS(ACK | DRIVER | FEATURES_OK);
	CHECK_EQ(STATUS(), ACK | DRIVER);
	/* DRIVER_OK does not come first. */
	SET_STATUS(ACK | DRIVER | DRIVER_OK);
	CHECK_EQ(STATUS(), ACK | DRIVER);
	accept_features(V1 | 4);
	SET_STATUS(ACK | DRIVER | FEATURES_OK);
	CHECK_EQ(STATUS(), ACK | DRIVER | FEATURES_OK);
	/* Too late to change. */
	accept_features(0);
	OUT(8, 4, 0);
	CHECK_EQ(IN(12, 4), 4);
	CHECK_EQ(proc.features, 0);
	teardown();
}

static void
queue_registers(void)
{
	REQUIRE(setup());
	OUT(22, 2, 0);
	CHECK_EQ(IN(24, 2), 128);
	OUT(24, 2, 100);
	CHECK_EQ(IN(24, 2), 128);
	OUT(24, 2, 256);
	CHECK_EQ(IN(24, 2), 128);
	OUT(24, 2, 0);
	CHECK_EQ(IN(24, 2), 128);
	OUT(24, 2, 32);
	CHECK_EQ(IN(24, 2), 32);
	OUT(32, 4, 0x12345670);
	OUT(36, 4, 9);
	CHECK_EQ(IN(32, 4), 0x12345670);
	CHECK_EQ(IN(36, 4), 9);
	OUT(28, 2, 1);
	CHECK_EQ(IN(28, 2), 1);
	/* Nothing of an enabled queue can be changed. */
	OUT(24, 2, 64);
	OUT(32, 4, 0);
	OUT(28, 2, 0);
	CHECK_EQ(IN(24, 2), 32);
	CHECK_EQ(IN(32, 4), 0x12345670);
	CHECK_EQ(IN(28, 2), 1);
	/* A queue that does not exist. */
	OUT(22, 2, 1);
	CHECK_EQ(IN(24, 2), 0);
	OUT(28, 2, 1);
	CHECK_EQ(IN(28, 2), 0);
	OUT(26, 2, 0);
	CHECK_EQ(IN(26, 2), 0xffff);
	/* Wrong widths. */
	CHECK_EQ(IN(24, 1), 0);
	OUT(22, 1, 0);
	CHECK_EQ(IN(22, 2), 1);
	teardown();
}

static void
device_configuration(void)
{
	REQUIRE(setup());
	CHECK_EQ(IN(0x300, 4), 0x04030201);
	CHECK_EQ(IN(0x304, 1), 5);
	CHECK_EQ(IN(0x304, 4), 5);
	CHECK_EQ(IN(0x3fc, 4), 0);
	OUT(0x300, 4, 0);
	CHECK_EQ(IN(0x300, 4), 0x04030201);
	teardown();
}

static void
start_tells_the_process(void)
{
	eventfd_t n;

	REQUIRE(setup());
	drive();
	CHECK_EQ(proc.features, 1);
	CHECK_EQ(proc.accepted, V1 | 1ULL << 28);
	CHECK_EQ(proc.queue, 1);
	CHECK_EQ(proc.call, 1);
	CHECK_EQ(proc.start, 1);
	CHECK_EQ(proc.last_queue.desc, 0x100001000ULL);
	CHECK_EQ(proc.last_queue.driver, 0x2000);
	CHECK_EQ(proc.last_queue.device, 0x3000);
	CHECK_EQ(proc.last_queue.size, 64);
	/* KVM signals the process. */
	CHECK_EQ(fake_count_ioeventfds(), 1);
	REQUIRE(fake_port_fd((uint16_t)(base + 0x100)) != -1);
	eventfd_write(fake_port_fd((uint16_t)(base + 0x100)), 1);
	CHECK_EQ(eventfd_read(proc.kick[0], &n), 0);
	/* And so does a notification that came to us. */
	OUT(0x100, 4, 0);
	CHECK_EQ(eventfd_read(proc.kick[0], &n), 0);
	OUT(0x104, 2, 0);
	OUT(0x102, 2, 0);
	CHECK_EQ(eventfd_read(proc.kick[0], &n), -1);
	/* The BAR moves, and the port with it. */
	fake_config_out(SLOT, 0x10, 4, 0xe000);
	CHECK_EQ(fake_port_fd((uint16_t)(base + 0x100)), -1);
	CHECK(fake_port_fd(0xe100) != -1);
	fake_config_out(SLOT, 4, 2, 6);
	CHECK_EQ(fake_count_ioeventfds(), 0);
	teardown();
}

static void
reset_waits_for_the_process(void)
{
	REQUIRE(setup());
	drive();
	SET_STATUS(0);
	pump();
	CHECK_EQ(proc.reset, 1);
	CHECK_EQ(fake_count_ioeventfds(), 0);
	CHECK_EQ(STATUS(), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	CHECK_EQ(IN(28, 2), 0);
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	CHECK_EQ(STATUS(), 0);
	drive();
	CHECK_EQ(proc.start, 2);
	/* A driver that does not wait is served when the time has come. */
	SET_STATUS(0);
	drive();
	CHECK_EQ(STATUS(), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	CHECK_EQ(proc.start, 2);
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	CHECK_EQ(proc.start, 3);
	CHECK_EQ(proc.reset, 2);
	/* Without a start there is nothing to wait for. */
	SET_STATUS(0);
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	SET_STATUS(ACK);
	SET_STATUS(0);
	CHECK_EQ(STATUS(), 0);
	pump();
	CHECK_EQ(proc.reset, 3);
	teardown();
}

static void
broken_rings_need_a_reset(void)
{
	const struct msg_dev_index index = { 0 };

	REQUIRE(setup());
	drive();
	msg_send(&proc.link, MSG_DEV_BROKEN, 0, -1, &index, sizeof(index),
	    "loop", 4);
	pump();
	CHECK_EQ(seen.broken, 1);
	CHECK_STR(seen.why, "loop");
	CHECK_EQ(
	    STATUS(), ACK | DRIVER | FEATURES_OK | DRIVER_OK | NEEDS_RESET);
	CHECK(fake.level[10]);
	CHECK_EQ(IN(0x200, 1), 2);
	/* Said as often as it likes. */
	msg_send(&proc.link, MSG_DEV_BROKEN, 0, -1, &index, sizeof(index),
	    "loop", 4);
	pump();
	CHECK_EQ(seen.broken, 1);
	SET_STATUS(0);
	pump();
	CHECK_EQ(proc.reset, 1);
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	CHECK_EQ(STATUS(), 0);
	drive();
	CHECK_EQ(proc.start, 2);
	teardown();
}

static void
dead_process_is_replaced(void)
{
	REQUIRE(setup());
	drive();
	msg_link_fini(&proc.link);
	pump();
	CHECK_EQ(seen.gone, 1);
	CHECK(!virtio_is_attached(dev));
	CHECK(STATUS() & NEEDS_RESET);
	CHECK_EQ(IN(0x200, 1), 2);
	CHECK_EQ(fake_count_ioeventfds(), 0);
	/* The new one learns nothing before the driver has reset. */
	REQUIRE(spawn());
	hello(V1 | 1ULL << 28);
	CHECK_EQ(proc.memory, 1);
	CHECK_EQ(proc.start, 0);
	SET_STATUS(0);
	CHECK_EQ(STATUS(), 0);
	drive();
	CHECK_EQ(proc.start, 1);
	/* Or the driver is faster than the new process. */
	msg_link_fini(&proc.link);
	pump();
	SET_STATUS(0);
	CHECK_EQ(STATUS(), 0);
	drive();
	CHECK_EQ(fake_count_ioeventfds(), 0);
	REQUIRE(spawn());
	hello(V1 | 1ULL << 28);
	CHECK_EQ(proc.start, 1);
	CHECK_EQ(fake_count_ioeventfds(), 1);
	CHECK_EQ(seen.gone, 2);
	teardown();
}

static void
dead_process_while_resetting(void)
{
	REQUIRE(setup());
	drive();
	SET_STATUS(0);
	CHECK(STATUS() != 0);
	msg_link_fini(&proc.link);
	pump();
	CHECK_EQ(STATUS(), 0);
	teardown();
}

static void
rude_processes_are_left(void)
{
	struct msg_dev_hello bad[] = {
		{ .features = V1,
		    .virtio_id = 1,
		    .queues = 1,
		    .queue_size = 128 },
		{ .features = V1,
		    .virtio_id = 2,
		    .queues = 3,
		    .queue_size = 128 },
		{ .features = V1,
		    .virtio_id = 2,
		    .queues = 1,
		    .queue_size = 64 },
		{ .features = 1,
		    .virtio_id = 2,
		    .queues = 1,
		    .queue_size = 128 },
	};

	for (unsigned int i = 0; i < 4 + 3; i++) {
		REQUIRE(setup());
		if (i < 4) {
			REQUIRE(spawn());
			MSG_SEND(&proc.link, MSG_DEV_HELLO, 0, &bad[i]);
		} else if (i == 4)
			hello(V1); /* again */
		else
			i == 5
			    ? say_stopped(0)
			    : MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
		pump();
		CHECK_EQ(seen.gone, 1);
		CHECK(!virtio_is_attached(dev));
		teardown();
	}
}

static void
say_faults(uint64_t where)
{
	const struct msg_dev_faults m = { .base = { where } };

	msg_send(&proc.link, MSG_DEV_FAULTS_FD, 0, eventfd(0, EFD_CLOEXEC), &m,
	    sizeof(m), NULL, 0);
	pump();
}

static void
memory_on_demand(void)
{
	memory.on_demand = true;
	memory.faults_fd = eventfd(0, EFD_CLOEXEC);
	REQUIRE(setup());
	CHECK_EQ(proc.faults, 1);
	CHECK_EQ(proc.memory, 1);
	say_faults(0x5000);
	CHECK_EQ(seen.faults, 1);
	CHECK_EQ(seen.faults_base, 0x5000);
	/* Once is enough. */
	say_faults(0x6000);
	CHECK_EQ(seen.faults, 1);
	CHECK_EQ(seen.gone, 1);
	CHECK_EQ(seen.no_faults, 1);
	/* The next process says where it has it; not before its hello. */
	REQUIRE(spawn());
	hello(V1 | 1ULL << 28 | 0x244);
	CHECK_EQ(proc.faults, 1);
	say_faults(0x7000);
	CHECK_EQ(seen.faults_base, 0x7000);
	REQUIRE(spawn());
	CHECK_EQ(seen.no_faults, 2);
	say_faults(0x8000);
	CHECK_EQ(seen.faults, 2);
	CHECK(!virtio_is_attached(dev));
	CHECK_EQ(seen.no_faults, 2);
	teardown();
	close(memory.faults_fd);
	memory.on_demand = false;
	/* Nobody is asked where memory is as ever. */
	REQUIRE(setup());
	CHECK_EQ(proc.faults, 0);
	say_faults(0x5000);
	CHECK_EQ(seen.faults, 0);
	CHECK(!virtio_is_attached(dev));
	teardown();
}

static void
pausing(void)
{
	REQUIRE(setup());
	virtio_stop(dev); /* nothing to stop */
	CHECK_EQ(seen.stopped, 1);
	virtio_continue(dev);
	drive();
	virtio_stop(dev);
	pump();
	CHECK_EQ(proc.stop, 1);
	CHECK_EQ(seen.stopped, 1);
	say_stopped(0);
	pump();
	CHECK_EQ(seen.stopped, 2);
	virtio_continue(dev);
	pump();
	CHECK_EQ(proc.start, 2);
	/* Going on before it had stopped. */
	virtio_stop(dev);
	virtio_continue(dev);
	pump();
	CHECK_EQ(proc.start, 2);
	say_stopped(0);
	pump();
	CHECK_EQ(proc.start, 3);
	CHECK_EQ(seen.stopped, 2);
	/* It dies instead. */
	virtio_stop(dev);
	msg_link_fini(&proc.link);
	pump();
	CHECK_EQ(seen.stopped, 3);
	CHECK(!virtio_is_stopping(dev));
	virtio_continue(dev);
	teardown();
	/* It dies, and the next one is there before that is noticed. */
	REQUIRE(setup());
	drive();
	virtio_stop(dev);
	CHECK(virtio_is_stopping(dev));
	CHECK_EQ(seen.stopped, 0);
	msg_link_fini(&proc.link);
	REQUIRE(spawn());
	CHECK_EQ(seen.stopped, 1);
	CHECK(!virtio_is_stopping(dev));
	CHECK(STATUS() & NEEDS_RESET);
	teardown();
}

static void
machine_reset(void)
{
	REQUIRE(setup());
	drive();
	virtio_stop(dev);
	pump();
	say_stopped(0);
	pump();
	pci_reset(pci);
	pump();
	CHECK_EQ(proc.reset, 1);
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	virtio_continue(dev);
	fake_config_out(SLOT, 4, 2, 7);
	CHECK_EQ(STATUS(), 0);
	drive();
	CHECK_EQ(proc.start, 2);
	teardown();
}

static void
window_in_configuration_space(void)
{
	unsigned int at;

	REQUIRE(setup());
	at = fake_config_in(SLOT, 0x34, 1);
	while (fake_config_in(SLOT, at + 3, 1) != 5)
		at = fake_config_in(SLOT, at + 1, 1);
	fake_config_out(SLOT, 4, 2, 0); /* no BAR is decoded */
	fake_config_out(SLOT, at + 4, 1, 0);
	fake_config_out(SLOT, at + 8, 4, 20);
	fake_config_out(SLOT, at + 12, 4, 1);
	fake_config_out(SLOT, at + 16, 1, ACK);
	CHECK_EQ(fake_config_in(SLOT, at + 16, 1), ACK);
	fake_config_out(SLOT, at + 8, 4, 0x300);
	fake_config_out(SLOT, at + 12, 4, 4);
	CHECK_EQ(fake_config_in(SLOT, at + 16, 4), 0x04030201);
	/* Outside, and of no BAR: harmless. */
	fake_config_out(SLOT, at + 8, 4, 0x400);
	fake_config_in(SLOT, at + 16, 4);
	fake_config_out(SLOT, at + 4, 1, 0xff);
	fake_config_out(SLOT, at + 16, 4, 0x55555555);
	fake_config_out(SLOT, at + 12, 4, 0xffffffff);
	fake_config_in(SLOT, at + 16, 4);
	fake_config_out(SLOT, 4, 2, 7);
	CHECK_EQ(STATUS(), ACK);
	teardown();
}

int
main(void)
{
	TEST(capabilities);
	TEST(negotiation);
	TEST(queue_registers);
	TEST(device_configuration);
	TEST(start_tells_the_process);
	TEST(reset_waits_for_the_process);
	TEST(broken_rings_need_a_reset);
	TEST(dead_process_is_replaced);
	TEST(dead_process_while_resetting);
	TEST(rude_processes_are_left);
	TEST(memory_on_demand);
	TEST(pausing);
	TEST(machine_reset);
	TEST(window_in_configuration_space);
	return CHECK_EXIT();
}
