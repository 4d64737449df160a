/* SPDX-License-Identifier: ISC */
/*
 * See load.h.  Runs in the VM process before any vCPU.  System calls: fstat,
 * lseek, pread64.  Sizes and addresses of files pass through here before any
 * guest memory is touched.
 */
#include "boot/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/acpi.h"
#include "boot/layout.h"
#include "boot/le.h"
#include "pci/machine.h"

#define PAGE 4096
#define READ_AT_ONCE (1U << 30) /* Linux reads at most 2 GiB less a page */

#define BDA_EBDA 0x40e /* segment */
#define BDA_MEMORY 0x413 /* KiB below it */

int
load_fail(struct load *load, enum vm_error error, enum vm_file file,
    const char *detail, ...)
{
	struct boot_result *result = load->result;
	va_list ap;

	result->error = error;
	result->file = file;
	va_start(ap, detail);
	vsnprintf(result->detail, sizeof(result->detail), detail, ap);
	va_end(ap);
	return -1;
}

int
load_open(struct load *load, struct load_file *file, int fd, enum vm_file which)
{
	struct stat st;
	off_t end;

	file->fd = fd;
	file->bytes = NULL;
	file->which = which;
	end = fstat(fd, &st) == -1 ? -1
	    : S_ISREG(st.st_mode)  ? st.st_size
				   : lseek(fd, 0, SEEK_END);
	if (end == -1) {
		load->result->sys_errno = errno;
		return load_fail(load, VM_ERROR_FILE_READ, which, "%s", "");
	}
	if (end == 0)
		return load_fail(load, VM_ERROR_FILE_EMPTY, which, "%s", "");
	file->size = (uint64_t)end;
	return 0;
}

int
load_read(struct load *load, const struct load_file *file, uint64_t offset,
    void *to, size_t len)
{
	uint8_t *at = to;
	ssize_t n;

	if (offset > file->size || len > file->size - offset)
		return load_fail(load, VM_ERROR_FILE_TRUNCATED, file->which,
		    "it has %llu bytes, and its headers promise at least %llu "
		    "more",
		    (unsigned long long)file->size,
		    (unsigned long long)(offset > file->size
			    ? len
			    : len - (file->size - offset)));
	if (file->bytes != NULL) {
		memcpy(to, file->bytes + offset, len);
		return 0;
	}
	while (len > 0) {
		n = pread(file->fd, at, len < READ_AT_ONCE ? len : READ_AT_ONCE,
		    (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			load->result->sys_errno = errno;
			return load_fail(
			    load, VM_ERROR_FILE_READ, file->which, "%s", "");
		}
		if (n == 0)
			return load_fail(load, VM_ERROR_FILE_TRUNCATED,
			    file->which, "it became shorter while it was read");
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
load_check_room(struct load *load, const char *what, uint64_t gpa, uint64_t len)
{
	uint64_t end = load->machine->lowmem;

	if (gpa < LAYOUT_HIGH)
		return load_fail(load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL,
		    "its %s is at address 0x%llx, below 1 MiB", what,
		    (unsigned long long)gpa);
	if (gpa > end || len > end - gpa)
		return load_fail(load, VM_ERROR_FILE_TOO_BIG, VM_FILE_KERNEL,
		    "its %s takes 0x%llx bytes from 0x%llx on, and memory ends "
		    "at 0x%llx",
		    what, (unsigned long long)len, (unsigned long long)gpa,
		    (unsigned long long)end);
	return 0;
}

int
load_into(struct load *load, const struct load_file *file, uint64_t offset,
    uint64_t gpa, uint64_t len)
{
	void *to;

	if (len == 0)
		return 0;
	to = load->machine->memory_at(load->machine->arg, gpa, len);
	if (to == NULL)
		return load_fail(load, VM_ERROR_FILE_TOO_BIG, file->which,
		    "there is no memory at 0x%llx", (unsigned long long)gpa);
	if (load->params->fill != NULL)
		load->params->fill(load->params->arg, gpa, len);
	return load_read(load, file, offset, to, len);
}

void *
load_low(struct load *load, uint64_t gpa, size_t len)
{
	return load->machine->memory_at(load->machine->arg, gpa, len);
}

int
load_initrd(struct load *load, uint64_t last)
{
	uint64_t end = load->machine->lowmem, at;
	struct load_file file;

	if (load->params->initrd_fd == -1)
		return 0;
	if (load_open(load, &file, load->params->initrd_fd, VM_FILE_INITRD) ==
	    -1)
		return -1;
	if (last < end)
		end = last + 1;
	end &= ~(PAGE - 1ULL);
	at = (load->kernel_end + PAGE - 1) & ~(PAGE - 1ULL);
	if (at > end || file.size > end - at)
		return load_fail(load, VM_ERROR_FILE_TOO_BIG, VM_FILE_INITRD,
		    "it has %llu KiB, and behind the kernel there is room for "
		    "%llu KiB",
		    (unsigned long long)(file.size + 1023) >> 10,
		    at > end ? 0ULL : (unsigned long long)(end - at) >> 10);
	load->initrd = (end - file.size) & ~(PAGE - 1ULL);
	load->initrd_size = file.size;
	return load_into(load, &file, 0, load->initrd, file.size);
}

int
load_cmdline(struct load *load, uint32_t max)
{
	const char *cmdline = load->params->cmdline;
	size_t len;

	if (cmdline == NULL)
		cmdline = "";
	len = strlen(cmdline);
	if (max > LAYOUT_CMDLINE_MAX - 1)
		max = LAYOUT_CMDLINE_MAX - 1;
	if (len > max)
		return load_fail(load, VM_ERROR_INVALID, VM_FILE_KERNEL,
		    "its command line has %zu characters, and this kernel "
		    "takes %u",
		    len, max);
	memcpy(load_low(load, LAYOUT_CMDLINE, len + 1), cmdline, len + 1);
	return 0;
}

int
load_platform(struct load *load)
{
	struct acpi_tables *acpi = malloc(sizeof(*acpi));

	if (acpi == NULL)
		return load_fail(
		    load, VM_ERROR_NO_MEMORY, VM_FILE_NONE, "%s", "");
	acpi_build(acpi, load->machine->ncpus, LAYOUT_GENID);
	acpi_place(acpi, LAYOUT_ACPI);
	memcpy(load_low(load, LAYOUT_ACPI, acpi->length), acpi->tables,
	    acpi->length);
	memcpy(load_low(load, LAYOUT_RSDP, ACPI_RSDP_SIZE), acpi->rsdp,
	    ACPI_RSDP_SIZE);
	free(acpi);
	le16_put(load_low(load, BDA_EBDA, 2), LAYOUT_EBDA >> 4);
	le16_put(load_low(load, BDA_MEMORY, 2), LAYOUT_EBDA >> 10);
	return 0;
}
