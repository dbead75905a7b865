/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The 8254 timer's three counters, and port 0x61 as far as it concerns counter 2: the logic alone. Time is an
 * argument, in ns of any clock that does not go back; nothing here waits. Compiles in user space too, for its
 * test.
 *
 * Reference: Intel 82C54 data sheet (231244). As in KVM, BCD counting is not done, and GATE 0 does not stop a
 * counter.
 */
#ifndef NXTOP_PIT_LOGIC_H
#define NXTOP_PIT_LOGIC_H

#include <linux/kvm.h>
#include <linux/types.h>

#define PIT_HZ 1193182u
#define PIT_CONTROL 3 /* offset of the control word; counters are at 0 .. 2 */

struct pit {
	struct kvm_pit_channel_state channel[3]; /* count is 1 .. 0x10000; count_load_time in ns */
	bool loaded;  /* counter 0 has a count since its control word: it counts, and makes interrupts */
	bool speaker; /* port 0x61 bit 1 */
};

void pit_reset(struct pit *pit, s64 now);

/*
 * Register access at port 0x40 + offset. A write returns true if counter 0 started or stopped: see
 * pit_timer().
 */
bool pit_write(struct pit *pit, u32 offset, u8 value, s64 now);
u8 pit_read(struct pit *pit, u32 offset, s64 now);

/* Port 0x61. */
void pit_speaker_write(struct pit *pit, u8 value, s64 now);
u8 pit_speaker_read(const struct pit *pit, s64 now);

/* When counter 0 interrupts: ns from its count_load_time to the (first) interrupt, 0: not at all. */
u64 pit_timer(const struct pit *pit, bool *periodic);

/* Takes over any state, after making it one that the chip can be in. Counters start again, now. */
void pit_set_state(struct pit *pit, const struct kvm_pit_channel_state channel[3], s64 now);

#endif
