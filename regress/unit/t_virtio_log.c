/* SPDX-License-Identifier: ISC */
/*
 * The log of what device processes write, as the VM process turns it on and
 * off: with processes that answer late, come late, die, or make answers up; and
 * the announcement after a move.
 */
#include "pci/virtio_log.h"

#include "check.h"
#include "fake_device.h"

static struct virtio_log shared = { .fd = -1, .pages = 16 };

/* Guest memory that this process has noted as written. */
static struct {
	unsigned int calls;
	uint64_t gpa, len;
} noted;

static void
on_wrote(void *arg, uint64_t gpa, uint64_t len)
{
	(void)arg;
	noted.calls++;
	noted.gpa = gpa;
	noted.len = len;
}

static bool
begin(void)
{
	memset(&noted, 0, sizeof(noted));
	fake_machine.wrote = on_wrote;
	shared.fd = memfd_create("log", MFD_CLOEXEC);
	return shared.fd != -1 && setup();
}

static void
end(void)
{
	teardown();
	close(shared.fd);
}

static void
answer(void)
{
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_LOG_ON, 0);
	pump();
}

static void
on_and_off(void)
{
	REQUIRE(begin());
	CHECK(!virtio_log_is_on(dev));
	virtio_log(dev, &shared);
	pump();
	CHECK_EQ(proc.log, 1);
	CHECK_EQ(proc.log_pages, 16);
	CHECK(!virtio_log_is_on(dev));
	/* Once is enough. */
	virtio_log(dev, &shared);
	pump();
	CHECK_EQ(proc.log, 1);
	CHECK_EQ(seen.logging, 0);
	answer();
	CHECK(virtio_log_is_on(dev));
	CHECK_EQ(seen.logging, 1);
	virtio_log(dev, NULL);
	virtio_log(dev, NULL);
	pump();
	CHECK_EQ(proc.log_end, 1);
	CHECK(!virtio_log_is_on(dev));
	virtio_log(dev, &shared);
	pump();
	CHECK_EQ(proc.log, 2);
	answer();
	CHECK(virtio_log_is_on(dev));
	CHECK(!proc.gone);
	end();
}

/* A disk's log goes before that of memory, whose answer is for both; a process
 * that ends or comes meanwhile makes it worthless. */
static void
of_a_disk(void)
{
	struct virtio_disk_log disk = { .chunks = 70 };

	REQUIRE(begin());
	disk.fd = shared.fd;
	virtio_disk_log(dev, &disk);
	virtio_log(dev, &shared);
	pump();
	CHECK_EQ(proc.disk_log, 1);
	CHECK_EQ(proc.disk_log_first, 0);
	CHECK_EQ(proc.disk_log_chunks, 70);
	CHECK_EQ(proc.log, 1);
	answer();
	CHECK(virtio_log_is_on(dev));
	CHECK_EQ(disk.lost, 0);
	CHECK_EQ(spawn(), 1);
	CHECK_EQ(disk.lost, 1);
	disk.lost = 0;
	hello(V1);
	CHECK_EQ(disk.lost, 1);
	CHECK_EQ(proc.disk_log, 1);
	answer();
	CHECK(virtio_log_is_on(dev));
	virtio_log(dev, NULL);
	disk.lost = 0;
	pump();
	CHECK_EQ(spawn(), 1);
	hello(V1);
	CHECK_EQ(disk.lost, 0);
	CHECK_EQ(proc.disk_log, 0);
	end();
}

/* Whoever does not answer collects no messages, and its answer, when it comes,
 * is to the only question. */
static void
answers_late(void)
{
	REQUIRE(begin());
	for (unsigned int i = 0; i < 100; i++) {
		virtio_log(dev, &shared);
		virtio_log(dev, NULL);
	}
	pump();
	CHECK_EQ(proc.log, 1);
	CHECK_EQ(proc.log_end, 0);
	answer();
	CHECK_EQ(seen.logging, 0);
	CHECK_EQ(proc.log_end, 1);
	CHECK(!virtio_log_is_on(dev));
	virtio_log(dev, &shared);
	pump();
	virtio_log(dev, NULL);
	virtio_log(dev, &shared);
	CHECK(!virtio_log_is_on(dev));
	answer();
	CHECK(virtio_log_is_on(dev));
	CHECK_EQ(proc.log, 2);
	CHECK_EQ(proc.log_end, 1);
	CHECK(!proc.gone);
	end();
}

static void
not_asked(void)
{
	REQUIRE(begin());
	answer();
	CHECK(proc.gone);
	CHECK_STR(seen.why, "was not asked for a log");
	REQUIRE(spawn());
	hello(V1);
	virtio_log(dev, &shared);
	pump();
	answer();
	CHECK(!proc.gone);
	answer();
	CHECK(proc.gone);
	end();
}

/* A process that comes meanwhile writes nothing before it has the log. */
static void
comes_late(void)
{
	REQUIRE(begin());
	drive();
	virtio_log(dev, &shared);
	pump();
	CHECK_EQ(proc.log_queues, 1);
	/* It dies: what it told the guest may not be in the log. */
	CHECK_EQ(noted.calls, 0);
	msg_link_fini(&proc.link);
	proc.link.handlers = NULL;
	fake_poll(0);
	CHECK_EQ(seen.gone, 1);
	CHECK_EQ(noted.calls, 1);
	CHECK_EQ(noted.gpa, 0x3000);
	CHECK_EQ(noted.len, 6 + 8 * 64);
	/* Nobody writes: that is as good as a log. */
	CHECK(virtio_log_is_on(dev));
	REQUIRE(spawn());
	hello(V1 | 1ULL << 28 | 0x244);
	SET_STATUS(0);
	drive();
	CHECK_EQ(proc.log, 1);
	CHECK_EQ(proc.log_queues, 0);
	CHECK_EQ(proc.queue, 1);
	CHECK(!virtio_log_is_on(dev));
	answer();
	CHECK(virtio_log_is_on(dev));
	/* And none that comes after the end gets it. */
	virtio_log(dev, NULL);
	REQUIRE(spawn());
	hello(V1);
	CHECK_EQ(proc.log, 0);
	end();
}

static void
announcements(void)
{
	REQUIRE(setup());
	virtio_announce(dev);
	pump();
	CHECK_EQ(proc.announce, 0);
	teardown();
	REQUIRE(setup_kind(DEVICE_NET));
	virtio_announce(dev);
	pump();
	CHECK_EQ(proc.announce, 1);
	/* Once there is a process to do it, and once. */
	REQUIRE(spawn());
	virtio_announce(dev);
	pump();
	CHECK_EQ(proc.announce, 0);
	hello(V1);
	CHECK_EQ(proc.announce, 1);
	REQUIRE(spawn());
	hello(V1);
	CHECK_EQ(proc.announce, 0);
	teardown();
}

int
main(void)
{
	TEST(on_and_off);
	TEST(of_a_disk);
	TEST(answers_late);
	TEST(not_asked);
	TEST(comes_late);
	TEST(announcements);
	return CHECK_EXIT();
}
