/* SPDX-License-Identifier: ISC */
/*
 * Rows "sandbox-life" and "sandbox-life-cpu": a VM without chips is made,
 * called once and destroyed, through libvmm and by the same ioctls bare, in
 * turn.  Most of that time the kernel waits for grace periods of its own; the
 * second row is the CPU time alone.
 */
#include "call.h"

#define ROUNDS 41 /* samples, of which the medians count */
#define LIVES 5 /* per sample, of which the shortest counts */
#define BAR 1.10

static double
ours_life(int kvm, clockid_t id)
{
	double t = measure_clock(id);
	struct small_ours ours;

	small_ours_open(kvm, &ours, call_code, sizeof(call_code));
	call_ours(&ours, 40, 2);
	vm_destroy(ours.vm);
	return measure_clock(id) - t;
}

static double
bare_life(int kvm, clockid_t id)
{
	double t = measure_clock(id);
	struct small_bare bare;

	small_bare_open(kvm, &bare, call_code, sizeof(call_code));
	call_bare(&bare, 40, 2);
	small_bare_close(&bare);
	return measure_clock(id) - t;
}

/* The shortest of a few lives counts: others on the host only ever add. */
static int
row(const char *name, int kvm, clockid_t id)
{
	double ours[ROUNDS], peer[ROUNDS], t;
	int i, j;

	for (i = 0; i < ROUNDS; i++) {
		ours[i] = ours_life(kvm, id);
		peer[i] = bare_life(kvm, id);
		for (j = 1; j < LIVES; j++) {
			t = ours_life(kvm, id);
			ours[i] = t < ours[i] ? t : ours[i];
			t = bare_life(kvm, id);
			peer[i] = t < peer[i] ? t : peer[i];
		}
	}
	return measure_row(name, measure_median(ours, ROUNDS),
	    measure_median(peer, ROUNDS), BAR);
}

int
main(void)
{
	int kvm = vmm_open(NULL), over;

	if (kvm == -1)
		return measure_skipped("sandbox-life", BAR);
	over = row("sandbox-life", kvm, CLOCK_MONOTONIC);
	over |= row("sandbox-life-cpu", kvm, CLOCK_THREAD_CPUTIME_ID);
	return over;
}
