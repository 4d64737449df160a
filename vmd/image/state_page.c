/* SPDX-License-Identifier: ISC */
/*
 * Pages that are zero; see state_page.h.
 *
 * Most pages that are not show it in their first words, so these are looked at
 * before the wide registers are.
 */
#include "image/state_page.h"

#include <stdint.h>
#include <string.h>

#include "image/state.h"

static bool
words_are_zero(const uint8_t *p, size_t len)
{
	uint64_t any, v[8];

	for (size_t at = 0; at < len; at += sizeof(v)) {
		memcpy(v, p + at, sizeof(v));
		any = v[0] | v[1] | v[2] | v[3] | v[4] | v[5] | v[6] | v[7];
		if (any != 0)
			return false;
	}
	return true;
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx2"))) static bool
wide_is_zero(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at += 4 * sizeof(__m256i)) {
		const __m256i *v = (const void *)(p + at);
		__m256i a = _mm256_or_si256(
		    _mm256_loadu_si256(v), _mm256_loadu_si256(v + 1));
		__m256i b = _mm256_or_si256(
		    _mm256_loadu_si256(v + 2), _mm256_loadu_si256(v + 3));

		a = _mm256_or_si256(a, b);
		if (!_mm256_testz_si256(a, a))
			return false;
	}
	return true;
}

bool
state_page_is_zero(const void *page)
{
	if (!words_are_zero(page, 64))
		return false;
	if (__builtin_cpu_supports("avx2"))
		return wide_is_zero(page, STATE_PAGE);
	return words_are_zero(page, STATE_PAGE);
}
#else
bool
state_page_is_zero(const void *page)
{
	return words_are_zero(page, STATE_PAGE);
}
#endif
