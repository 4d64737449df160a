/* SPDX-License-Identifier: ISC */
/*
 * The MC146818 clock with its 128 bytes of CMOS memory.
 */
#ifndef RTC_H
#define RTC_H

struct machine;
struct rtc;

/* Fills in the CMOS cells that firmware looks at from the machine's memory and
 * CPUs.  Returns owned; NULL with errno. */
struct rtc *rtc_new(struct machine *);
void rtc_free(struct rtc *);

#endif /* RTC_H */
