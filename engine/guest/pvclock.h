/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's paravirtual clock: nanoseconds as a straight line over the TSC. The guest computes them itself, from
 * numbers that it reads in its memory; so what Engine answers must be computed in exactly the same way.
 */
#ifndef ENGINE_GUEST_PVCLOCK_H
#define ENGINE_GUEST_PVCLOCK_H

#include "lib/types.h"

struct pvclock {
	u64 tsc; /* of the physical CPUs ... */
	u64 ns;	 /* ... and what the clock shows then */
	u32 mul; /* ns in 2^32 ticks, after the shift; 0: the clock was never set */
	s8 shift;
};

/* As guests find it: KVM's ABI. */
struct pvclock_time {
	u32 version; /* odd: being written */
	u32 pad0;
	u64 tsc; /* the guest's */
	u64 ns;
	u32 mul;
	s8 shift;
	u8 flags; /* PVCLOCK_* */
	u8 pad1[2];
};

struct pvclock_wall {
	u32 version;
	u32 sec; /* since 1970, when the clock showed 0 */
	u32 nsec;
};

#define PVCLOCK_TSC_STABLE 1u /* all vCPUs' lines are one: time read on two of them never goes back */
#define PVCLOCK_GUEST_STOPPED                                                                                \
	2u /* the guest stood still and is not to take that for a lockup; it clears this */

/* Frequencies of a TSC that the clock can follow. */
#define PVCLOCK_KHZ_MIN 1000ull
#define PVCLOCK_KHZ_MAX 0xffffffffull

/* The clock that shows ns at tsc and goes on with a TSC of khz, which is in the bounds above. */
struct pvclock pvclock_at(u64 tsc, u64 ns, u64 khz);

/* What the clock shows at tsc, which may lie before its own. */
u64 pvclock_ns(const struct pvclock *clock, u64 tsc);

/*
 * Write into guest memory, at any alignment, by the protocol that lets a guest's CPU read meanwhile: version
 * is odd until the rest is there, then even and another than before. A GUEST_STOPPED that the guest has not
 * cleared stays.
 */
void pvclock_write_time(void *at, const struct pvclock_time *time);
/* ns: since 1970. */
void pvclock_write_wall(void *at, u64 ns);

#endif
