/* SPDX-License-Identifier: ISC */
/*
 * CRC-32C (Castagnoli, as in iSCSI, RFC 3720 appendix B.4) of state streams.
 */
#ifndef STATE_CRC_H
#define STATE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what crc is that of, 0 at the beginning, and len bytes more. */
uint32_t state_crc(uint32_t crc, const void *bytes, size_t len);
/* The same without the CPU's instruction. */
uint32_t state_crc_soft(uint32_t crc, const void *bytes, size_t len);

#endif /* STATE_CRC_H */
