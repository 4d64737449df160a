/* SPDX-License-Identifier: ISC */
/*
 * The notes of a dump: what each vCPU has in its registers, in the three forms
 * that debuggers read, and what the guest says of itself.  Runs in the process
 * that holds the VM.  Layouts: elf_prstatus of Linux; the XSAVE area of SDM 1,
 * 13.4, with XCR0 at byte 464, where Linux' core files have it; QEMU's CPU
 * state, version 1, from which crash(8) finds the kernel.  Invariant: a note
 * begins and ends at a multiple of four.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include "dump.h"
#include "handle.h"
#include "vmm_dump.h"

#define NOTE_ALIGN(n) (((n) + 3U) & ~(size_t)3)
#define NOTE_NAME_MAX 16U
#define NOTE_QEMU 0U /* type of both: QEMU's and VMCOREINFO */
#define NOTE_VMCOREINFO "VMCOREINFO"

#define XSAVE_LEGACY 576U /* x87, SSE and the header: always there */
#define XCR0_LEGACY 3 /* x87 and SSE */
#define XSAVE_XCR0 464U
#define XSAVE_LEAF 0xdU

#define MSR_KERNEL_GS_BASE 0xc0000102U

struct note_segment {
	uint32_t selector;
	uint32_t limit;
	uint32_t flags; /* bits 8 to 23 of a descriptor's upper half */
	uint32_t pad;
	uint64_t base;
};

struct note_qemu {
	uint32_t version;
	uint32_t size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	struct note_segment cs, ds, es, fs, gs, ss;
	struct note_segment ldt, tr, gdt, idt;
	uint64_t cr[5];
	uint64_t kernel_gs_base;
};
_Static_assert(sizeof(struct note_qemu) == 440, "QEMU's layout");
_Static_assert(sizeof(struct elf_prstatus) == 336, "Linux' layout");

/* One vCPU's registers. */
struct note_cpu {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	uint64_t kernel_gs_base;
	uint64_t xcr0;
	size_t xsave_len;
	uint8_t xsave[VMM_XSAVE_MAX];
};

/* What one vCPU's three notes take at most. */
#define NOTE_CPU_MAX                                      \
	(3 * (sizeof(Elf64_Nhdr) + NOTE_NAME_MAX) +       \
	    sizeof(struct elf_prstatus) + VMM_XSAVE_MAX + \
	    sizeof(struct note_qemu))

size_t
vm_dump_note_len(const void *bytes, size_t len)
{
	static const char name[] = NOTE_VMCOREINFO;
	Elf64_Nhdr head;
	size_t total;

	errno = EINVAL;
	if (len < sizeof(head) + NOTE_ALIGN(sizeof(name)))
		return 0;
	memcpy(&head, bytes, sizeof(head));
	if (head.n_namesz != sizeof(name) || head.n_descsz == 0 ||
	    head.n_descsz > VM_DUMP_VMCOREINFO_MAX ||
	    memcmp((const uint8_t *)bytes + sizeof(head), name, sizeof(name)) !=
		0)
		return 0;
	total = sizeof(head) + NOTE_ALIGN(sizeof(name)) +
	    NOTE_ALIGN((size_t)head.n_descsz);
	return total <= len ? total : 0;
}

/* Adds a note's head; returns where its len bytes, zeroes now, belong. */
static void *
note_add(struct dump_notes *notes, const char *name, uint32_t type, size_t len)
{
	const Elf64_Nhdr head = { .n_namesz = (uint32_t)strlen(name) + 1,
		.n_descsz = (uint32_t)len,
		.n_type = type };
	uint8_t *at = notes->bytes + notes->len;
	size_t front = sizeof(head) + NOTE_ALIGN((size_t)head.n_namesz);

	memset(at, 0, front + NOTE_ALIGN(len));
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), name, head.n_namesz);
	notes->len += front + NOTE_ALIGN(len);
	return at + front;
}

/* How much of the XSAVE area counts: as far as the parts in xcr0 reach. */
static size_t
note_xsave_len(struct vm *vm, uint64_t xcr0)
{
	const struct cpuid_leaf *leaf;
	size_t end, len = XSAVE_LEGACY;
	uint32_t part;

	for (part = 2; part < 63; part++) {
		if ((xcr0 >> part & 1) == 0)
			continue;
		leaf = cpuid_find(&vm->cpuid, XSAVE_LEAF, part);
		if (leaf == NULL)
			continue;
		end = (size_t)leaf->reg[CPUID_EBX] + leaf->reg[CPUID_EAX];
		if (end > len)
			len = end;
	}
	return len < VMM_XSAVE_MAX ? len : VMM_XSAVE_MAX;
}

static int
note_read_xsave(struct vcpu *vcpu, struct note_cpu *cpu)
{
	size_t room;

	if (vcpu->be->xsave_size(vcpu, &room) == -1)
		return -1;
	if (room > sizeof(cpu->xsave)) {
		errno = EOVERFLOW;
		return -1;
	}
	if (vcpu->be->get_xsave(vcpu, cpu->xsave, room) == -1)
		return -1;
	if (vcpu->be->get_xcr(vcpu, 0, &cpu->xcr0) == -1) {
		/* Without XSAVE the area is FXSAVE's: x87 and SSE. */
		if (errno != EINVAL)
			return -1;
		cpu->xcr0 = XCR0_LEGACY;
	}
	return 0;
}

static int
note_read_cpu(struct vcpu *vcpu, struct note_cpu *cpu)
{
	const struct vmm_backend *be = vcpu->be;

	if (be->get_regs(vcpu, &cpu->regs) == -1 ||
	    be->get_sregs(vcpu, &cpu->sregs) == -1 ||
	    be->get_msr(vcpu, MSR_KERNEL_GS_BASE, &cpu->kernel_gs_base) == -1 ||
	    note_read_xsave(vcpu, cpu) == -1)
		return -1;
	cpu->xsave_len = note_xsave_len(vcpu->vm, cpu->xcr0);
	memcpy(cpu->xsave + XSAVE_XCR0, &cpu->xcr0, sizeof(cpu->xcr0));
	return 0;
}

static void
note_prstatus(struct dump_notes *notes, uint32_t id, const struct note_cpu *cpu)
{
	const struct vcpu_regs *r = &cpu->regs;
	const struct vcpu_sregs *s = &cpu->sregs;
	const struct user_regs_struct user = {
		.r15 = r->r15,
		.r14 = r->r14,
		.r13 = r->r13,
		.r12 = r->r12,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.r11 = r->r11,
		.r10 = r->r10,
		.r9 = r->r9,
		.r8 = r->r8,
		.rax = r->rax,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rip = r->rip,
		.cs = s->cs.selector,
		.eflags = r->rflags,
		.rsp = r->rsp,
		.ss = s->ss.selector,
		.fs_base = s->fs.base,
		.gs_base = s->gs.base,
		.ds = s->ds.selector,
		.es = s->es.selector,
		.fs = s->fs.selector,
		.gs = s->gs.selector,
	};
	struct elf_prstatus status = { .pr_pid = (pid_t)id + 1 };

	/* Not a system call: gdb would wind it back. */
	memcpy(status.pr_reg, &user, sizeof(user));
	memcpy(note_add(notes, "CORE", NT_PRSTATUS, sizeof(status)), &status,
	    sizeof(status));
}

/* access has the VMX form: what lies between its halves is the limit's. */
static struct note_segment
note_segment(const struct vcpu_seg *seg)
{
	return (struct note_segment) {
		.selector = seg->selector,
		.limit = seg->limit,
		.flags = (seg->access & 0xf0ffU) << 8,
		.base = seg->base,
	};
}

static struct note_segment
note_table(const struct vcpu_table *table)
{
	return (
	    struct note_segment) { .limit = table->limit, .base = table->base };
}

static void
note_qemu(struct dump_notes *notes, const struct note_cpu *cpu)
{
	const struct vcpu_regs *r = &cpu->regs;
	const struct vcpu_sregs *s = &cpu->sregs;
	const struct note_qemu state = {
		.version = 1,
		.size = sizeof(state),
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rsp = r->rsp,
		.rbp = r->rbp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rip = r->rip,
		.rflags = r->rflags,
		.cs = note_segment(&s->cs),
		.ds = note_segment(&s->ds),
		.es = note_segment(&s->es),
		.fs = note_segment(&s->fs),
		.gs = note_segment(&s->gs),
		.ss = note_segment(&s->ss),
		.ldt = note_segment(&s->ldtr),
		.tr = note_segment(&s->tr),
		.gdt = note_table(&s->gdtr),
		.idt = note_table(&s->idtr),
		.cr = { s->cr0, 0, s->cr2, s->cr3, s->cr4 },
		.kernel_gs_base = cpu->kernel_gs_base,
	};

	memcpy(note_add(notes, "QEMU", NOTE_QEMU, sizeof(state)), &state,
	    sizeof(state));
}

/* What the guest gave, if it is what it should be. */
static int
note_guest(struct dump_notes *notes, const struct vm_dump_params *params)
{
	size_t len =
	    vm_dump_note_len(params->vmcoreinfo, params->vmcoreinfo_len);

	if (len == 0)
		return -1;
	memcpy(notes->bytes + notes->len, params->vmcoreinfo, len);
	notes->len += len;
	return 0;
}

static int
note_cpus(struct dump_notes *notes, struct vm *vm, struct note_cpu *cpu)
{
	struct vcpu *vcpu;
	uint32_t id;

	for (id = 0; id < VMM_MAX_VCPUS; id++) {
		vcpu = atomic_load(&vm->vcpus[id]);
		if (vcpu == NULL)
			continue;
		if (note_read_cpu(vcpu, cpu) == -1)
			return -1;
		/* gdb takes what follows a status to be of the same thread. */
		note_prstatus(notes, id, cpu);
		memcpy(note_add(notes, "LINUX", NT_X86_XSTATE, cpu->xsave_len),
		    cpu->xsave, cpu->xsave_len);
		note_qemu(notes, cpu);
	}
	if (notes->len == 0) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

int
dump_notes_make(struct dump_notes *notes, struct vm *vm,
    const struct vm_dump_params *params)
{
	bool guest = params != NULL && params->vmcoreinfo != NULL;
	struct note_cpu *cpu;
	int rc = -1, err;

	notes->room = vm->params.ncpus * NOTE_CPU_MAX +
	    (guest ? 64 + VM_DUMP_VMCOREINFO_MAX : 0);
	notes->bytes = malloc(notes->room);
	cpu = calloc(1, sizeof(*cpu));
	if (notes->bytes != NULL && cpu != NULL)
		rc = note_cpus(notes, vm, cpu);
	if (rc == 0 && guest)
		rc = note_guest(notes, params);
	err = errno;
	free(cpu);
	errno = err;
	return rc;
}
