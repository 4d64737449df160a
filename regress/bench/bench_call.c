/* SPDX-License-Identifier: ISC */
/*
 * Row "call": arguments into a guest that is ready, a run, the result out of
 * it; through libvmm and by bare ioctls, each on a VM of its own, run in turn.
 */
#include "call.h"

#define ROUNDS 1501 /* many and short: a busy host spoils only some */
#define CALLS 16
#define BAR 1.05

static double
ours_loop(const struct small_ours *ours, uint32_t n)
{
	double t = measure_now();
	uint32_t i;

	for (i = 0; i < CALLS; i++)
		call_ours(ours, n, i);
	return (measure_now() - t) / CALLS;
}

static double
bare_loop(const struct small_bare *bare, uint32_t n)
{
	double t = measure_now();
	uint32_t i;

	for (i = 0; i < CALLS; i++)
		call_bare(bare, n, i);
	return (measure_now() - t) / CALLS;
}

int
main(void)
{
	static double o[ROUNDS], p[ROUNDS];
	int kvm = vmm_open(NULL);
	struct small_ours ours;
	struct small_bare bare;
	uint32_t i;

	if (kvm == -1)
		return measure_skipped("call", BAR);
	small_ours_open(kvm, &ours, call_code, sizeof(call_code));
	small_bare_open(kvm, &bare, call_code, sizeof(call_code));
	(void)ours_loop(&ours, 0); /* warm */
	(void)bare_loop(&bare, 0);
	for (i = 0; i < ROUNDS; i++) {
		if (i % 2 == 0)
			o[i] = ours_loop(&ours, i);
		p[i] = bare_loop(&bare, i);
		if (i % 2 != 0)
			o[i] = ours_loop(&ours, i);
	}
	return measure_row(
	    "call", measure_median(o, ROUNDS), measure_median(p, ROUNDS), BAR);
}
