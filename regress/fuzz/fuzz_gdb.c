/* SPDX-License-Identifier: ISC */
/*
 * A client of the gdb server that says what it likes, and vCPUs that stop when
 * they like, on a VM without a hypervisor.  Reaches all of libvmm/gdb.  A line
 * of the input is the content of a packet, framed here; one that begins with
 * '!' is an event of the host or raw bytes.
 */
#include "fake_vmm.h"
#include "gdb_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool refused; /* a vCPU did not take a setting; it keeps the old one */

static void
attach(void)
{
	(void)vm_gdb_attach(gdb_client.gdb);
}

static void
debug_exit(const uint8_t *p, size_t len)
{
	struct vm_exit e = { .reason = VM_EXIT_DEBUG };
	struct vcpu *vcpu;

	if (len < 6)
		return;
	vcpu = fake_vmm.vcpu[p[0] % FAKE_CPUS];
	if (!vm_gdb_may_run(gdb_client.gdb, vcpu))
		return;
	if (p[1] % 4 == 3)
		e.reason = VM_EXIT_INTERNAL_ERROR;
	e.u.debug.exception = p[1] & 3;
	e.u.debug.dr6 = p[2] | (uint64_t)p[3] << 8;
	e.u.debug.pc = p[4] | (uint64_t)p[5] << 8;
	fake_vmm.state[p[0] % FAKE_CPUS].regs.rip = e.u.debug.pc;
	(void)vm_gdb_exit(gdb_client.gdb, vcpu, &e);
}

static void
event(const uint8_t *p, size_t len)
{
	switch (len > 0 ? p[0] : 0) {
	case 's':
		vm_gdb_stopped(gdb_client.gdb);
		break;
	case 'e':
		debug_exit(p + 1, len - 1);
		break;
	case 'h':
		vm_gdb_hangup(gdb_client.gdb);
		break;
	case 'a':
		attach();
		break;
	case 'c':
		vm_gdb_crashed(gdb_client.gdb, fake_vmm.vcpu[1], "why not");
		break;
	case 'q':
		vm_gdb_ended(gdb_client.gdb);
		break;
	case 'n':
		fake_vmm.refuse = fake_vmm.refuse == 0 ? EINVAL : 0;
		refused = true;
		break;
	case 'o':
		gdb_client.at_once = !gdb_client.at_once;
		break;
	default:
		vm_gdb_input(gdb_client.gdb, p, len);
		break;
	}
}

/* Nothing of the debugger's is left in the guest. */
static void
look(void)
{
	int i, n;

	vm_gdb_hangup(gdb_client.gdb);
	vm_gdb_stopped(gdb_client.gdb);
	if (vm_gdb_is_attached(gdb_client.gdb))
		abort();
	for (i = 0; i < FAKE_CPUS; i++) {
		const struct vcpu_debug *d = &fake_vmm.state[i].debug;

		if (!vm_gdb_may_run(gdb_client.gdb, fake_vmm.vcpu[i]))
			abort();
		for (n = 0; n < VCPU_POINTS && !refused; n++)
			if (d->point[n].kind != VCPU_POINT_NONE)
				abort();
		if (d->flags != 0 && !refused)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size, *line;

	if (!fake_vmm_start() || !gdb_client_start(fake_vmm.vm))
		abort();
	refused = false;
	attach();
	vm_gdb_stopped(gdb_client.gdb);
	while (data < end) {
		line = data;
		data = memchr(line, '\n', (size_t)(end - line));
		if (data == NULL)
			data = end;
		if (*line == '!')
			event(line + 1, (size_t)(data - line - 1));
		else
			gdb_say_bytes(line, (size_t)(data - line));
		if (data < end)
			data++;
		gdb_client.len = 0;
	}
	look();
	gdb_client_stop();
	fake_vmm_stop();
	return 0;
}
