/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/pvclock.h"

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull

_Static_assert(sizeof(struct pvclock_time) == 32, "the layout of KVM's ABI");
_Static_assert(sizeof(struct pvclock_wall) == 12, "the layout of KVM's ABI");

struct pvclock pvclock_at(u64 tsc, u64 ns, u64 khz)
{
	struct pvclock clock = {.tsc = tsc, .ns = ns};
	u64 per_ms = NSEC_PER_MSEC;

	/*
	 * A tick in ns is per_ms / khz. The shift brings that into 1/2 .. 1, where mul has all its 32 bits.
	 */
	while (per_ms >= khz) {
		khz <<= 1;
		clock.shift++;
	}
	while (per_ms << 1 < khz) {
		per_ms <<= 1;
		clock.shift--;
	}
	clock.mul = (u32)((per_ms << 32) / khz);
	return clock;
}

static u64 scale(const struct pvclock *clock, u64 ticks)
{
	ticks = clock->shift < 0 ? ticks >> -clock->shift : ticks << clock->shift;
	return (u64)((unsigned __int128)ticks * clock->mul >> 32);
}

u64 pvclock_ns(const struct pvclock *clock, u64 tsc)
{
	u64 ticks = tsc - clock->tsc;

	return (s64)ticks < 0 ? clock->ns - scale(clock, -ticks) : clock->ns + scale(clock, ticks);
}

/*
 * A guest chooses the address. Volatile keeps the order of the stores here, and x86 keeps it for who reads.
 */
typedef volatile u32 __attribute__((aligned(1), may_alias)) guest_u32;

/* Returns the version that ends the writing. Guests on other CPUs read, or write, at the same time. */
static u32 begin(guest_u32 *version)
{
	u32 odd = (*version + 1) | 1;

	*version = odd;
	return odd + 1;
}

/* All words but the first, which is the version. */
static void put(guest_u32 *to, const u32 *from, u32 words)
{
	for (u32 i = 1; i < words; i++)
		to[i] = from[i];
}

void pvclock_write_time(void *at, const struct pvclock_time *time)
{
	const volatile u8 *flags = (u8 *)at + offsetof(struct pvclock_time, flags);
	union {
		struct pvclock_time time;
		u32 words[sizeof(struct pvclock_time) / 4];
	} copy = {.time = *time};
	guest_u32 *version = at;
	u32 even = begin(version);

	copy.time.flags |= *flags & PVCLOCK_GUEST_STOPPED;
	put(at, copy.words, ARRAY_SIZE(copy.words));
	*version = even;
}

void pvclock_write_wall(void *at, u64 ns)
{
	u32 words[] = {0, (u32)(ns / NSEC_PER_SEC), (u32)(ns % NSEC_PER_SEC)};
	guest_u32 *version = at;
	u32 even = begin(version);

	put(at, words, ARRAY_SIZE(words));
	*version = even;
}
