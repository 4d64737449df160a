/* SPDX-License-Identifier: ISC */
/*
 * The VM process's debugger with its vCPU threads, its event loop and its
 * socket, and a client in a thread of its own: what it does to a guest of two
 * processors, which count at a chip whether they run.  ThreadSanitizer sees
 * whether the locks suffice.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <signal.h>

#include "check.h"
#include "counting.h"
#include "guest.h"
#include "pci/bus.h"
#include "role/board.h"
#include "role/debug.h"
#include "role/hold.h"
#include "role/vcpus.h"

#define CPUS 2
#define PORT 0xf0
#define LIMIT_S 100
#define ANSWER_MS 20000

static struct board board;
static struct vcpus vcpus;
static struct hold hold;
static struct debug debug;
static char path[] = "/tmp/g_debugger.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };
/* Written to by the client's thread, read by the main one. */
static int order_fd;
enum order { ORDER_PAUSE = 1, ORDER_GO_ON, ORDER_END };

/* The chip; machine lock. */
static struct {
	unsigned long count[CPUS];
	unsigned int end; /* what port 0xf1 reads as */
} chip;

/* Machine lock. */
static bool over;
static unsigned int obeyed;
/* The main thread's. */
static bool finished;

static uint64_t
chip_read(void *arg, uint64_t offset, unsigned int len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return chip.end;
}

static void
chip_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	(void)arg;
	(void)offset;
	(void)len;
	chip.count[value % CPUS]++;
}

static const struct bus_ops chip_ops = { .read = chip_read,
	.write = chip_write };

/* --- the main thread ------------------------------------------------------ */

static void
on_over(void *arg)
{
	(void)arg;
	over = true;
}

/* As vm.c does. */
static void
vcpus_ready(void *arg, uint32_t events)
{
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;
	uint64_t count;

	(void)arg;
	(void)events;
	if (read(vcpus.event_fd, &count, sizeof(count)) == -1)
		return;
	if (vcpus_ended(&vcpus, &reason, detail) &&
	    !debug_keeps(&debug, on_over, NULL))
		on_over(NULL);
	hold_check(&hold);
}

static void
is_still(void *arg)
{
	(void)arg;
	obeyed++;
}

static void
order_ready(void *arg, uint32_t events)
{
	uint64_t order;

	(void)arg;
	(void)events;
	if (read(order_fd, &order, sizeof(order)) == -1)
		return;
	if (order == ORDER_PAUSE)
		hold_take(&hold, HOLD_PAUSE, is_still, NULL);
	else if (order == ORDER_GO_ON) {
		hold_drop(&hold, HOLD_PAUSE);
		obeyed++;
	} else
		finished = true;
}

static int
listening(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (mkdtemp(path) == NULL)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    listen(fd, 2) == -1)
		return -1;
	return fd;
}

static bool
setup(struct guest *g)
{
	const struct boot_cpu cpu = { .mode = BOOT_RESET };

	if (!counting_begin(g, &board, CPUS))
		return false;
	board.timer_fd = -1;
	order_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bus_add(board.machine.bus, BUS_PIO, PORT, 2, "chip", &chip_ops,
		NULL) == -1 ||
	    vcpus_init(&vcpus, &board, CPUS, &cpu) == -1 ||
	    guest_enter(vcpus.vcpu[0]) == -1)
		return false;
	hold_init(&hold, &board, &vcpus);
	return debug_init(&debug, &board, &vcpus, &hold, listening()) == 0 &&
	    watch_add(board.watches, vcpus.event_fd, EPOLLIN, vcpus_ready,
		NULL) != NULL &&
	    watch_add(board.watches, order_fd, EPOLLIN, order_ready, NULL) !=
	    NULL &&
	    vcpus_start(&vcpus) == 0;
}

/* --- the client's thread -------------------------------------------------- */

/* Gives an order and waits until it is done. */
static void
order(enum order what)
{
	const uint64_t value = what;
	unsigned int before;
	bool done;

	pthread_mutex_lock(&board.lock);
	before = obeyed;
	pthread_mutex_unlock(&board.lock);
	CHECK_EQ(write(order_fd, &value, sizeof(value)), sizeof(value));
	do {
		usleep(100);
		pthread_mutex_lock(&board.lock);
		done = obeyed != before || what == ORDER_END;
		pthread_mutex_unlock(&board.lock);
	} while (!done);
}

static unsigned long
counted(unsigned int cpu)
{
	unsigned long n;

	pthread_mutex_lock(&board.lock);
	n = chip.count[cpu];
	pthread_mutex_unlock(&board.lock);
	return n;
}

/* Whether this processor goes on, within two seconds. */
static bool
moves(unsigned int cpu)
{
	unsigned long before = counted(cpu);

	for (int i = 0; i < 20000; i++) {
		if (counted(cpu) > before + 2)
			return true;
		usleep(100);
	}
	return false;
}

static bool
stands(unsigned int cpu)
{
	unsigned long before = counted(cpu);

	usleep(30000);
	return counted(cpu) == before;
}

static int
dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		CHECK(false);
	return fd;
}

static void
say(int fd, const char *text)
{
	char buf[256];
	unsigned int sum = 0;
	int n;

	for (const char *p = text; *p != '\0'; p++)
		sum += (unsigned char)*p;
	n = snprintf(buf, sizeof(buf), "$%s#%02x", text, sum & 0xff);
	CHECK_EQ(send(fd, buf, (size_t)n, MSG_NOSIGNAL), n);
}

static int
next_byte(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char c;

	return poll(&p, 1, ANSWER_MS) == 1 && read(fd, &c, 1) == 1 ? c : -1;
}

static const char *
packet(int fd)
{
	static char buf[8192];
	size_t n = 0;
	int c;

	while ((c = next_byte(fd)) != '$')
		if (c == -1)
			return "";
	while ((c = next_byte(fd)) != '#' && c != -1 && n < sizeof(buf) - 1)
		buf[n++] = (char)c;
	buf[n] = '\0';
	next_byte(fd);
	next_byte(fd);
	/* The last one's sender has closed already. */
	(void)!send(fd, "+", 1, MSG_NOSIGNAL);
	return buf;
}

/* The next packet that is no text for gdb's user; "" when there is none. */
static const char *
answer(int fd)
{
	const char *p;

	do
		p = packet(fd);
	while (p[0] == 'O' && strcmp(p, "OK") != 0);
	return p;
}

static const char *
ask(int fd, const char *text)
{
	say(fd, text);
	return answer(fd);
}

static bool
is_stop(const char *packet)
{
	return packet[0] == 'T' || packet[0] == 'S';
}

/* Packets repeat bytes by a count: a file of registers is short. */
static bool
is_registers(const char *packet)
{
	return strlen(packet) > 20;
}

static void
waits_before_the_first_instruction(void)
{
	int fd;

	CHECK(stands(0) && counted(0) == 0);
	fd = dial();
	CHECK(is_stop(ask(fd, "?")));
	CHECK(is_registers(ask(fd, "g")));
	CHECK_EQ(counted(0), 0);
	CHECK_STR(ask(fd, "D;1"), "OK");
	CHECK(moves(0) && moves(1));
	close(fd);
}

static void
stops_and_goes_on(void)
{
	unsigned int moved = 0;
	int fd = dial();

	CHECK(is_stop(ask(fd, "?")));
	CHECK(stands(0) && stands(1));
	for (int i = 0; i < 100; i++) {
		unsigned long n;

		say(fd, "vCont;c");
		if (i % 4 == 0)
			CHECK(moves(0) && moves(1));
		CHECK_EQ(send(fd, "\003", 1, MSG_NOSIGNAL), 1);
		CHECK(is_stop(answer(fd)));
		n = counted(0) + counted(1);
		usleep(500);
		moved += counted(0) + counted(1) != n;
	}
	CHECK_EQ(moved, 0);
	CHECK_STR(ask(fd, "D;1"), "OK");
	CHECK(moves(0) && moves(1));
	close(fd);
}

static void
one_steps_and_the_other_stands(void)
{
	unsigned long first, second;
	int fd = dial();

	CHECK(is_stop(ask(fd, "?")));
	first = counted(0);
	second = counted(1);
	for (int i = 0; i < 40; i++)
		CHECK(is_stop(ask(fd, "vCont;s:1")));
	CHECK(counted(0) > first && counted(0) < first + 40);
	CHECK_EQ(counted(1), second);
	CHECK_STR(ask(fd, "D;1"), "OK");
	CHECK(moves(0) && moves(1));
	close(fd);
}

static void
vanishing_leaves_it_running(void)
{
	static const char *const last[] = { "?", "g", "vCont;c", "vCont;s:1",
		"vCont;s:2" };

	for (unsigned int i = 0; i < 60; i++) {
		int fd = dial();

		if (i % 3 != 0)
			CHECK(is_stop(ask(fd, "?")));
		say(fd, last[i % 5]);
		close(fd);
		if (i % 7 == 0)
			CHECK(moves(0) && moves(1));
	}
	CHECK(moves(0) && moves(1));
}

static void
a_second_one_is_refused(void)
{
	int fd = dial(), other;

	CHECK(is_stop(ask(fd, "?")));
	other = dial();
	CHECK(strncmp(ask(other, "?"), "E.another", 9) == 0);
	CHECK_EQ(next_byte(other), -1);
	close(other);
	CHECK(is_registers(ask(fd, "g")));
	/* Whoever comes when the first has gone is served, however soon. */
	close(fd);
	for (int i = 0; i < 10; i++) {
		fd = dial();
		CHECK(is_stop(ask(fd, "?")));
		close(fd);
	}
	CHECK(moves(0) && moves(1));
}

static void
a_pause_holds_it_too(void)
{
	int fd = dial();

	CHECK(is_stop(ask(fd, "?")));
	order(ORDER_PAUSE);
	say(fd, "vCont;c");
	CHECK(stands(0) && stands(1));
	CHECK_EQ(send(fd, "\003", 1, MSG_NOSIGNAL), 1);
	CHECK(is_stop(answer(fd)));
	order(ORDER_GO_ON);
	CHECK(stands(0) && stands(1));
	say(fd, "vCont;c");
	CHECK(moves(0) && moves(1));
	order(ORDER_PAUSE);
	CHECK(stands(0) && stands(1));
	/* One that comes to a paused guest, and leaves it paused. */
	close(fd);
	fd = dial();
	CHECK(is_stop(ask(fd, "?")));
	CHECK_STR(ask(fd, "D;1"), "OK");
	close(fd);
	CHECK(stands(0) && stands(1));
	order(ORDER_GO_ON);
	CHECK(moves(0) && moves(1));
}

static bool
is_over(void)
{
	bool b;

	pthread_mutex_lock(&board.lock);
	b = over;
	pthread_mutex_unlock(&board.lock);
	return b;
}

static void
a_crash_waits_for_the_debugger(void)
{
	int fd = dial();

	CHECK(is_stop(ask(fd, "?")));
	say(fd, "vCont;c");
	CHECK(moves(0));
	pthread_mutex_lock(&board.lock);
	chip.end = 1;
	pthread_mutex_unlock(&board.lock);
	CHECK(is_stop(answer(fd)));
	CHECK(is_registers(ask(fd, "g")));
	CHECK(ask(fd, "m1000,4")[0] != 'E');
	CHECK(ask(fd, "M1000,1:90")[0] == 'E');
	CHECK(!is_over());
	CHECK(stands(0) && stands(1));
	say(fd, "D;1");
	for (int i = 0; i < 2000 && !is_over(); i++)
		usleep(1000);
	CHECK(is_over());
	close(fd);
}

static void *
client(void *arg)
{
	(void)arg;
	TEST(waits_before_the_first_instruction);
	TEST(stops_and_goes_on);
	TEST(one_steps_and_the_other_stands);
	TEST(vanishing_leaves_it_running);
	TEST(a_second_one_is_refused);
	TEST(a_pause_holds_it_too);
	TEST(a_crash_waits_for_the_debugger);
	order(ORDER_END);
	return NULL;
}

static void
starts(void)
{
	static struct guest g;

	GUEST_NEEDS_KVM();
	REQUIRE(setup(&g));
	pthread_mutex_lock(&board.lock);
	debug_wait(&debug);
	hold_drop(&hold, HOLD_START);
	pthread_mutex_unlock(&board.lock);
	CHECK(hold_is_taken(&hold, HOLD_DEBUG));
}

int
main(void)
{
	pthread_t thread;

	alarm(LIMIT_S);
	signal(SIGPIPE, SIG_IGN);
	TEST(starts);
	if (board.vm == NULL || check_any_failed)
		return CHECK_EXIT();
	if (pthread_create(&thread, NULL, client, NULL) != 0)
		return 1;
	while (!finished)
		watches_wait(board.watches);
	pthread_join(thread, NULL);
	unlink(address.sun_path);
	rmdir(path);
	return CHECK_EXIT();
}
