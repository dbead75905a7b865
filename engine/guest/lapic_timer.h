/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer: one-shot, periodic, TSC-deadline. It counts at 1 GHz over TDCR's divider, like
 * KVM's. All times are guest TSC ticks. Nothing here runs by itself: the vCPU's loop polls before it enters
 * the guest, and the control domain wakes a sleeping or running vCPU at the deadline.
 */
#ifndef ENGINE_GUEST_LAPIC_TIMER_H
#define ENGINE_GUEST_LAPIC_TIMER_H

#include "guest/lapic.h"

#define LAPIC_TIMER_MIN_KHZ 1000u

/* Rate of the guest's TSC; a running count goes on at the same speed. -NXT_EINVAL: below 1 MHz or over 2^32 -
 * 1 kHz. */
int lapic_timer_set_khz(struct lapic *l, u64 khz, u64 now);

/*
 * What a cycle takes in ns, before TDCR divides it; 1 at first. Before the first run. -NXT_EINVAL: 0, or more
 * than NXT_APIC_BUS_NS_MAX.
 */
int lapic_timer_set_bus(struct lapic *l, u64 ns);

/* The guest's TSC jumps by delta (IA32_TSC or TSC_ADJUST written): a count goes on, a TSC deadline stays. */
void lapic_timer_tsc_jump(struct lapic *l, u64 delta);

/* Returns whether an unmasked timer runs, and then in *tsc the guest TSC at which it fires. */
bool lapic_timer_deadline(const struct lapic *l, u64 *tsc);

/*
 * Fires if it is due: posts the interrupt, re-arms a periodic timer. Periods that were missed are one
 * interrupt, and the phase is kept. Returns whether anything fired.
 */
bool lapic_timer_poll(struct lapic *l, u64 now);

/*
 * IA32_TSC_DEADLINE (MSR 0x6e0): reads 0 and ignores writes unless the timer is in that mode (SDM 11.5.4.1).
 * After a write the caller asks lapic_timer_deadline() anew.
 */
u64 lapic_tsc_deadline_read(struct lapic *l, u64 now);
void lapic_tsc_deadline_write(struct lapic *l, u64 deadline);

/*
 * For lapic.c. The current count; a count from TMICT's value; one that goes on with what remains of it (0: a
 * one-shot timer has fired before, a periodic one starts a new period); no count; writes of the LVT entry and
 * of TDCR.
 */
u32 lapic_timer_count(struct lapic *l, u64 now);
void lapic_timer_start(struct lapic *l, u32 count, u64 now);
void lapic_timer_resume(struct lapic *l, u32 remaining, u64 now);
void lapic_timer_stop(struct lapic *l);
void lapic_timer_set_lvt(struct lapic *l, u32 value, u64 now);
void lapic_timer_set_divider(struct lapic *l, u32 value, u64 now);

#endif
