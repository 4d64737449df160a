/* SPDX-License-Identifier: ISC */
/* ELF kernels: headers, segments, notes.  Reaches vmd/boot. */
#include "fuzz_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	return fuzz_kernel(bytes, len);
}
