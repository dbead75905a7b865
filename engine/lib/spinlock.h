/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ticket lock: fair, so that a hostile control domain that hammers one hypercall from one CPU cannot
 * starve the others. Engine runs with the global interrupt flag clear, so no lock needs to mask interrupts.
 */
#ifndef ENGINE_LIB_SPINLOCK_H
#define ENGINE_LIB_SPINLOCK_H

#include "lib/types.h"

struct spinlock {
	u16 next;
	u16 owner;
};

#if __STDC_HOSTED__

#include <sched.h>

/* A test's CPUs are threads: whoever has the lock may wait for a processor. */
static inline void spin_wait(void)
{
	static __thread u32 waits;

	if (++waits % 128 == 0)
		sched_yield();
	__builtin_ia32_pause();
}

#else

static inline void spin_wait(void)
{
	__builtin_ia32_pause();
}

#endif

static inline void spin_lock(struct spinlock *lock)
{
	u16 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) != ticket)
		spin_wait();
}

/* Returns whether the lock was taken. */
static inline bool spin_trylock(struct spinlock *lock)
{
	u16 owner = __atomic_load_n(&lock->owner, __ATOMIC_RELAXED);

	return __atomic_compare_exchange_n(&lock->next, &(u16){owner}, (u16)(owner + 1), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->owner, (u16)(lock->owner + 1), __ATOMIC_RELEASE);
}

#endif
