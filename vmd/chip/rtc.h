/* SPDX-License-Identifier: ISC */
/*
 * The MC146818 clock with its 128 bytes of CMOS memory.
 */
#ifndef RTC_H
#define RTC_H

struct machine;
struct rtc;
struct state_buf;

/* Fills in the CMOS cells that firmware looks at from the machine's memory and
 * CPUs.  Returns owned; NULL with errno. */
struct rtc *rtc_new(struct machine *);
void rtc_free(struct rtc *);

/*
 * State as in pci/state.h: CMOS, and how far the guest's calendar is from
 * the host's; the VM's clock is set before.
 * Loading makes this chip the saved one; an error leaves it as it was.
 */
int rtc_save(struct rtc *, struct state_buf *);
int rtc_load(struct rtc *, struct state_buf *);

#endif /* RTC_H */
