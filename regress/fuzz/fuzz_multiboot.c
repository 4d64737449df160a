/* SPDX-License-Identifier: ISC */
/* Plain multiboot images: the header's addresses.  Reaches vmd/boot. */
#include "fuzz_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	return fuzz_kernel(bytes, len);
}
