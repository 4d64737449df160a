/* SPDX-License-Identifier: ISC */
/*
 * Named memory of devices, as the VM keeps it.
 */
#ifndef DEVMEM_H
#define DEVMEM_H

#include <stdint.h>

#include "vmm_memory.h"

struct devmem {
	struct devmem *next;
	char name[VM_SEGMENT_NAME_MAX];
	uint8_t *host;
	uint64_t len;
	int fd;
};

/* Frees all of them; no region of the VM uses them any more. */
void devmem_free_all(struct vm *vm);

#endif /* DEVMEM_H */
