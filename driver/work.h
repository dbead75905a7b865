/* SPDX-License-Identifier: GPL-2.0-only */
/* What Linux wants done before a thread enters a guest: task work, throttling, restartable sequences. */
#ifndef NXTOP_DRIVER_WORK_H
#define NXTOP_DRIVER_WORK_H

#include <linux/types.h>

/*
 * Does what is pending. Process context, interrupts on. A pending signal is left to the caller, and so may
 * be the rest then: look with signal_pending() first, and with nxt_work_pending() afterwards.
 */
void nxt_work_do(void);

/*
 * The last look, with interrupts off: true means that there is more to do before the guest may be entered.
 * Also tells the tick that the thread is about to leave the kernel, so ask only on the way into the guest.
 */
bool nxt_work_pending(void);

#endif
