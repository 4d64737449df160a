/* SPDX-License-Identifier: ISC */
/*
 * The guest of regress/guest/gdb.S: two processors in 64-bit kernel code, put
 * there by hand, with tables that map it at the top of the address space and
 * its code without the right to write; their threads, and what a gdb server
 * asks of who runs them.
 */
#ifndef GDBGUEST_H
#define GDBGUEST_H

#include <sys/eventfd.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest_gdb.h"
#include "vmm.h"
#include "vmm_gdb.h"

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
#define GDBGUEST_OWN 0x200
/* Words of its data. */
#define GDBGUEST_OWN_DONE 3
#define GDBGUEST_OWN_TRAPS 4
#define GDBGUEST_OWN_RIP 5
#define GDBGUEST_OWN_STEPS 6
#define GDBGUEST_OWN_DR6 7

struct gdbguest {
	int kvm;
	struct vm *vm;
	struct vcpu *vcpu[GDBGUEST_CPUS];
	struct vm_gdb *gdb;
	pthread_t thread[GDBGUEST_CPUS];
	int wake; /* an eventfd: a vCPU stands */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool hold, end;
	unsigned int standing;
	struct vcpu *crashed;
};

/* --- the guest ------------------------------------------------------------ */

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
gdbguest_enter(struct vcpu *vcpu, uint64_t offset)
{
	const struct vcpu_seg code = { 0, 0xffffffff, 0xa09b, 8 };
	const struct vcpu_seg data = { 0, 0xffffffff, 0xc093, 16 };
	struct vcpu_regs r = { .rflags = 2,
		.rip = GDBGUEST_BASE + GDBGUEST_TEXT + offset,
		.rsp = GDBGUEST_BASE + 0x5000 + 0x1000ULL * vcpu_id(vcpu) };
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

/* A machine that stands at its first instructions. */
static inline bool
gdbguest_start(struct gdbguest *g)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GDBGUEST_MEMORY,
		.ncpus = GDBGUEST_CPUS };
	uint32_t i;

	memset(g, 0, sizeof(*g));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
	g->hold = true;
	g->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->kvm = vmm_open(NULL);
	if (g->kvm == -1 || g->wake == -1 || vmm_cancel_signal_init(0) == -1 ||
	    vm_create(g->kvm, &params, &g->vm) == -1 ||
	    vm_copyin(g->vm, guest_gdb, GDBGUEST_TEXT, sizeof(guest_gdb)) ==
		-1 ||
	    !gdbguest_map(g->vm))
		return false;
	for (i = 0; i < GDBGUEST_CPUS; i++)
		if (vcpu_open(g->vm, i, &g->vcpu[i]) == -1 ||
		    !gdbguest_enter(g->vcpu[i], (uint64_t)i * GDBGUEST_OTHER))
			return false;
	return true;
}

static inline void
gdbguest_close(struct gdbguest *g)
{
	vm_destroy(g->vm);
	close(g->kvm);
	close(g->wake);
}

/*
 * How the probe's code ends with a setting: at its port, or before it; patched:
 * with an INT3 in place of that.
 */
static inline enum vm_exit_reason
gdbguest_probe(const struct vcpu_debug *debug, bool patched)
{
	const uint64_t at = GDBGUEST_TEXT + GDBGUEST_PROBE_OUT;
	const uint8_t int3 = 0xcc;
	struct gdbguest g;
	struct vm_exit e = { .reason = VM_EXIT_UNKNOWN };

	if (gdbguest_start(&g) && gdbguest_enter(g.vcpu[0], GDBGUEST_PROBE) &&
	    (!patched || vm_copyin(g.vm, &int3, at, 1) == 0) &&
	    vcpu_set_debug(g.vcpu[0], debug) == 0)
		(void)vm_run(g.vcpu[0], &e);
	gdbguest_close(&g);
	return e.reason;
}

/* The names of what of a debugger's wishes this host's KVM fulfils. */
static inline const char *
gdbguest_abilities(void)
{
	static char names[64];
	static const uint64_t base = GDBGUEST_BASE;
	const struct {
		const char *name;
		bool patched;
		enum vm_exit_reason reason;
		struct vcpu_debug debug;
	} rows[] = {
		{ " step", false, VM_EXIT_DEBUG, { .flags = VCPU_DEBUG_STEP } },
		{ " code", false, VM_EXIT_DEBUG,
		    { .point[0] = { VCPU_POINT_EXEC, 1,
			  base + GDBGUEST_TEXT + GDBGUEST_PROBE_OUT } } },
		{ " data", false, VM_EXIT_DEBUG,
		    { .point[0] = { VCPU_POINT_WRITE, 8,
			  base + GDBGUEST_DATA } } },
		{ " int3", true, VM_EXIT_DEBUG, { .flags = VCPU_DEBUG_INT3 } },
		{ " int3-emulated", true, VM_EXIT_INTERNAL_ERROR,
		    { .flags = VCPU_DEBUG_INT3 } },
	};
	size_t i;

	names[0] = '\0';
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (gdbguest_probe(&rows[i].debug, rows[i].patched) ==
		    rows[i].reason)
			strcat(names, rows[i].name);
	return names;
}

/* How many bytes of the code are not what they were. */
static inline unsigned int
gdbguest_changed(struct gdbguest *g)
{
	const size_t len = GDBGUEST_DATA - GDBGUEST_TEXT;
	const uint8_t *now = vm_map_gpa(g->vm, GDBGUEST_TEXT, len);
	unsigned int wrong = 0;
	size_t i;

	for (i = 0; now != NULL && i < len; i++)
		wrong += now[i] != guest_gdb[i];
	return now != NULL ? wrong : ~0U;
}

/* A word of its data; the first two are what the processors have counted. */
static inline uint64_t
gdbguest_counter(struct gdbguest *g, unsigned int n)
{
	const uint64_t *now = vm_map_gpa(g->vm, GDBGUEST_DATA + 8 * n, 8);

	return now != NULL ? __atomic_load_n(now, __ATOMIC_RELAXED) : 0;
}

/* --- its threads ---------------------------------------------------------- */

static inline void
gdbguest_poke(struct gdbguest *g)
{
	const uint64_t one = 1;

	if (write(g->wake, &one, sizeof(one)) == -1)
		perror("eventfd");
}

/* Stands as long as it must; false: this was the end. */
static inline bool
gdbguest_stand(struct gdbguest *g, struct vcpu *vcpu)
{
	struct vm_exit e;
	bool end;

	while (vcpu_complete(vcpu, &e) == 0 && e.reason != VM_EXIT_CANCELLED)
		if (e.reason == VM_EXIT_DEBUG)
			vm_gdb_exit(g->gdb, vcpu, &e);
	pthread_mutex_lock(&g->lock);
	g->standing++;
	gdbguest_poke(g);
	while (!g->end && (g->hold || !vm_gdb_may_run(g->gdb, vcpu)))
		pthread_cond_wait(&g->changed, &g->lock);
	g->standing--;
	end = g->end;
	pthread_mutex_unlock(&g->lock);
	return !end;
}

static inline bool
gdbguest_must_stand(struct gdbguest *g, struct vcpu *vcpu)
{
	bool yes;

	pthread_mutex_lock(&g->lock);
	yes = g->hold || !vm_gdb_may_run(g->gdb, vcpu);
	pthread_mutex_unlock(&g->lock);
	return yes;
}

static inline void
gdbguest_stop(void *arg)
{
	struct gdbguest *g = arg;

	pthread_mutex_lock(&g->lock);
	g->hold = true;
	pthread_mutex_unlock(&g->lock);
	vm_cancel_all(g->vm);
	gdbguest_poke(g);
}

static inline void
gdbguest_resume(void *arg)
{
	struct gdbguest *g = arg;

	pthread_mutex_lock(&g->lock);
	g->hold = false;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

static inline void
gdbguest_crash(struct gdbguest *g, struct vcpu *vcpu)
{
	pthread_mutex_lock(&g->lock);
	g->crashed = vcpu;
	pthread_mutex_unlock(&g->lock);
	gdbguest_stop(g);
}

struct gdbguest_arg {
	struct gdbguest *g;
	struct vcpu *vcpu;
};

static inline void *
gdbguest_thread(void *arg)
{
	struct gdbguest_arg a = *(struct gdbguest_arg *)arg;
	struct vm_exit e;

	free(arg);
	for (;;) {
		if (gdbguest_must_stand(a.g, a.vcpu) &&
		    !gdbguest_stand(a.g, a.vcpu))
			return NULL;
		if (vm_run(a.vcpu, &e) == -1) {
			perror("vm_run");
			gdbguest_crash(a.g, a.vcpu);
			continue;
		}
		if (e.reason == VM_EXIT_CANCELLED || e.reason == VM_EXIT_PIO)
			continue;
		if ((e.reason == VM_EXIT_DEBUG ||
			e.reason == VM_EXIT_INTERNAL_ERROR) &&
		    (vm_gdb_exit(a.g->gdb, a.vcpu, &e) ||
			e.reason == VM_EXIT_DEBUG))
			continue;
		printf("exit: %s\n", vm_exit_name(e.reason));
		gdbguest_crash(a.g, a.vcpu);
	}
}

/* After vm_gdb_create() for gdb. */
static inline bool
gdbguest_run(struct gdbguest *g)
{
	int i;

	for (i = 0; i < GDBGUEST_CPUS; i++) {
		struct gdbguest_arg *a = malloc(sizeof(*a));

		if (a == NULL)
			return false;
		*a = (struct gdbguest_arg) { g, g->vcpu[i] };
		if (pthread_create(&g->thread[i], NULL, gdbguest_thread, a) !=
		    0)
			return false;
	}
	return true;
}

/* wake is readable: tells the server if all stand. */
static inline void
gdbguest_woken(struct gdbguest *g)
{
	struct vcpu *crashed;
	uint64_t count;
	bool all;

	if (read(g->wake, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&g->lock);
	all = g->hold && g->standing == GDBGUEST_CPUS;
	crashed = g->crashed;
	if (all)
		g->crashed = NULL;
	pthread_mutex_unlock(&g->lock);
	if (all && crashed != NULL)
		vm_gdb_crashed(g->gdb, crashed, "triple fault");
	else if (all)
		vm_gdb_stopped(g->gdb);
}

/* Ends the threads, wherever they are. */
static inline void
gdbguest_end(struct gdbguest *g)
{
	int i;

	gdbguest_stop(g);
	pthread_mutex_lock(&g->lock);
	g->end = true;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	for (i = 0; i < GDBGUEST_CPUS; i++)
		pthread_join(g->thread[i], NULL);
}

#endif /* GDBGUEST_H */
