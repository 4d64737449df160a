/* SPDX-License-Identifier: ISC */
/*
 * Rows "cancel" (p99) and "cancel-p50": from the cancel of a vCPU that spins to
 * the return of its run in its own thread.  The peer is what a program without
 * libvmm does: a flag, immediate_exit and a signal against a loop of KVM_RUN.
 * Single cancels in turn, canceller and vCPUs on a CPU each; a round gives a
 * percentile each.  Of the rounds the quietest counts: what else the host does
 * only ever adds, and two interruptions spoil a round's p99.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

#include "small.h"

#define ROUNDS 40
#define CANCELS 150 /* per round and side */
#define BAR 1.20
#define COUNTER 0x800

/* 0: inc dword [0x800]; jmp 0 */
static const uint8_t code[] = { 0x66, 0xff, 0x06, 0x00, 0x08, 0xeb, 0xf9 };

/* One vCPU with its thread, which runs it whenever go is posted. */
struct side {
	pthread_t thread;
	sem_t go, done;
	volatile uint32_t *counter;
	double ended; /* when the run returned */
	void (*run)(struct side *);
	void (*cancel)(struct side *);
	struct small_ours ours;
	struct small_bare bare;
	atomic_bool flag;
};

static void
ours_run(struct side *s)
{
	struct vm_exit e;

	if (vm_run(s->ours.vcpu, &e) == -1 || e.reason != VM_EXIT_CANCELLED)
		die("vm_run");
}

static void
ours_cancel(struct side *s)
{
	if (vcpu_cancel(s->ours.vcpu) == -1)
		die("vcpu_cancel");
}

static void
bare_run(struct side *s)
{
	do {
		if (ioctl(s->bare.vcpu, KVM_RUN, 0) != -1 || errno != EINTR)
			die("KVM_RUN");
		__atomic_store_n(
		    &s->bare.run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	} while (!atomic_exchange(&s->flag, false));
}

static void
bare_cancel(struct side *s)
{
	atomic_store(&s->flag, true);
	__atomic_store_n(&s->bare.run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (pthread_kill(s->thread, SIGRTMIN) != 0)
		die("pthread_kill");
}

/* Puts a thread on the nth CPU that the process may use, if there is one. */
static void
pin(pthread_t thread, int nth)
{
	cpu_set_t may, one;
	int cpu;

	if (sched_getaffinity(getpid(), sizeof(may), &may) == -1)
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || nth-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		(void)pthread_setaffinity_np(thread, sizeof(one), &one);
		return;
	}
}

static void *
side_main(void *arg)
{
	struct side *s = arg;

	for (;;) {
		while (sem_wait(&s->go) == -1)
			continue;
		s->run(s);
		s->ended = measure_now();
		sem_post(&s->done);
	}
	return NULL;
}

static void
side_start(struct side *s, void (*run)(struct side *),
    void (*cancel)(struct side *), uint8_t *mem)
{
	s->run = run;
	s->cancel = cancel;
	s->counter = (void *)(mem + COUNTER);
	if (sem_init(&s->go, 0, 0) == -1 || sem_init(&s->done, 0, 0) == -1 ||
	    pthread_create(&s->thread, NULL, side_main, s) != 0)
		die("thread");
	pin(s->thread, 1);
}

/* Microseconds from a cancel of a guest that counts to the end of its run. */
static double
side_latency(struct side *s)
{
	struct timespec nap = { .tv_nsec = 50000 };
	uint32_t before = *s->counter;
	double t;

	sem_post(&s->go);
	while (*s->counter - before < 10)
		nanosleep(&nap, NULL);
	t = measure_now();
	s->cancel(s);
	while (sem_wait(&s->done) == -1)
		continue;
	return s->ended - t;
}

int
main(void)
{
	double p50[2][ROUNDS], p99[2][ROUNDS], v[2][CANCELS];
	static struct side side[2]; /* ours, bare */
	int kvm = vmm_open(NULL), r, i, j, over;

	if (kvm == -1)
		return measure_skipped("cancel", BAR);
	if (vmm_cancel_signal_init(0) == -1)
		die("signal");
	small_ours_open(kvm, &side[0].ours, code, sizeof(code));
	small_bare_open(kvm, &side[1].bare, code, sizeof(code));
	side_start(&side[0], ours_run, ours_cancel, side[0].ours.mem);
	side_start(&side[1], bare_run, bare_cancel, side[1].bare.mem);
	pin(pthread_self(), 0);
	for (r = 0; r < ROUNDS; r++) {
		for (i = 0; i < CANCELS; i++)
			for (j = 0; j < 2; j++)
				v[(i + j) % 2][i] =
				    side_latency(&side[(i + j) % 2]);
		for (j = 0; j < 2; j++) {
			p50[j][r] = measure_percentile(v[j], CANCELS, 50);
			p99[j][r] = measure_percentile(v[j], CANCELS, 99);
		}
	}
	over = measure_row("cancel", measure_percentile(p99[0], ROUNDS, 0),
	    measure_percentile(p99[1], ROUNDS, 0), BAR);
	over |= measure_row("cancel-p50", measure_percentile(p50[0], ROUNDS, 0),
	    measure_percentile(p50[1], ROUNDS, 0), BAR);
	return over;
}
