/* SPDX-License-Identifier: ISC */
/*
 * Row "exit": one port I/O exit and back through vm_run(), against the same
 * loop on bare ioctls, each on a VM of its own, run in turn.
 */
#include "small.h"

#define ROUNDS 1501 /* many and short: a busy host spoils only some */
#define EXITS 16
#define BAR 1.05

/* 0: out 0xf0, al; jmp 0 */
static const uint8_t code[] = { 0xe6, SMALL_PORT, 0xeb, 0xfc };

static double
ours_loop(const struct small_ours *ours)
{
	double t = measure_now();
	int i;

	for (i = 0; i < EXITS; i++)
		small_ours_run(ours);
	return (measure_now() - t) / EXITS;
}

static double
bare_loop(const struct small_bare *bare)
{
	double t = measure_now();
	int i;

	for (i = 0; i < EXITS; i++)
		small_bare_run(bare);
	return (measure_now() - t) / EXITS;
}

int
main(void)
{
	static double o[ROUNDS], p[ROUNDS];
	int kvm = vmm_open(NULL), i;
	struct small_ours ours;
	struct small_bare bare;

	if (kvm == -1)
		return measure_skipped("exit", BAR);
	small_ours_open(kvm, &ours, code, sizeof(code));
	small_bare_open(kvm, &bare, code, sizeof(code));
	(void)ours_loop(&ours); /* warm */
	(void)bare_loop(&bare);
	for (i = 0; i < ROUNDS; i++) {
		if (i % 2 == 0)
			o[i] = ours_loop(&ours);
		p[i] = bare_loop(&bare);
		if (i % 2 != 0)
			o[i] = ours_loop(&ours);
	}
	return measure_row(
	    "exit", measure_median(o, ROUNDS), measure_median(p, ROUNDS), BAR);
}
