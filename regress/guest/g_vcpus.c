/* SPDX-License-Identifier: ISC */
/*
 * The vCPU threads and the event loop of the VM process, with a guest of two
 * processors and a chip of the test's own.  What the chip keeps is guarded by
 * the machine lock alone: ThreadSanitizer sees whether that holds.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <time.h>

#include "check.h"
#include "counting.h"
#include "guest.h"
#include "pci/bus.h"
#include "role/board.h"
#include "role/hold.h"
#include "role/throttle.h"
#include "role/vcpus.h"
#include "turns.h"

#define CPUS 2
#define ROUNDS 300
#define PORT 0xf0
#define GUEST_GO 0x500 /* see vcpus.S */
/* An event that does not come ends the test. */
#define LIMIT_S 60

static struct board board;
static struct vcpus vcpus;

/* The chip; machine lock. */
static struct {
	unsigned long count[CPUS]; /* writes of each processor */
	unsigned int end; /* what port 0xf1 reads as */
	struct watch *watch;
	int fd; /* always readable */
	unsigned long woken;
} chip;

/* The main thread's. */
static bool held, ended;
static enum vm_end end_reason;
static char end_detail[VMD_DETAIL_MAX];

static void
chip_woken(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	chip.woken++;
}

static uint64_t
chip_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return chip.end;
}

/* Chips add and remove watches while the main thread waits. */
static void
chip_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)arg;
	(void)offset;
	(void)len;
	chip.count[value % CPUS]++;
	if (chip.watch != NULL) {
		watch_remove(board.watches, chip.watch);
		chip.watch = NULL;
	} else if (chip.count[0] % 16 == 0)
		chip.watch = watch_add(
		    board.watches, chip.fd, EPOLLIN, chip_woken, NULL);
}

static const struct bus_ops chip_ops = { .read = chip_read,
	.write = chip_write };

static void
vcpus_ready(void *arg, uint32_t events)
{
	uint64_t count;

	(void)arg;
	(void)events;
	if (read(vcpus.event_fd, &count, sizeof(count)) == -1)
		return;
	held = vcpus_are_held(&vcpus);
	ended = vcpus_ended(&vcpus, &end_reason, end_detail);
}

static bool
setup(struct guest *g)
{
	const struct boot_cpu cpu = { .mode = BOOT_RESET };

	if (!counting_begin(g, &board, CPUS))
		return false;
	chip.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	return chip.fd != -1 &&
	    bus_add(board.machine.bus, BUS_PIO, PORT, 2, "chip", &chip_ops,
		NULL) == 0 &&
	    vcpus_init(&vcpus, &board, CPUS, &cpu) == 0 &&
	    guest_enter(vcpus.vcpu[0]) == 0 &&
	    watch_add(board.watches, vcpus.event_fd, EPOLLIN, vcpus_ready,
		NULL) != NULL &&
	    vcpus_start(&vcpus) == 0;
}

static unsigned long
counted(void)
{
	unsigned long n = 0;

	pthread_mutex_lock(&board.lock);
	for (unsigned int i = 0; i < CPUS; i++)
		n += chip.count[i];
	pthread_mutex_unlock(&board.lock);
	return n;
}

/* The vCPUs have each written n times more. */
static void
let_run(unsigned long n)
{
	unsigned long before[CPUS], least;

	pthread_mutex_lock(&board.lock);
	memcpy(before, chip.count, sizeof(before));
	pthread_mutex_unlock(&board.lock);
	do {
		usleep(100);
		pthread_mutex_lock(&board.lock);
		least = n;
		for (unsigned int i = 0; i < CPUS; i++)
			if (chip.count[i] - before[i] < least)
				least = chip.count[i] - before[i];
		pthread_mutex_unlock(&board.lock);
	} while (least < n);
}

static void
hold(bool locked)
{
	held = false;
	if (locked)
		pthread_mutex_lock(&board.lock);
	vcpus_hold(&vcpus);
	if (locked)
		pthread_mutex_unlock(&board.lock);
	while (!held && !ended)
		watches_wait(board.watches);
}

/* Held vCPUs are this thread's to look at, and stand in the guest's code. */
static bool
registers_are_sane(void)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;

	for (unsigned int i = 0; i < CPUS; i++) {
		if (vcpu_get_regs(vcpus.vcpu[i], &r) == -1 ||
		    vcpu_get_sregs(vcpus.vcpu[i], &s) == -1 ||
		    s.cs.base + r.rip < GUEST_ENTRY ||
		    s.cs.base + r.rip >= GUEST_ENTRY + sizeof(guest_vcpus))
			return false;
	}
	return true;
}

static void
holds_and_goes_on(void)
{
	struct guest g;
	unsigned int moved = 0, strange = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(setup(&g));
	vcpus_resume(&vcpus, false);
	let_run(10);
	for (unsigned int i = 0; i < ROUNDS && !ended; i++) {
		unsigned long n;

		hold(i % 2 == 0);
		n = counted();
		strange += !registers_are_sane();
		if (i % 8 == 0)
			usleep(200);
		moved += counted() != n;
		vcpus_resume(&vcpus, true);
		/* Else the next hold comes before the threads are awake. */
		if (i % 3 == 0)
			let_run(1);
	}
	CHECK(!ended);
	CHECK_EQ(moved, 0);
	CHECK_EQ(strange, 0);
	let_run(10);
	CHECK(chip.woken > 0);
}

/* --- who holds it -------------------------------------------------------- */

/* The main thread's, too. */
static struct hold holders;
static unsigned int told[HOLD__COUNT];

static void
tell(void *arg)
{
	++*(unsigned int *)arg;
}

/* Host time, and what the guest's clocks say of it. */
struct clocks {
	uint64_t host;
	uint64_t board; /* the chips' */
	uint64_t kvm;
};

static uint64_t
host_ns(void)
{
	return turns_ns(CLOCK_MONOTONIC);
}

static struct clocks
clocks(void)
{
	struct clocks c = { .host = host_ns() };

	c.board = (board.clock_stopped ? board.clock_stopped_at : c.host) -
	    board.clock_behind;
	CHECK_EQ(vm_clock_get(board.vm, &c.kvm), 0);
	return c;
}

/* The vCPUs have stopped, and whoever waits for that was told. */
static void
wait_still(void)
{
	held = false;
	while (!held)
		watches_wait(board.watches);
	hold_check(&holders);
}

static void
take(enum holder who)
{
	hold_take(&holders, who, tell, &told[who]);
}

static void
holders_begin(void)
{
	memset(told, 0, sizeof(told));
	board.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	vcpus_hold(&vcpus);
	while (!vcpus_are_held(&vcpus))
		watches_wait(board.watches);
	hold_init(&holders, &board, &vcpus);
	CHECK(hold_is_taken(&holders, HOLD_START));
	CHECK(!hold_is_taken(&holders, HOLD_PAUSE));
	hold_drop(&holders, HOLD_START);
	CHECK(!hold_is_taken(&holders, HOLD_START));
	let_run(10);
}

/* One of two who lets go lets nothing go. */
static void
held_by_two(void)
{
	unsigned long n;

	take(HOLD_PAUSE);
	CHECK_EQ(told[HOLD_PAUSE], 0);
	wait_still();
	CHECK_EQ(told[HOLD_PAUSE], 1);
	n = counted();
	take(HOLD_START);
	CHECK_EQ(told[HOLD_START], 0);
	wait_still();
	CHECK_EQ(told[HOLD_START], 1);
	CHECK_EQ(told[HOLD_PAUSE], 1);
	hold_drop(&holders, HOLD_PAUSE);
	CHECK(!hold_is_taken(&holders, HOLD_PAUSE));
	hold_check(&holders);
	usleep(5000);
	CHECK(vcpus_are_held(&vcpus));
	CHECK_EQ(counted(), n);
	hold_drop(&holders, HOLD_START);
	let_run(10);
	CHECK_EQ(told[HOLD_START] + told[HOLD_PAUSE], 2);
}

#define STAND_MS 300
#define STAND_NS (STAND_MS * 1000000ULL)

/* From when it stands until the last lets go, also when another came. */
static void
clocks_stand(void)
{
	struct clocks before, after;

	take(HOLD_PAUSE);
	wait_still();
	before = clocks();
	usleep(STAND_MS * 500);
	take(HOLD_START);
	wait_still();
	hold_drop(&holders, HOLD_PAUSE);
	usleep(STAND_MS * 500);
	CHECK(board.clock_stopped);
	CHECK_EQ(clocks().board, before.board);
	hold_drop(&holders, HOLD_START);
	after = clocks();
	CHECK(!board.clock_stopped);
	CHECK(after.host - before.host >= STAND_NS);
	CHECK(after.board - before.board < STAND_NS / 2);
	CHECK(after.kvm - before.kvm < STAND_NS / 2);
	let_run(10);
	usleep(10000);
	before = after;
	after = clocks();
	CHECK(after.board - before.board >= 10000000);
	CHECK(after.kvm - before.kvm >= 10000000);
}

/* Who lets go before it stands is not told, and its clocks never stood. */
static void
dropped_early(void)
{
	uint64_t behind = board.clock_behind;

	memset(told, 0, sizeof(told));
	for (unsigned int i = 0; i < 50; i++) {
		take(HOLD_PAUSE);
		if (i % 2 == 0)
			take(HOLD_START);
		hold_drop(&holders, HOLD_PAUSE);
		hold_drop(&holders, HOLD_START);
		hold_check(&holders);
	}
	CHECK_EQ(told[HOLD_PAUSE] + told[HOLD_START], 0);
	CHECK(!board.clock_stopped);
	CHECK_EQ(board.clock_behind, behind);
	let_run(10);
	/* The other one is. */
	take(HOLD_PAUSE);
	take(HOLD_START);
	hold_drop(&holders, HOLD_PAUSE);
	wait_still();
	CHECK_EQ(told[HOLD_PAUSE], 0);
	CHECK_EQ(told[HOLD_START], 1);
	hold_drop(&holders, HOLD_START);
	let_run(10);
	/* Twice is once. */
	take(HOLD_PAUSE);
	take(HOLD_PAUSE);
	wait_still();
	CHECK_EQ(told[HOLD_PAUSE], 1);
	hold_drop(&holders, HOLD_PAUSE);
	let_run(10);
}

static void
several_hold_it(void)
{
	GUEST_NEEDS_KVM();
	holders_begin();
	held_by_two();
	clocks_stand();
	dropped_early();
	close(board.timer_fd);
}

/* --- slowed down --------------------------------------------------------- */

/* Processor time of the threads, which hardly work but for the guest. */
static uint64_t
threads_ns(void)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < CPUS; i++) {
		clockid_t clock;

		if (pthread_getcpuclockid(vcpus.thread[i], &clock) != 0)
			return 0;
		ns += turns_ns(clock);
	}
	return ns;
}

#define SHARE_MS 600
/* A host that is disturbed at one time is not so at all times. */
#define TRIES 10
/* The way in and out of each turn, and others that work here, too. */
#define MORE 10

/* Percent of the time that the vCPUs ran. */
static unsigned int
ran_percent(void)
{
	uint64_t host = host_ns(), threads = threads_ns();

	usleep(SHARE_MS * 1000);
	return (unsigned int)((threads_ns() - threads) * 100 / CPUS /
	    (host_ns() - host));
}

/* Whether that is hardly more than they may at so much throttle. */
static bool
ran_at_most(unsigned int percent)
{
	unsigned int ran, peer;

	for (unsigned int i = 0; i < TRIES; i++) {
		if ((ran = ran_percent()) <= 100 - percent + MORE)
			return true;
		if (ran <= (peer = turns_percent(percent, SHARE_MS)) + MORE)
			return true;
		printf("# at %u%% throttle: ran %u%% of the time, a thread "
		       "%u%%\n",
		    percent, ran, peer);
	}
	return false;
}

static void
tell_guest(unsigned int end, uint8_t go)
{
	CHECK_EQ(vm_copyin(board.vm, &go, GUEST_GO, sizeof(go)), 0);
	pthread_mutex_lock(&board.lock);
	chip.end = end;
	pthread_mutex_unlock(&board.lock);
}

/* Also a guest that has no exit of its own. */
static void
stands_its_share(void)
{
	static const unsigned int percents[] = { 30, 60, 90, 99 };

	tell_guest(2, 0);
	for (unsigned int i = 0; i < sizeof(percents) / sizeof(percents[0]);
	     i++) {
		vcpus_throttle(&vcpus, percents[i]);
		usleep(1000);
		CHECK(ran_at_most(percents[i]));
	}
	tell_guest(0, 1);
	/* None has been forgotten. */
	let_run(2);
}

#define HOLDS 20

/* A turn stands for 99 ms: were its end waited for, most holds would be slow.
 */
static void
held_while_it_stands(void)
{
	unsigned int slow = 0;

	vcpus_throttle(&vcpus, THROTTLE_MAX);
	for (unsigned int i = 0; i < HOLDS; i++) {
		uint64_t begin;

		vcpus_resume(&vcpus, false);
		usleep(7000 + 1000 * i);
		begin = host_ns();
		hold(false);
		slow += host_ns() - begin > 25000000;
	}
	CHECK(!ended);
	CHECK(registers_are_sane());
	if (!CHECK(slow <= HOLDS / 2))
		printf("# %u of %u were slow\n", slow, HOLDS);
	vcpus_resume(&vcpus, false);
}

/* Its end is not waited for until the next turn. */
static void
ends_at_once(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < TRIES; i++) {
		unsigned long before;
		uint64_t begin;

		vcpus_throttle(&vcpus, THROTTLE_MAX);
		let_run(1);
		/* Its run is over. */
		usleep(5000);
		before = counted();
		begin = host_ns();
		vcpus_throttle(&vcpus, 0);
		while (counted() == before)
			usleep(100);
		if (host_ns() - begin < least)
			least = host_ns() - begin;
	}
	CHECK(least < 50000000);
	let_run(10);
}

static void
slowed_down(void)
{
	GUEST_NEEDS_KVM();
	stands_its_share();
	held_while_it_stands();
	ends_at_once();
}

static void
ends_by_a_triple_fault(void)
{
	unsigned long n;

	GUEST_NEEDS_KVM();
	held = false;
	pthread_mutex_lock(&board.lock);
	chip.end = 1;
	pthread_mutex_unlock(&board.lock);
	/* Not only when told so: the lock must do. */
	while (!vcpus_ended(&vcpus, &end_reason, end_detail))
		usleep(10);
	while (!held)
		watches_wait(board.watches);
	CHECK_EQ(end_reason, END_FAULT);
	CHECK_STR(end_detail, "triple fault");
	/* There is nothing to go on with. */
	n = counted();
	vcpus_resume(&vcpus, true);
	usleep(20000);
	CHECK(vcpus_are_held(&vcpus));
	CHECK_EQ(counted(), n);
}

int
main(void)
{
	alarm(LIMIT_S);
	TEST(holds_and_goes_on);
	TEST(several_hold_it);
	TEST(slowed_down);
	TEST(ends_by_a_triple_fault);
	return CHECK_EXIT();
}
