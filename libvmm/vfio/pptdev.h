/* SPDX-License-Identifier: ISC */
/*
 * What the files of this folder share: VFIO's container of a VM with its
 * groups and devices, and the table of operations by which all of them reach
 * the kernel, so that a test can be the kernel.
 *
 * A VM has one container, with the legacy interface of /dev/vfio/vfio; it and
 * its lists are guarded by the VM's lock.  What belongs to one device is
 * guarded by the device's lock, which is taken first.
 *
 * System calls, all in vfio_kernel.c: openat (/dev/vfio, and sysfs for
 * vm_assign_pptdev), readlinkat, getdents64, close, ioctl (VFIO_*), mmap,
 * munmap, pread64, pwrite64, eventfd2, prlimit64 (none to change a limit).
 */
#ifndef PPTDEV_H
#define PPTDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm_pptdev.h"

struct memmap_region;
struct vm;

#define VFIO_GROUPS 16 /* of one VM */
#define VFIO_AREAS 8 /* mappable parts of one BAR */
#define VFIO_BARS (VM_PPTDEV_ROM + 1)
#define VFIO_MSI_MAX 32
#define VFIO_MSIX_MAX 2048
#define VFIO_CONFIG 256 /* bytes of configuration space that are written */
#define VFIO_TABLE_ENTRY 16U /* bytes, of the MSI-X table */
#define VFIO_PAGE 4096ULL

/*
 * The kernel.  arg is the table's owner's; the rest is as in section 2 of the
 * manual: -1, NULL (mmap: MAP_FAILED) with errno.
 */
struct vfio_ops {
	int (*open_rw)(void *arg, const char *path);
	void (*close)(void *arg, int fd);
	ssize_t (*readlink)(
	    void *arg, const char *path, char *buf, size_t size);
	/* 1: the folder has entries, 0: none, or there is no such folder. */
	int (*populated)(void *arg, const char *path);
	int (*control)(void *arg, int fd, unsigned long request, void *p);
	void *(*map)(void *arg, size_t len, int prot, int fd, uint64_t off);
	void (*unmap)(void *arg, void *p, size_t len);
	ssize_t (*pread)(
	    void *arg, int fd, void *buf, size_t len, uint64_t off);
	ssize_t (*pwrite)(
	    void *arg, int fd, const void *buf, size_t len, uint64_t off);
	int (*eventfd)(void *arg);
	/* Tells KVM of a group, for cache coherency; 0 where it need not. */
	int (*kvm_group)(void *arg, struct vm *vm, int group_fd, bool add);
};

extern const struct vfio_ops vfio_ops_kernel;

struct vfio_group {
	uint32_t number;
	int fd;
	unsigned int users; /* 0: free */
};

struct vfio {
	const struct vfio_ops *ops;
	void *arg;
	int fd; /* the container */
	bool dma; /* the IOMMU is set, memory is mapped */
	struct vfio_group group[VFIO_GROUPS];
	struct vm_pptdev *devices;
};

struct vfio_area {
	uint64_t off, len; /* in the BAR */
	uint8_t *host; /* NULL: not mapped into this process yet */
	bool in_guest; /* at the BAR's gpa + off */
};

struct vfio_bar {
	uint64_t size, off; /* off: in the device's descriptor */
	uint32_t flags; /* VM_PPTDEV_BAR_* */
	bool read, write;
	int areas;
	struct vfio_area area[VFIO_AREAS];
	bool mapped; /* all areas are */
	uint64_t gpa;
};

enum vfio_irq_kind {
	VFIO_IRQ_NONE,
	VFIO_IRQ_INTX,
	VFIO_IRQ_MSI,
	VFIO_IRQ_MSIX
};

struct vfio_vector {
	int fd; /* eventfd, -1: none */
	bool bound; /* KVM takes it, as route */
	uint32_t route;
};

/* What the guest wrote to an entry of the MSI-X table. */
struct vfio_entry {
	uint32_t word[VFIO_TABLE_ENTRY / 4];
};

struct vm_pptdev {
	struct vm_pptdev *next;
	struct vm *vm;
	struct vfio *vfio;
	struct vfio_group *group;
	pthread_mutex_t lock;
	char address[16];
	int fd;
	bool can_reset;
	struct vfio_bar bar[VFIO_BARS];

	/* Configuration space: see vfio_config.c. */
	uint64_t config_off;
	uint32_t config_size;
	uint8_t shadow[VFIO_CONFIG]; /* what libvmm keeps */
	uint8_t kept[VFIO_CONFIG]; /* bit set: it is in shadow */
	uint8_t writable[VFIO_CONFIG]; /* bit set: the guest may write it */
	uint8_t cap_msi, cap_msix, cap_express; /* 0: none */

	/* The MSI-X table: in which BAR, and what the guest has in it. */
	int table_bar; /* -1: none */
	uint64_t table_off;
	struct vfio_entry *table;

	/* Interrupts: see vfio_irq.c. */
	enum vfio_irq_kind irq;
	uint32_t intx_limit, msi_limit, msix_limit;
	bool can_notify[2];
	uint32_t nvectors; /* of irq */
	struct vfio_vector *vector; /* as many as the larger limit */
	int resample_fd;
	int intx_gsi; /* the line of INTA while no messages are on; -1: none */
};

/* --- vfio_host.c: what sysfs says ---------------------------------------- */

/* Whether address is one; then, with host lookups, its group's number. */
int vfio_host_address(const char *address);
int vfio_host_group(const struct vfio_ops *ops, void *arg, const char *address,
    uint32_t *group);

/* --- vfio_group.c: container and groups; the VM's lock is held ------------ */

/* The VM's container, made if there is none; borrowed. */
struct vfio *vfio_get(struct vm *vm, const struct vfio_ops *ops, void *arg);
/* Closes it when no group is left. */
void vfio_put(struct vm *vm);

/* A user more of a group; the first group maps the memory. */
struct vfio_group *vfio_group_get(struct vm *vm, uint32_t number);
void vfio_group_put(struct vm *vm, struct vfio_group *group);

/* --- vfio_dma.c: memory for DMA; the VM's lock is held -------------------- */

/* Sets the IOMMU and maps what memory there is. */
int vfio_dma_start(struct vm *vm);
/* A region that came or goes; nothing to do without devices. */
int vfio_dma_map(struct vm *vm, const struct memmap_region *region);
int vfio_dma_unmap(struct vm *vm, const struct memmap_region *region);

/* --- vfio_info.c: descriptions ---------------------------------------------
 */

/*
 * The answer to a question of size bytes, which begins with argsz and flags,
 * and the capabilities behind it: owned, argsz says how much there is.
 */
void *vfio_info(const struct vfio *v, int fd, unsigned long request,
    const void *question, uint32_t size);

/* The capability of id in a chain within size bytes (borrowed), or NULL. */
struct vfio_info_cap_header;
struct vfio_info_cap_header *vfio_find_cap(
    void *info, uint32_t size, uint32_t first, uint16_t id);

/* --- vfio_device.c: assignment ------------------------------------------- */

/* vm_assign_pptdev() with a kernel of one's own, which must outlive it. */
int vfio_assign(struct vm *vm, const char *address, const struct vfio_ops *ops,
    void *arg, struct vm_pptdev **devp);

int vfio_ioctl(struct vm_pptdev *dev, unsigned long request, void *p);

/* --- the device's parts; its lock is held or nobody else has it ----------- */

int vfio_bar_init(struct vm_pptdev *dev);
/* Takes the pages of the MSI-X table out of what can be mapped. */
void vfio_bar_hide_table(struct vm_pptdev *dev);
int vfio_bar_unmap(struct vm_pptdev *dev, int bar);
void vfio_bar_fini(struct vm_pptdev *dev);

int vfio_config_init(struct vm_pptdev *dev);
/* All of len bytes or -1; ENODEV where the device does not answer. */
int vfio_config_get(
    struct vm_pptdev *dev, uint32_t off, void *buf, uint32_t len);
/* The registers as after power-up. */
void vfio_config_reset(struct vm_pptdev *dev);
int vfio_reset(struct vm_pptdev *dev);

int vfio_irq_init(struct vm_pptdev *dev);
/* Ends one kind, if it is on; a line that was set comes back. */
int vfio_irq_end(struct vm_pptdev *dev, enum vfio_irq_kind kind);
void vfio_irq_fini(struct vm_pptdev *dev);
int vfio_irq_msi(
    struct vm_pptdev *dev, uint64_t addr, uint32_t data, uint32_t count);
int vfio_irq_msix_on(struct vm_pptdev *dev);
int vfio_irq_msix(struct vm_pptdev *dev, uint32_t idx, uint64_t addr,
    uint32_t data, uint32_t control);

/* The guest's MSI-X table and switches, brought into effect. */
int vfio_msix_apply(struct vm_pptdev *dev, uint32_t first, uint32_t count);
int vfio_msix_read(
    struct vm_pptdev *dev, uint64_t off, uint32_t len, uint64_t *value);
int vfio_msix_write(
    struct vm_pptdev *dev, uint64_t off, uint32_t len, uint64_t value);
void vfio_msix_reset(struct vm_pptdev *dev);

#endif /* PPTDEV_H */
