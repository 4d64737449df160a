/* SPDX-License-Identifier: ISC */
/*
 * CRC-32C by the instruction of SSE4.2, which every CPU with a KVM of today
 * has, and by a table of nibbles elsewhere.
 *
 * The instruction takes a cycle but its result comes three cycles later, so
 * long inputs go through three sums at once.  They are put together by what a
 * block of zeroes does to a sum: that is linear, so that four bytes of a sum
 * can be looked up one by one.  The first call that needs those tables makes
 * them.
 */
#include "image/state_crc.h"

#include <pthread.h>
#include <string.h>

#define BLOCK 4096U /* of each of the three sums */

/* A nibble shifted out, times the polynomial, which is 0x82f63b78 reflected. */
static const uint32_t nibbles[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede,
	0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78,
	0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a,
	0xf36e6f75 };

static uint32_t
soft_raw(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len > 0; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return crc;
}

uint32_t
state_crc_soft(uint32_t crc, const void *bytes, size_t len)
{
	return ~soft_raw(~crc, bytes, len);
}

#ifdef __x86_64__
#include <nmmintrin.h>

/* What BLOCK zeroes make of each byte of a sum. */
static uint32_t shifts[4][256];
static pthread_once_t shifts_once = PTHREAD_ONCE_INIT;

static void
shifts_make(void)
{
	static const uint8_t zeroes[BLOCK];
	uint32_t bit[32];

	for (unsigned int i = 0; i < 32; i++)
		bit[i] = soft_raw(1U << i, zeroes, sizeof(zeroes));
	for (unsigned int n = 0; n < 4; n++)
		for (unsigned int v = 0; v < 256; v++)
			for (unsigned int i = 0; i < 8; i++)
				if ((v >> i & 1) != 0)
					shifts[n][v] ^= bit[n * 8 + i];
}

static uint32_t
shift(uint32_t crc)
{
	return shifts[0][crc & 255] ^ shifts[1][crc >> 8 & 255] ^
	    shifts[2][crc >> 16 & 255] ^ shifts[3][crc >> 24];
}

static uint64_t
word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

__attribute__((target("sse4.2"))) static uint32_t
hard_raw(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t a = crc;

	for (; len >= 3 * BLOCK; len -= 3 * BLOCK, p += 3 * BLOCK) {
		uint64_t b = 0, c = 0;

		for (size_t i = 0; i < BLOCK; i += 8) {
			a = _mm_crc32_u64(a, word(p + i));
			b = _mm_crc32_u64(b, word(p + BLOCK + i));
			c = _mm_crc32_u64(c, word(p + 2 * (size_t)BLOCK + i));
		}
		a = shift(shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
	}
	for (; len >= 8; len -= 8, p += 8)
		a = _mm_crc32_u64(a, word(p));
	for (; len > 0; len--)
		a = _mm_crc32_u8((uint32_t)a, *p++);
	return (uint32_t)a;
}

uint32_t
state_crc(uint32_t crc, const void *bytes, size_t len)
{
	if (!__builtin_cpu_supports("sse4.2"))
		return state_crc_soft(crc, bytes, len);
	if (len >= 3 * BLOCK)
		pthread_once(&shifts_once, shifts_make);
	return ~hard_raw(~crc, bytes, len);
}
#else
uint32_t
state_crc(uint32_t crc, const void *bytes, size_t len)
{
	return state_crc_soft(crc, bytes, len);
}
#endif
