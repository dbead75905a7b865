/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guest/lapic.h"
#include "guest/lapic_ipi.h"

#define N 64
#define V 0x60

static struct lapic lapics[N];
static struct lapic *set[N];
static struct lapic_actions act;

/* n local APICs, software-enabled, in xAPIC mode: flat logical IDs 1 << id for the first eight. */
static void make(u32 n, bool x2apic)
{
	for (u32 i = 0; i < N; i++) {
		set[i] = NULL;
		if (i >= n)
			continue;
		set[i] = &lapics[i];
		lapic_reset(set[i], i, i == 0);
		lapic_set_features(set[i], 40, true, true);
		lapic_write(set[i], LAPIC_SVR, 0x1ff, 0, &act);
		lapic_write(set[i], LAPIC_LDR, i < 8 ? 0x01000000u << i : 0, 0, &act);
		if (x2apic)
			lapic_base_write(set[i], lapic_base(set[i]) | LAPIC_BASE_X2APIC, false);
	}
}

static u64 who_has(u8 vector)
{
	u64 mask = 0;

	for (u32 i = 0; i < N; i++)
		if (set[i] && lapic_highest_irr(set[i]) == vector)
			mask |= BIT(i);
	return mask;
}

static u64 who_got(u32 event)
{
	u64 mask = 0;

	for (u32 i = 0; i < N; i++)
		if (set[i] && lapic_take_events(set[i], event))
			mask |= BIT(i);
	return mask;
}

/* One message in each row: who is to take it. */
struct row {
	const char *name;
	u32 n;
	bool x2apic;
	struct lapic_msg msg;
	u64 taken;
};

static const struct row rows[] = {
	{"physical", 8, false, {.dest = 3, .vector = V}, 0x08},
	{"physical, nobody", 8, false, {.dest = 8, .vector = V}, 0},
	{"physical, far away", 8, true, {.dest = 0x10003, .vector = V}, 0},
	{"physical, last", 64, true, {.dest = 63, .vector = V}, BIT(63)},
	{"broadcast", 8, false, {.dest = LAPIC_BROADCAST, .vector = V}, 0xff},
	{"broadcast, all 64", 64, true, {.dest = LAPIC_BROADCAST, .vector = V, .x2apic = true}, ~0ull},
	{"0xff is an ID to x2APIC", 8, true, {.dest = 0xff, .vector = V, .x2apic = true}, 0},
	{"logical broadcast",
	 8,
	 true,
	 {.dest = LAPIC_BROADCAST, .vector = V, .logical = true, .x2apic = true},
	 0xff},
	{"flat, one", 8, false, {.dest = 0x20, .vector = V, .logical = true}, 0x20},
	{"flat, three", 8, false, {.dest = 0x29, .vector = V, .logical = true}, 0x29},
	{"flat, nobody", 8, false, {.dest = 0, .vector = V, .logical = true}, 0},
	{"cluster 0", 40, true, {.dest = 0x8003, .vector = V, .logical = true, .x2apic = true}, 0x8003},
	{"cluster 1", 40, true, {.dest = 0x10005, .vector = V, .logical = true, .x2apic = true}, 0x50000},
	{"cluster 2, partly there",
	 40,
	 true,
	 {.dest = 0x2ffff, .vector = V, .logical = true, .x2apic = true},
	 0xff00000000},
	{"cluster 4 is not there",
	 64,
	 true,
	 {.dest = 0x4ffff, .vector = V, .logical = true, .x2apic = true},
	 0},
	{"cluster of nobody",
	 64,
	 true,
	 {.dest = 0xffff0001, .vector = V, .logical = true, .x2apic = true},
	 0},
	{"MSI to cluster 0", 16, true, {.dest = 0x81, .vector = V, .logical = true}, 0x81},
	{"MSI to cluster 1", 32, true, {.dest = 0x10081, .vector = V, .logical = true}, 0x810000},
	{"x2APIC logical skips xAPIC",
	 8,
	 false,
	 {.dest = 0x03, .vector = V, .logical = true, .x2apic = true},
	 0},
	{"wide logical skips xAPIC", 8, false, {.dest = 0x10003, .vector = V, .logical = true}, 0},
	{"all", 5, false, {.shorthand = LAPIC_TO_ALL, .vector = V}, 0x1f},
	{"all but self", 5, false, {.shorthand = LAPIC_TO_OTHERS, .vector = V}, 0x1d},
	{"self", 5, false, {.shorthand = LAPIC_TO_SELF, .vector = V}, 0x02},
	{"shorthand beats destination",
	 5,
	 false,
	 {.dest = 4, .logical = true, .shorthand = LAPIC_TO_SELF, .vector = V},
	 2},
	{"vector 15", 4, false, {.dest = 1, .vector = 15}, 0},
	{"vector 16", 4, false, {.dest = 1, .vector = 16}, 2},
	{"level", 4, false, {.dest = 2, .vector = V, .level = true}, 4},
	{"level, deasserted", 4, false, {.dest = 2, .vector = V, .level = true, .deassert = true}, 0},
	{"lowest", 4, false, {.dest = LAPIC_BROADCAST, .vector = V, .mode = LAPIC_LOWEST, .lowest = true}, 1},
	{"remote read", 4, false, {.dest = 2, .vector = V, .mode = LAPIC_REMOTE_READ}, 0},
	{"ExtINT", 4, false, {.dest = 2, .vector = V, .mode = LAPIC_EXTINT}, 0},
};

static void destinations(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		u64 kick = 0, taken;
		u32 count;

		make(r->n, r->x2apic);
		count = lapic_deliver(set, r->n, &r->msg, set[1], &kick);
		taken = who_has(r->msg.vector);
		if (taken != r->taken || count != (u32)__builtin_popcountll(r->taken) ||
		    kick != (r->taken & ~2ull))
			fail_msg("%s: taken %#lx (want %#lx), count %u, kick %#lx", r->name, taken, r->taken,
				 count, kick);

		/* Again: it waits there already, so nobody has to be told twice. */
		kick = 0;
		if (r->msg.mode == LAPIC_FIXED) {
			assert_int_equal(lapic_deliver(set, r->n, &r->msg, NULL, &kick) > 0,
					 r->msg.shorthand != LAPIC_TO_SELF && r->taken);
			assert_true((kick & r->taken) == 0);
		}
	}
}

static void xapic_clusters(void **state)
{
	struct lapic_msg msg = {.vector = V, .logical = true};
	u64 kick = 0;

	(void)state;
	make(8, false);
	for (u32 i = 0; i < 8; i++) { /* two clusters of four */
		lapic_write(set[i], LAPIC_DFR, 0x0fffffff, 0, &act);
		lapic_write(set[i], LAPIC_LDR, (i / 4) << 28 | 0x01000000u << i % 4, 0, &act);
	}
	msg.dest = 0x1a;
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 2);
	assert_true(kick == 0xa0);
	msg.dest = 0x2f;
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 0);
}

static void events(void **state)
{
	struct lapic_msg msg = {.shorthand = LAPIC_TO_OTHERS};
	u64 kick = 0;

	(void)state;
	make(4, false);
	lapic_write(set[2], LAPIC_SVR, 0xff, 0, &act); /* software-disabled ones take these all the same, */
	lapic_base_write(set[3], LAPIC_BASE_DEFAULT, false); /* switched-off ones do not */

	msg.mode = LAPIC_NMI;
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 2);
	assert_true(kick == 0x6);
	assert_true(who_got(LAPIC_EVENT_NMI) == 0x6);

	msg.mode = LAPIC_SMI;
	kick = 0;
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 2);
	assert_true(kick == 0x6);
	assert_true(who_got(LAPIC_EVENT_SMI) == 0x6);

	msg.mode = LAPIC_STARTUP;
	msg.vector = 0x08; /* a page number: no illegal vectors */
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 2);
	assert_int_equal(lapic_sipi_vector(set[1]), 0x08);
	assert_int_equal(lapic_events(set[1]), LAPIC_EVENT_SIPI);

	msg.mode = LAPIC_INIT; /* takes the SIPI back */
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 2);
	assert_int_equal(lapic_events(set[1]), LAPIC_EVENT_INIT);
	msg.mode = LAPIC_STARTUP;
	lapic_deliver(set, 4, &msg, set[0], &kick);
	assert_int_equal(lapic_events(set[1]), LAPIC_EVENT_INIT | LAPIC_EVENT_SIPI);
	assert_int_equal(lapic_take_events(set[1], ~0u), LAPIC_EVENT_INIT | LAPIC_EVENT_SIPI);

	msg.mode = LAPIC_INIT;
	msg.level = msg.deassert = true;
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 0);
	assert_int_equal(lapic_events(set[1]), 0);

	msg = (struct lapic_msg){.dest = 2, .vector = V};
	assert_int_equal(lapic_deliver(set, 4, &msg, set[0], &kick), 0);
}

static u32 lowest_of(u64 mask)
{
	struct lapic_msg msg = {
		.dest = (u32)mask, .logical = true, .vector = V, .mode = LAPIC_LOWEST, .lowest = true};
	u64 kick = 0, chosen;

	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 1);
	chosen = who_has(V);
	assert_int_equal(__builtin_popcountll(chosen), 1);
	assert_true((chosen & mask) == chosen && kick == chosen);
	lapic_accept(set[__builtin_ctzll(chosen)], V);
	lapic_eoi(set[__builtin_ctzll(chosen)], &act);
	return __builtin_ctzll(chosen);
}

static void lowest_priority(void **state)
{
	u32 count[8] = {0};

	(void)state;
	make(8, false);
	for (u32 i = 0; i < 800; i++)
		count[lowest_of(0xff)]++;
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(count[i], 100); /* everybody's turn */

	lapic_cr8_set(set[2], 3);
	lapic_cr8_set(set[3], 2);
	lapic_cr8_set(set[4], 4);
	assert_int_equal(lowest_of(0x1c), 3); /* least busy */
	assert_int_equal(lowest_of(0x1c), 3);
	lapic_post(set[3], 0xf0, false); /* in service counts like TPR */
	lapic_accept(set[3], 0xf0);
	assert_int_equal(lowest_of(0x1c), 2);
	lapic_write(set[2], LAPIC_SVR, 0xff, 0, &act);
	assert_int_equal(lowest_of(0x1c), 4); /* disabled ones do not take part */
	assert_int_equal(lowest_of(0x10), 4);
}

/* The array is filled while vCPUs are made: holes are nobody. */
static void holes(void **state)
{
	struct lapic_msg msg = {.dest = LAPIC_BROADCAST, .vector = V};
	u64 kick = 0;

	(void)state;
	make(8, false);
	set[0] = set[3] = NULL;
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 6);
	assert_true(kick == 0xf6);
	msg.dest = 3;
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 0);
	msg.dest = 1;
	msg.logical = true;
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 0);
	msg = (struct lapic_msg){
		.shorthand = LAPIC_TO_ALL, .vector = V, .lowest = true, .mode = LAPIC_LOWEST};
	assert_int_equal(lapic_deliver(set, 8, &msg, NULL, &kick), 1);
	assert_int_equal(lapic_deliver(set, 0, &msg, NULL, &kick), 0);
}

static void msi(void **state)
{
	struct lapic_msg msg;

	(void)state;
	lapic_msi_decode(0xfee03000, 0x0041, &msg);
	assert_int_equal(msg.dest, 3);
	assert_int_equal(msg.vector, 0x41);
	assert_true(msg.mode == LAPIC_FIXED && !msg.logical && !msg.level && !msg.lowest && !msg.deassert);
	lapic_msi_decode(0xfee0100c, 0xc1e5, &msg);
	assert_true(msg.dest == 1 && msg.logical && msg.lowest && msg.level && msg.vector == 0xe5);
	assert_int_equal(msg.mode, LAPIC_LOWEST);
	lapic_msi_decode(0xfee01008, 0x31, &msg); /* redirection hint */
	assert_true(msg.lowest && msg.mode == LAPIC_FIXED);
	lapic_msi_decode(0x00012300fee45000, 0x31, &msg);
	assert_int_equal(msg.dest, 0x00012345);
	lapic_msi_decode(0xfeeff000, 0x31, &msg);
	assert_int_equal(msg.dest, LAPIC_BROADCAST);
	lapic_msi_decode(0x100feeff000, 0x31, &msg);
	assert_int_equal(msg.dest, 0x1ff);
}

/* From the register write to the other CPU's EOI, in both modes. */
static void whole_path(void **state)
{
	u64 kick = 0;

	(void)state;
	make(4, false);
	lapic_write(set[0], LAPIC_ICR2, 2u << 24, 0, &act);
	lapic_write(set[0], LAPIC_ICR, 0x4000 | V, 0, &act);
	assert_int_equal(act.what, LAPIC_DO_IPI);
	assert_int_equal(lapic_deliver(set, 4, &act.msg, set[0], &kick), 1);
	assert_true(kick == 4);
	assert_int_equal(lapic_pending(set[2]), V);
	lapic_accept(set[2], V);
	lapic_write(set[2], LAPIC_EOI, 0, 0, &act);
	assert_int_equal(act.what, LAPIC_DO_CHECK);

	make(32, true);
	kick = 0;
	assert_int_equal(lapic_msr_write(set[0], 0x830, (u64)0x18001 << 32 | 0x800 | V, 0, &act), 0);
	assert_int_equal(lapic_deliver(set, 32, &act.msg, set[0], &kick), 2);
	assert_true(kick == (BIT(31) | BIT(16)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations),	   cmocka_unit_test(xapic_clusters), cmocka_unit_test(events),
		cmocka_unit_test(lowest_priority), cmocka_unit_test(holes),	     cmocka_unit_test(msi),
		cmocka_unit_test(whole_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
