/* SPDX-License-Identifier: ISC */
/*
 * The texts of include/vm_error.h; linked into the daemon and its clients.
 */
#include "vm_error.h"

#include <stddef.h>

#define VM_ERROR_ROW(name, file, text) { file, text },
static const struct {
	int is_file;
	const char *text;
} errors[] = { VM_ERRORS(VM_ERROR_ROW) };

#define VM_FILE_ROW(name, text) text,
static const char *const files[] = { VM_FILES(VM_FILE_ROW) };

const char *
vm_error_text(unsigned int code)
{
	return code < VM_ERROR__COUNT ? errors[code].text : "unknown error";
}

int
vm_error_is_file(unsigned int code)
{
	return code < VM_ERROR__COUNT && errors[code].is_file;
}

const char *
vm_file_text(unsigned int file)
{
	return file < VM_FILE__COUNT ? files[file] : "file";
}
