/* SPDX-License-Identifier: ISC */
/*
 * The guest of regress/guest/gdb.S: two processors in 64-bit kernel code, put
 * there by hand, with tables that map it at the top of the address space and
 * its code without the right to write.
 */
#ifndef GDBGUEST_H
#define GDBGUEST_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vmm.h"

#define GDBGUEST_CPUS 2
#define GDBGUEST_MEMORY (64 * 1024)
#define GDBGUEST_BASE 0xffffffff80000000ULL
#define GDBGUEST_TEXT 0x1000 /* the image, by physical address */
#define GDBGUEST_DATA 0x3000 /* from here on it may write */
#define GDBGUEST_TABLES 0x8000
/* From the start of the image: the other processor, and the probe's code. */
#define GDBGUEST_OTHER 0x100
#define GDBGUEST_PROBE 0x180
#define GDBGUEST_PROBE_OUT 0x189

struct gdbguest {
	struct vm *vm;
	struct vcpu *vcpu[GDBGUEST_CPUS];
	uint8_t image[GDBGUEST_MEMORY];
	size_t len;
	int kvm;
};

static inline bool
gdbguest_map(struct vm *vm)
{
	const uint64_t t = GDBGUEST_TABLES;
	uint64_t page[4][512] = { { 0 } };
	unsigned int i;

	page[0][511] = (t + 0x1000) | 3;
	page[1][510] = (t + 0x2000) | 3;
	page[2][0] = (t + 0x3000) | 3;
	for (i = 0; i < GDBGUEST_MEMORY / 4096; i++)
		page[3][i] =
		    i * 4096ULL | (i * 4096ULL < GDBGUEST_DATA ? 1U : 3U);
	return vm_copyin(vm, page, t, sizeof(page)) == 0;
}

static inline bool
gdbguest_enter(struct vcpu *vcpu, uint64_t rip, uint64_t rsp)
{
	const struct vcpu_seg code = { 0, 0xffffffff, 0xa09b, 8 };
	const struct vcpu_seg data = { 0, 0xffffffff, 0xc093, 16 };
	struct vcpu_regs r = { .rip = rip, .rsp = rsp, .rflags = 2 };
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		return false;
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x80010033;
	s.cr3 = GDBGUEST_TABLES;
	s.cr4 = 0x620;
	s.efer = 0xd00;
	return vcpu_set_sregs(vcpu, &s) == 0 && vcpu_set_regs(vcpu, &r) == 0;
}

static inline bool
gdbguest_start(struct gdbguest *g, const char *image)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GDBGUEST_MEMORY,
		.ncpus = GDBGUEST_CPUS };
	const uint64_t text = GDBGUEST_BASE + GDBGUEST_TEXT;
	int i, fd = open(image, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, g->image, GDBGUEST_TABLES - GDBGUEST_TEXT);
	close(fd);
	g->kvm = vmm_open(NULL);
	if (n <= 0 || g->kvm == -1 || vmm_cancel_signal_init(0) == -1 ||
	    vm_create(g->kvm, &params, &g->vm) == -1 ||
	    vm_copyin(g->vm, g->image, GDBGUEST_TEXT, (size_t)n) == -1 ||
	    !gdbguest_map(g->vm))
		return false;
	g->len = GDBGUEST_DATA - GDBGUEST_TEXT;
	for (i = 0; i < GDBGUEST_CPUS; i++)
		if (vcpu_open(g->vm, (uint32_t)i, &g->vcpu[i]) == -1 ||
		    !gdbguest_enter(g->vcpu[i],
			text + (uint64_t)i * GDBGUEST_OTHER,
			GDBGUEST_BASE + 0x5000 + 0x1000ULL * (uint64_t)i))
			return false;
	return true;
}

/*
 * Whether this host's KVM exits for a setting, before the probe's code has
 * come to its port; patched: with an INT3 in place of that.
 */
static inline bool
gdbguest_has(const char *image, const struct vcpu_debug *debug, bool patched)
{
	const uint64_t at = GDBGUEST_TEXT + GDBGUEST_PROBE_OUT;
	static struct gdbguest g;
	const uint8_t int3 = 0xcc;
	struct vm_exit e;
	bool has;

	has = gdbguest_start(&g, image) &&
	    gdbguest_enter(g.vcpu[0],
		GDBGUEST_BASE + GDBGUEST_TEXT + GDBGUEST_PROBE,
		GDBGUEST_BASE + 0x5000) &&
	    (!patched || vm_copyin(g.vm, &int3, at, 1) == 0) &&
	    vcpu_set_debug(g.vcpu[0], debug) == 0 &&
	    vm_run(g.vcpu[0], &e) == 0 &&
	    (e.reason == VM_EXIT_DEBUG ||
		(patched && e.reason == VM_EXIT_INTERNAL_ERROR));
	vm_destroy(g.vm);
	close(g.kvm);
	g.vm = NULL;
	return has;
}

/* Prints what of a debugger's wishes this host's KVM fulfils. */
static inline void
gdbguest_print_abilities(const char *image)
{
	static const uint64_t base = GDBGUEST_BASE;
	const struct {
		const char *name;
		bool patched;
		struct vcpu_debug debug;
	} rows[] = {
		{ "step", false, { .flags = VCPU_DEBUG_STEP } },
		{ "code", false,
		    { .point[0] = { VCPU_POINT_EXEC, 1,
			  base + GDBGUEST_TEXT + GDBGUEST_PROBE_OUT } } },
		{ "data", false,
		    { .point[0] = { VCPU_POINT_WRITE, 8,
			  base + GDBGUEST_DATA } } },
		{ "int3", true, { .flags = VCPU_DEBUG_INT3 } },
	};
	size_t i;

	printf("has:");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gdbguest_has(image, &rows[i].debug, rows[i].patched))
			printf(" %s", rows[i].name);
	printf("\n");
}

/* How many bytes of the code are not what they were. */
static inline unsigned int
gdbguest_changed(struct gdbguest *g)
{
	const uint8_t *now = vm_map_gpa(g->vm, GDBGUEST_TEXT, g->len);
	unsigned int wrong = 0;
	size_t i;

	for (i = 0; now != NULL && i < g->len; i++)
		wrong += now[i] != g->image[i];
	return now != NULL ? wrong : ~0U;
}

static inline uint64_t
gdbguest_counter(struct gdbguest *g)
{
	const uint64_t *now = vm_map_gpa(g->vm, GDBGUEST_DATA, 8);

	return now != NULL ? __atomic_load_n(now, __ATOMIC_RELAXED) : 0;
}

#endif /* GDBGUEST_H */
