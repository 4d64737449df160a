/* SPDX-License-Identifier: ISC */
/*
 * OpenBSD's reader of sizes as people write them, "512M", "1.5g", "4096".
 */
#ifndef SCAN_SCALED_H
#define SCAN_SCALED_H

/* *result becomes text's value; B K M G T P E, in either case, are powers of
 * 1024.  -1 with errno EINVAL (not a size) or ERANGE. */
int scan_scaled(const char *text, long long *result);

#endif /* SCAN_SCALED_H */
