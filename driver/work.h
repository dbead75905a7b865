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

/* Interrupts are off: what was pending is done, until they are on again. */
bool nxt_work_pending(void);

#endif
