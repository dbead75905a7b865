/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Senders on several threads post interrupts to one local APIC while its owner accepts them. Each sender
 * counts up a shared number before it posts a vector; the owner, when it takes the vector, must see at least
 * the number of whoever set the IRR bit, and in the end everything that was sent. Run under TSan too: no
 * access may be a data race.
 *
 * And while user space switches two of them on, off and into another mode, and restores their state.
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

/* -- modes ----------------------------------------------------------------------------------------- */

#define SWITCHES 20000u

static struct lapic first, last;
static struct lapic *many[NXT_MAX_VCPUS];

static void *switches(void *arg)
{
	struct lapic *l = arg;

	for (u32 i = 0; i < SWITCHES; i++) {
		if (lapic_base_write(l, LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC, true) ||
		    lapic_base_write(l, i % 2 ? 0 : LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE, true))
			abort();
	}
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *restores(void *arg)
{
	static const u8 page[LAPIC_PAGE_SIZE];

	for (u32 i = 0; i < SWITCHES; i++)
		lapic_set_state(arg, 0, page);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void modes_change_under_way(void **state)
{
	const struct lapic_msg msgs[] = {
		{.dest = NXT_MAX_VCPUS - 1, .mode = LAPIC_NMI},
		{.dest = 31u << 16 | 0x8000, .mode = LAPIC_NMI, .logical = true, .x2apic = true},
		{.dest = 0x80, .mode = LAPIC_NMI, .logical = true},
		{.dest = LAPIC_BROADCAST, .mode = LAPIC_LOWEST, .lowest = true, .vector = FIRST_VECTOR},
	};
	pthread_t thread[2];
	u64 kick = 0;

	(void)state;
	many[0] = &first;
	many[NXT_MAX_VCPUS - 1] = &last;
	lapic_reset(&first, 0, true);
	lapic_reset(&last, NXT_MAX_VCPUS - 1, false);
	lapic_set_features(&first, 40, true, true);
	lapic_set_features(&last, 40, true, true);
	assert_int_equal(lapic_base_write(&first, LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC, true), 0);
	done = 0;
	assert_int_equal(pthread_create(&thread[0], NULL, switches, &last), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, restores, &first), 0);
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < 2)
		for (u32 i = 0; i < ARRAY_SIZE(msgs); i++)
			assert_true(lapic_deliver(many, NXT_MAX_VCPUS, &msgs[i], NULL, &kick) <= 1);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);

	/* Switched off in the end: nothing reaches it. Then in x2APIC mode, and it is what it was. */
	assert_int_equal(lapic_deliver(many, NXT_MAX_VCPUS, &msgs[0], NULL, &kick), 0);
	assert_int_equal(lapic_base_write(&last, LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC, true), 0);
	assert_int_equal(lapic_deliver(many, NXT_MAX_VCPUS, &msgs[0], NULL, &kick), 1);
	assert_int_equal(lapic_deliver(many, NXT_MAX_VCPUS, &msgs[1], NULL, &kick), 1);
	assert_int_equal(lapic_deliver(many, NXT_MAX_VCPUS, &msgs[2], NULL, &kick), 0);
	assert_int_equal(lapic_reg(&first, LAPIC_LDR), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost),
					   cmocka_unit_test(modes_change_under_way)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
