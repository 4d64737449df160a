/* SPDX-License-Identifier: ISC */
/*
 * See boot.h: finds out what the kernel is and has its loader load it.
 */
#include "boot/boot.h"

#include <stdlib.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/load.h"
#include "pci/machine.h"

/* The first whose test says yes gets the file. */
static const struct {
	bool (*is)(const struct load *);
	int (*load)(struct load *);
} formats[] = {
	{ elf_is, elf_load },
	{ linux_is, linux_load },
	{ multiboot_is, multiboot_load },
};

static int
boot_read_head(struct load *load)
{
	load->head_len = load->kernel.size < LOAD_HEAD
	    ? (uint32_t)load->kernel.size
	    : LOAD_HEAD;
	memset(load->head, 0, sizeof(load->head));
	return load_read(load, &load->kernel, 0, load->head, load->head_len);
}

static int
boot_kernel(struct load *load)
{
	unsigned int i;

	if (load_open(load, &load->kernel, load->params->kernel_fd,
		VM_FILE_KERNEL) == -1 ||
	    boot_read_head(load) == -1)
		return -1;
	if (gzip_is(load) &&
	    (gzip_unpack(load) == -1 || boot_read_head(load) == -1))
		return -1;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].is(load))
			return formats[i].load(load);
	return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
	    "it is no bzImage, no ELF file and has no multiboot header");
}

int
boot_load(const struct boot_params *params, struct boot_result *result)
{
	struct load *load;
	int rc;

	memset(result, 0, sizeof(*result));
	load = calloc(1, sizeof(*load));
	if (load == NULL) {
		result->error = VM_ERROR_NO_MEMORY;
		return -1;
	}
	load->params = params;
	load->machine = params->machine;
	load->result = result;
	if (load->machine->lowmem < LAYOUT_HIGH)
		rc = load_fail(load, VM_ERROR_INVALID, VM_FILE_NONE,
		    "less than 1 MiB of memory");
	else if (params->kernel_fd != -1)
		rc = boot_kernel(load);
	else
		rc = firmware_load(load);
	free(load->unpacked);
	free(load);
	return rc;
}
