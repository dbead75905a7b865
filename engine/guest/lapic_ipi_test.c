/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guest/lapic.h"
#include "guest/lapic_ipi.h"

#define N NXT_MAX_VCPUS
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

/* Of the first 64. */
static u64 who_has(u8 vector)
{
	u64 mask = 0;

	for (u32 i = 0; i < 64; i++)
		if (set[i] && lapic_highest_irr(set[i]) == vector)
			mask |= BIT(i);
	return mask;
}

static u64 who_got(u32 event)
{
	u64 mask = 0;

	for (u32 i = 0; i < 64; i++)
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

/* -- more than 64: a set of several words, and a kick mask whose bits are shared --------------------- */

/* The only one that has the vector, which is then taken; N: nobody or several. */
static u32 only_one(u8 vector)
{
	u32 one = N;

	for (u32 i = 0; i < N; i++) {
		if (!set[i] || lapic_highest_irr(set[i]) != vector)
			continue;
		if (one != N)
			return N;
		one = i;
	}
	if (one != N) {
		lapic_accept(set[one], vector);
		lapic_eoi(set[one], &act);
	}
	return one;
}

static u32 send_to_one(const struct lapic_msg *msg, u64 *ret_kick)
{
	*ret_kick = 0;
	assert_int_equal(lapic_deliver(set, N, msg, set[1], ret_kick), 1);
	return only_one(msg->vector);
}

static void beyond_64(void **state)
{
	struct lapic_msg msg = {.vector = V, .x2apic = true};
	u64 kick;

	(void)state;
	make(N, true);
	for (u32 i = 0; i < N; i += i == 62 || i == 254 || i == 509 ? 1 : 31) {
		msg.dest = i;
		msg.logical = false;
		assert_int_equal(send_to_one(&msg, &kick), i);
		assert_true(kick == (i == 1 ? 0 : BIT(i % 64)));
		msg.dest = i / 16 << 16 | 1u << i % 16;
		msg.logical = true;
		assert_int_equal(send_to_one(&msg, &kick), i);
		msg.lowest = true;
		assert_int_equal(send_to_one(&msg, &kick), i);
		msg.lowest = false;
	}
	msg.logical = false;
	msg.dest = N;
	assert_int_equal(lapic_deliver(set, N, &msg, set[1], &kick), 0);
	msg.dest = 0xff; /* an ID to x2APICs, as in destinations() */
	assert_int_equal(send_to_one(&msg, &kick), 255);
	msg = (struct lapic_msg){.dest = LAPIC_BROADCAST, .vector = V};
	assert_int_equal(lapic_deliver(set, N, &msg, NULL, &kick), N);
	msg.shorthand = LAPIC_TO_OTHERS;
	assert_int_equal(lapic_deliver(set, N, &msg, set[300], &kick), N - 1);
}

/* The lowest priority is the lowest of all words, and everybody's turn comes. */
static void lowest_beyond_64(void **state)
{
	struct lapic_msg msg = {.dest = LAPIC_BROADCAST, .vector = V, .mode = LAPIC_LOWEST, .lowest = true};
	u32 count[N] = {0};
	u64 kick;

	(void)state;
	make(N, true);
	for (u32 i = 0; i < 2 * N; i++)
		count[send_to_one(&msg, &kick)]++;
	for (u32 i = 0; i < N; i++)
		assert_int_equal(count[i], 2);
	for (u32 i = 0; i < N; i++)
		lapic_cr8_set(set[i], i == 400 ? 3 : 4);
	assert_int_equal(send_to_one(&msg, &kick), 400);
	assert_true(kick == BIT(400 % 64));

	make(N, false); /* two, each alone in its word */
	lapic_write(set[5], LAPIC_LDR, 0x80000000, 0, &act);
	lapic_write(set[7], LAPIC_LDR, 0, 0, &act);
	lapic_write(set[401], LAPIC_LDR, 0x80000000, 0, &act);
	lapic_cr8_set(set[5], 1);
	msg.dest = 0x80;
	msg.logical = true;
	assert_int_equal(send_to_one(&msg, &kick), 401);
}

/*
 * In xAPIC mode (SDM 11.6.2) the ID register has 8 bits, a destination too, and 255 is everybody. Who can say
 * 32 bits reaches all.
 */
static void xapic_above_254(void **state)
{
	struct lapic_msg msg = {.vector = V, .x2apic = true};
	u64 kick = 0;

	(void)state;
	make(N, false);
	assert_int_equal(lapic_reg(set[300], LAPIC_ID), 44u << 24);
	lapic_write(set[0], LAPIC_ICR2, 44u << 24, 0, &act);
	lapic_write(set[0], LAPIC_ICR, 0x4000 | V, 0, &act);
	assert_int_equal(send_to_one(&act.msg, &kick), 44);
	msg.dest = 300;
	assert_int_equal(send_to_one(&msg, &kick), 300);
	lapic_write(set[0], LAPIC_ICR2, 0xffu << 24, 0, &act);
	lapic_write(set[0], LAPIC_ICR, 0x4000 | V, 0, &act);
	assert_int_equal(lapic_deliver(set, N, &act.msg, set[0], &kick), N);

	make(N, false);
	lapic_write(set[510], LAPIC_LDR, 0x80000000, 0, &act);
	lapic_write(set[7], LAPIC_LDR, 0, 0, &act);
	msg = (struct lapic_msg){.dest = 0x80, .logical = true, .vector = V};
	assert_int_equal(send_to_one(&msg, &kick), 510);
}

/* Each register and each saved state of an ID that has more than 8 bits. */
static void wide_id(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4];
	struct lapic *l = &lapics[300];

	(void)state;
	make(N, true);
	assert_int_equal(lapic_reg(l, LAPIC_ID), 300);
	assert_int_equal(lapic_reg(l, LAPIC_LDR), 18u << 16 | 1u << 12);
	lapic_get_state(l, 0, page);
	assert_int_equal(page[LAPIC_ID / 4], 44u << 24);
	page[LAPIC_ID / 4] = 0;
	lapic_set_state(l, 0, page);
	assert_int_equal(lapic_reg(l, LAPIC_ID), 300);
	lapic_base_write(l, 0, true);
	assert_int_equal(lapic_reg(l, LAPIC_ID), 44u << 24);
	lapic_base_write(l, LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC, true);
	assert_int_equal(lapic_reg(l, LAPIC_ID), 300);
	assert_int_equal(lapic_reg(l, LAPIC_LDR), 18u << 16 | 1u << 12);
}

static u32 seed;

static u32 any(u32 below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* SDM 11.6.2 and 11.12.10, for one local APIC at a time. */
static bool is_named(const struct lapic *l, const struct lapic_msg *msg, const struct lapic *src)
{
	u32 ldr = lapic_reg(l, LAPIC_LDR);

	if (msg->shorthand)
		return msg->shorthand == LAPIC_TO_ALL || (msg->shorthand == LAPIC_TO_SELF) == (l == src);
	if (msg->dest == LAPIC_BROADCAST)
		return true;
	if (!msg->logical)
		return msg->dest == l->id;
	if (lapic_x2apic(l))
		return msg->dest >> 16 == ldr >> 16 && (msg->dest & ldr & 0xffff);
	return !msg->x2apic && msg->dest <= 0xff && (ldr >> 24 & msg->dest);
}

static struct lapic_msg any_msg(bool from_lapic)
{
	const u32 dest[] = {any(N + 8), any(N / 16 + 2) << 16 | any(0x10000), any(0x100), LAPIC_BROADCAST};

	return (struct lapic_msg){
		.dest = dest[any(ARRAY_SIZE(dest))],
		.mode = LAPIC_NMI,
		.logical = any(2),
		.shorthand = from_lapic && !any(3) ? any(4) : LAPIC_TO_DEST,
		.x2apic = from_lapic && any(2),
	};
}

static void by_definition(void **state)
{
	static const u32 sizes[] = {1, 63, 64, 65, 128, 300, N};

	(void)state;
	for (u32 round = 0; round < 140; round++) {
		u32 n = sizes[round % ARRAY_SIZE(sizes)];

		make(N, false); /* those from n on are not to be looked at */
		for (u32 i = 0; i < N; i++) {
			lapic_write(set[i], LAPIC_LDR, any(0x100) << 24, 0, &act);
			if (any(2))
				lapic_base_write(set[i], lapic_base(set[i]) | LAPIC_BASE_X2APIC, true);
			if (!any(8))
				set[i] = NULL;
		}
		for (u32 i = 0; i < 20; i++) {
			struct lapic *src = set[any(n)];
			struct lapic_msg msg = any_msg(src);
			u64 kick = 0, want_kick = 0;
			u32 want = 0, taken = lapic_deliver(set, n, &msg, src, &kick);

			for (u32 id = 0; id < N; id++) {
				bool named = id < n && set[id] && is_named(set[id], &msg, src);

				want += named;
				if (named && set[id] != src)
					want_kick |= BIT(id % 64);
				if (set[id] && named != !!lapic_take_events(set[id], LAPIC_EVENT_NMI))
					fail_msg("dest %#x, shorthand %u, logical %u: %u of %u", msg.dest,
						 msg.shorthand, msg.logical, id, n);
			}
			assert_int_equal(taken, want);
			assert_true(kick == want_kick);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations),
		cmocka_unit_test(xapic_clusters),
		cmocka_unit_test(events),
		cmocka_unit_test(lowest_priority),
		cmocka_unit_test(holes),
		cmocka_unit_test(msi),
		cmocka_unit_test(whole_path),
		cmocka_unit_test(beyond_64),
		cmocka_unit_test(lowest_beyond_64),
		cmocka_unit_test(xapic_above_254),
		cmocka_unit_test(wide_id),
		cmocka_unit_test(by_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
