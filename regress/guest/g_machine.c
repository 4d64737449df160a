/* SPDX-License-Identifier: ISC */
/*
 * A whole machine but its devices' processes in a state stream and out of it:
 * two vCPUs that run, a board with all its chips, a ROM; on a real KVM, whose
 * interrupt controllers must not take lines that were high for new.
 */
#include "fake_board.h"
#include "image/state_memory.h"
#include "image/state_read.h"
#include "image/state_write.h"
#include "mover.h"
#include "role/hold.h"
#include "role/machine_state.h"
#include "role/vcpus.h"
#include "state_sample.h"

#define MOVES 8
#define ROM_GPA 0xffffe000ULL
#define ROM_LEN 0x2000U
#define NS 1000000000ULL
/* Where KVM's PIC and IOAPIC are in what vm_get_chips() gives. */
#define PIC_AT (40U + 8U) /* last_irr, irr, imr */
#define IOAPIC_IRR_AT (40U + 2U * 520U + 8U + 16U)
#define UART_IRQ 0x10U

/* One side. */
static struct fake_board f;
static struct vcpus vs;
static struct hold hold;
static struct machine_state *m;
static struct state_bytes stream;
static uint8_t memory[GUEST_MEMORY];

static void
on_irq(void *arg, unsigned int gsi, bool level)
{
	(void)arg;
	(void)vm_irq_line(g.vm, gsi, level);
}

/* Around the VM: vCPUs and a board, as the VM process has them. */
static bool
side_begin(uint64_t now)
{
	memset(&vs, 0, sizeof(vs));
	memset(&hold, 0, sizeof(hold));
	memset(&fake, 0, sizeof(fake));
	if (!fake_board_init(&f, now))
		return false;
	f.pc.machine.irq = on_irq;
	pthread_mutex_init(&f.board.lock, NULL);
	f.board.vm = g.vm;
	vs.board = &f.board;
	vs.count = CPUS;
	for (unsigned int i = 0; i < CPUS; i++)
		vs.vcpu[i] = g.vcpu[i];
	hold.board = &f.board;
	hold.vcpus = &vs;
	hold.still = true;
	return (m = machine_state_new(&vs)) != NULL;
}

static void
side_end(void)
{
	machine_state_free(m);
	fake_board_fini(&f);
	guest_stop(&g);
}

static bool
rom_make(void)
{
	uint8_t *rom;

	if (vm_map_memory(g.vm, ROM_GPA, ROM_LEN, -1, 0,
		VMM_PROT_READ | VMM_PROT_EXEC) == -1 ||
	    (rom = vm_map_gpa(g.vm, ROM_GPA, ROM_LEN)) == NULL)
		return false;
	for (unsigned int i = 0; i < ROM_LEN; i++)
		rom[i] = (uint8_t)(i * 7 + i / 256);
	return true;
}

static void
rom_check(void)
{
	const uint8_t *rom = vm_map_gpa(g.vm, ROM_GPA, ROM_LEN);
	unsigned int bad = 0;

	REQUIRE(rom != NULL);
	for (unsigned int i = 0; i < ROM_LEN; i++)
		bad += rom[i] != (uint8_t)(i * 7 + i / 256);
	CHECK_EQ(bad, 0);
}

/* Its transmitter is empty and wants to say so: IRQ 4 is high. */
static void
uart_raises(void)
{
	bus_write(f.pc.machine.bus, BUS_PIO, 0x3fc, 1, 0x0b);
	bus_write(f.pc.machine.bus, BUS_PIO, 0x3f9, 1, 2);
}

/* What the interrupt controllers know of the UART's line: high, and whether it
 * is requested; the timer's go on by themselves. */
static uint32_t
uart_line(void)
{
	size_t len = 0;
	uint32_t line = 0;
	uint8_t *chips;

	if (vm_get_chips(g.vm, NULL, &len) == -1 ||
	    (chips = malloc(len)) == NULL)
		return 0;
	if (vm_get_chips(g.vm, chips, &len) == 0)
		line = (chips[PIC_AT] & UART_IRQ) |
		    (chips[PIC_AT + 1] & UART_IRQ) << 8 |
		    (uint32_t)(chips[IOAPIC_IRR_AT] & UART_IRQ) << 16 |
		    (uint32_t)chips[PIC_AT + 2] << 24;
	free(chips);
	return line;
}

static bool
send(bool paused)
{
	struct state_writer *w = state_writer_new(sample_put, &stream, NULL);
	uint8_t *config = malloc(STATE_CONFIG_MAX);
	const char *why;
	size_t len;
	bool ok = false;

	stream.len = stream.at = 0;
	if (!hold.still) {
		board_clock_stop(&f.board);
		hold.still = true;
	}
	if (w == NULL || config == NULL ||
	    (len = state_config_encode(&sample_config, config, &why)) == 0)
		goto out;
	ok = state_write_begin(w) == 0 &&
	    state_write_section(w, STATE_CONFIG, config, len) == 0 &&
	    machine_state_write_cpu(m, w) == 0 &&
	    vm_copyout(g.vm, 0, memory, GUEST_MEMORY) == 0 &&
	    vm_get_time(g.vm, &hold.time) == 0 &&
	    machine_state_take(m, &hold, paused) == 0 &&
	    machine_state_write(m, w) == 0 && state_write_end(w) == 0;
	if (!ok)
		printf("# send: %s\n", machine_state_error(m));
out:
	free(config);
	state_writer_free(w);
	return ok;
}

/* 0, or the errno of what was wrong. */
static int
receive(void)
{
	struct state_reader *r = state_reader_new(sample_get, &stream);
	struct state_section s;
	int rc = 0, mine, error = 0;

	while (error == 0 && r != NULL && (rc = state_next(r, &s)) == 1) {
		mine = machine_state_load(m, &s);
		if (mine == -1)
			error = errno;
		else if (mine == 0 && s.head.type != STATE_CONFIG &&
		    s.head.type != STATE_END)
			error = EPROTO;
	}
	if (error == 0 && rc == -1)
		error = errno;
	if (error == 0 && machine_state_finish(m, &hold) == -1)
		error = errno;
	state_reader_free(r);
	return error;
}

/* The guest's clocks go on. */
static void
go(void)
{
	machine_state_start_clocks(m, &hold);
	hold.holders = 1U << HOLD_START;
	hold_drop(&hold, HOLD_START);
	CHECK(!hold.still && !f.board.clock_stopped);
}

static void
one_move(int i)
{
	uint32_t rounds = word(ROUNDS), line;
	uint64_t clock = f.board.clock_stopped_at - f.board.clock_behind;

	REQUIRE(send(false));
	line = uart_line();
	CHECK_EQ(line & 0xff, UART_IRQ);
	side_end();
	wait_ms(i * 7);
	REQUIRE(make() && side_begin(33 * NS));
	REQUIRE(vm_copyin(g.vm, memory, 0, GUEST_MEMORY) == 0);
	CHECK_EQ(receive(), 0);
	REQUIRE(machine_state_error(m)[0] == '\0');
	CHECK(!machine_state_was_paused(m));
	CHECK_EQ(uart_line(), line);
	CHECK_EQ(word(ROUNDS), rounds);
	rom_check();
	go();
	board_clock_stop(&f.board);
	hold.still = true;
	CHECK(f.board.clock_stopped_at - f.board.clock_behind >=
	    clock + (uint64_t)i * 7 * 1000000);
	CHECK(run_for(i % 3 * 3, 3));
	CHECK_EQ(atomic_load(&wrong), 0);
	check_pattern();
}

static void
test_moves(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(begin() && rom_make() && side_begin(5000 * NS));
	CHECK(run_for(1, 3));
	uart_raises();
	for (int i = 0; i < MOVES; i++)
		one_move(i);
}

/* Some KVMs let no guest have a TSC of its own. */
static bool
tsc_can_be_set(void)
{
	uint64_t tsc = 0;

	return vcpu_set_msr(g.vcpu[0], 0x10, 1ULL << 50) == 0 &&
	    vcpu_get_msr(g.vcpu[0], 0x10, &tsc) == 0 && tsc >> 50 == 1;
}

/* How far the three clocks are when the guest goes on. */
static void
clocks(uint64_t slept_ms, bool paused, bool old, uint64_t least, uint64_t most)
{
	struct vm_time before, after;
	uint32_t khz = 0;

	REQUIRE(send(paused));
	before = hold.time;
	REQUIRE(vm_get_tsc_khz(g.vm, &khz) == 0 && khz > 0);
	side_end();
	wait_ms((long)slept_ms);
	REQUIRE(make() && side_begin(33 * NS));
	CHECK_EQ(receive(), 0);
	CHECK_EQ(machine_state_was_paused(m), paused);
	REQUIRE(vm_copyin(g.vm, memory, 0, GUEST_MEMORY) == 0);
	if (old) /* It was kept for a while. */
		wait_ms((long)(HOLD_MOVE_NS / 1000000));
	go();
	REQUIRE(vm_get_time(g.vm, &after) == 0);
	CHECK((after.clock_ns - before.clock_ns) / 1000000 >= least);
	CHECK((after.clock_ns - before.clock_ns) / 1000000 <= most);
	if (tsc_can_be_set()) {
		CHECK((after.tsc - before.tsc) / khz >= least);
		CHECK((after.tsc - before.tsc) / khz <= most);
		REQUIRE(vm_set_time(g.vm, &after, 0) == 0);
	} else
		printf("# the TSC is the host's\n");
	if (!paused && !old) {
		/* The wall clock is right: both sides' hosts say the same. */
		int64_t off = (int64_t)((after.clock_ns - before.clock_ns) -
		    (after.realtime_ns - before.realtime_ns));

		printf(
		    "# kvm-clock is off by %lld us\n", (long long)off / 1000);
		CHECK(off > -20000000 && off < 20000000);
	}
	CHECK(run_for(1, 3));
	CHECK_EQ(atomic_load(&wrong), 0);
}

static void
test_clocks(void)
{
	if (g.vm == NULL)
		SKIP("no guest");
	clocks(100, false, false, 100, 1500);
	clocks(300, true, false, 0, 200);
	clocks(0, false, true, 0, 200);
}

/* Each way in which a stream can lack what the VM needs. */
static void
test_refused(void)
{
	static const uint32_t left_out[] = { STATE_CPU, STATE_VCPU, STATE_CHIPS,
		STATE_BOARD, STATE_TIME };
	struct state_reader *r;
	struct state_section s;
	size_t i;

	if (g.vm == NULL)
		SKIP("no guest");
	REQUIRE(send(false));
	for (i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		side_end();
		REQUIRE(make() && side_begin(33 * NS));
		stream.at = 0;
		r = state_reader_new(sample_get, &stream);
		REQUIRE(r != NULL);
		while (state_next(r, &s) == 1)
			if (s.head.type != left_out[i])
				(void)machine_state_load(m, &s);
		CHECK_EQ(machine_state_finish(m, &hold), -1);
		CHECK_EQ(errno, EBADMSG);
		CHECK(machine_state_error(m)[0] != '\0');
		state_reader_free(r);
	}
	side_end();
	sample_free(&stream);
}

int
main(void)
{
	quiet_log();
	TEST(test_moves);
	TEST(test_clocks);
	TEST(test_refused);
	return CHECK_EXIT();
}
