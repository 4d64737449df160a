/* SPDX-License-Identifier: ISC */
/*
 * KVM's binary statistics (Documentation/virt/kvm/api.rst, 4.133): a
 * descriptor of the VM and one of each vCPU, from which a header, descriptions
 * and values are read.  The kernel is trusted, but its descriptions are of any
 * version: what they say is bounded before it is used.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../handle.h"
#include "kvm.h"

#define NAME_SIZE_MAX 512U
#define NO_STATS (-2) /* this KVM has none */

int
kvm_stats_open(int fd)
{
	int stats_fd = ioctl(fd, KVM_GET_STATS_FD, 0);

	/* A kernel that does not know the request says one of these. */
	if (stats_fd == -1 && (errno == ENOTTY || errno == EINVAL))
		return NO_STATS;
	return stats_fd;
}

void
kvm_stats_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Exactly len bytes. */
static int
kvm_stats_pread(int fd, void *buf, size_t len, uint32_t offset)
{
	ssize_t n = pread(fd, buf, len, offset);

	if (n == -1)
		return -1;
	if ((size_t)n != len) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

static int
kvm_stats_bad(void)
{
	errno = EPROTO;
	return -1;
}

/* Kinds and units have our order. */
_Static_assert(
    KVM_STATS_TYPE_LOG_HIST >> KVM_STATS_TYPE_SHIFT == VM_STAT_LOG_HIST &&
	KVM_STATS_TYPE_PEAK >> KVM_STATS_TYPE_SHIFT == VM_STAT_PEAK,
    "kinds of statistics");
_Static_assert(
    KVM_STATS_UNIT_BOOLEAN >> KVM_STATS_UNIT_SHIFT == VM_STAT_BOOLEAN &&
	KVM_STATS_UNIT_SECONDS >> KVM_STATS_UNIT_SHIFT == VM_STAT_SECONDS,
    "units of statistics");

/* One description; name_size bytes of name follow it. */
static int
kvm_stats_one(const struct kvm_stats_desc *k, const char *name,
    size_t name_size, uint32_t first, struct stats_table *table)
{
	struct vm_stat_desc d = { .size = sizeof(d) };
	uint32_t kind =
	    (k->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT;
	uint32_t unit =
	    (k->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
	size_t len = strnlen(name, name_size);

	if (len == 0 || len == name_size || k->size == 0 ||
	    k->offset % sizeof(uint64_t) != 0 ||
	    k->offset / sizeof(uint64_t) > STATS_VALUES_MAX - first)
		return kvm_stats_bad();
	/* Of a kind that is newer than this library. */
	if (kind > VM_STAT_LOG_HIST || unit > VM_STAT_BOOLEAN ||
	    (k->flags & KVM_STATS_BASE_MASK) > KVM_STATS_BASE_MAX)
		return 0;
	if (len > VM_STAT_NAME_MAX)
		len = VM_STAT_NAME_MAX;
	memcpy(d.name, name, len);
	d.kind = kind;
	d.unit = unit;
	d.base =
	    (k->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2 ? 2 : 10;
	d.exponent = k->exponent;
	d.bucket = k->bucket_size;
	d.values = k->size;
	d.first = first + k->offset / (uint32_t)sizeof(uint64_t);
	return stats_table_add(table, &d);
}

int
kvm_stats_parse(const struct kvm_stats_header *h, const void *block, size_t len,
    struct stats_table *table)
{
	size_t each = sizeof(struct kvm_stats_desc) + h->name_size;
	const uint32_t first = table->values;
	struct kvm_stats_desc k;
	uint32_t i;

	if (h->name_size == 0 || h->name_size > NAME_SIZE_MAX ||
	    h->num_desc > STATS_DESCS_MAX || len != h->num_desc * each)
		return kvm_stats_bad();
	if (h->num_desc != 0 && stats_table_reserve(table, h->num_desc) == -1)
		return -1;
	for (i = 0; i < h->num_desc; i++) {
		const char *at = (const char *)block + i * each;

		memcpy(&k, at, sizeof(k));
		if (kvm_stats_one(
			&k, at + sizeof(k), h->name_size, first, table) == -1)
			return -1;
	}
	return 0;
}

/* The descriptor of the VM or of the vCPU. */
static int
kvm_stats_fd(const struct vm *vm, const struct vcpu *vcpu)
{
	const struct kvm_vm *kv = vm->priv;

	return vcpu != NULL ? ((const struct kvm_vcpu *)vcpu->priv)->stats_fd
			    : kv->stats_fd;
}

int
kvm_stats_describe(struct vm *vm, struct vcpu *vcpu, struct stats_table *table)
{
	int fd = kvm_stats_fd(vm, vcpu), rc, err;
	struct kvm_vm *kv = vm->priv;
	struct kvm_stats_header h;
	size_t len;
	void *block;

	if (fd == NO_STATS)
		return 0;
	if (kvm_stats_pread(fd, &h, sizeof(h), 0) == -1)
		return -1;
	if (h.name_size > NAME_SIZE_MAX || h.num_desc > STATS_DESCS_MAX)
		return kvm_stats_bad();
	len = h.num_desc * (sizeof(struct kvm_stats_desc) + h.name_size);
	block = malloc(len + 1);
	if (block == NULL)
		return -1;
	rc = kvm_stats_pread(fd, block, len, h.desc_offset);
	if (rc == 0)
		rc = kvm_stats_parse(&h, block, len, table);
	err = errno;
	free(block);
	errno = err;
	kv->stats_offset[vcpu != NULL] = h.data_offset;
	return rc;
}

int
kvm_stats_read(struct vm *vm, struct vcpu *vcpu, uint64_t *values, size_t n)
{
	const struct kvm_vm *kv = vm->priv;
	int fd = kvm_stats_fd(vm, vcpu);

	if (fd == NO_STATS || n == 0)
		return 0;
	return kvm_stats_pread(
	    fd, values, n * sizeof(*values), kv->stats_offset[vcpu != NULL]);
}
