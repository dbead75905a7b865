/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Senders on several threads post interrupts to one local APIC while its owner accepts them. Each sender
 * counts up a shared number before it posts a vector; the owner, when it takes the vector, must see at least
 * the number of whoever set the IRR bit, and in the end everything that was sent. Run under TSan too: no
 * access may be a data race.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/lapic.h"
#include "guest/lapic_ipi.h"

#define SENDERS 3u
#define ROUNDS 100000u
#define FIRST_VECTOR 0x40u /* 32 vectors, one word: as much contention as there can be */
#define VECTORS 32u

static struct lapic owner;
static struct lapic *set[1] = {&owner};
static u32 sent[256];  /* messages for each vector, counted before they are sent */
static u32 done;       /* senders that have finished */
static u64 seen_kicks; /* how many kicks were due */

static void *sender(void *arg)
{
	u32 seed = (u32)(uintptr_t)arg * 2654435761u + 1;

	for (u32 i = 0; i < ROUNDS; i++) {
		struct lapic_msg msg = {.dest = 0};
		u64 kick = 0;

		seed = seed * 1664525 + 1013904223;
		msg.vector = FIRST_VECTOR + (seed >> 16) % VECTORS;
		msg.level = msg.vector & 1;
		__atomic_fetch_add(&sent[msg.vector], 1, __ATOMIC_RELAXED);
		if (lapic_deliver(set, 1, &msg, NULL, &kick) != 1)
			abort();
		__atomic_fetch_add(&seen_kicks, kick, __ATOMIC_RELAXED);
		if (i % 64 == 0) {
			msg.mode = LAPIC_NMI;
			lapic_deliver(set, 1, &msg, NULL, &kick);
		}
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void nothing_is_lost(void **state)
{
	pthread_t thread[SENDERS];
	struct lapic_actions act;
	u32 seen[256] = {0};
	u64 accepted = 0;
	bool last = false;

	(void)state;
	lapic_reset(&owner, 0, true);
	lapic_write(&owner, LAPIC_SVR, 0x1ff, 0, &act);
	for (u32 i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sender, (void *)(uintptr_t)i), 0);

	for (;;) {
		int vector;

		last = __atomic_load_n(&done, __ATOMIC_ACQUIRE) == SENDERS;
		while ((vector = lapic_pending(&owner)) >= 0) {
			lapic_accept(&owner, vector);
			seen[vector] = __atomic_load_n(&sent[vector], __ATOMIC_RELAXED);
			accepted++;
			lapic_take_events(&owner, LAPIC_EVENT_NMI);
			lapic_eoi(&owner, &act);
			assert_int_equal(!!(act.what & LAPIC_DO_EOI), vector & 1);
		}
		if (last)
			break;
	}
	for (u32 i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);

	/* What was sent before the bit was taken was counted when it was taken; nothing waits and nothing is
	 * missing. */
	assert_int_equal(lapic_highest_irr(&owner), -1);
	for (u32 v = 0; v < 256; v++)
		assert_int_equal(seen[v], sent[v]);
	assert_true(accepted == seen_kicks); /* each new bit was one kick and one interrupt */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
