/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A remembered walk gives the walk's answer, or none: compared with a new walk while everything that it
 * depends on changes at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/walk_memo.h"

#define PG (BIT(31) | BIT(0))
#define WP BIT(16)
#define PAE BIT(5)
#define PSE BIT(4)
#define SMEP BIT(20)
#define SMAP BIT(21)
#define LMA 0x500ULL
#define NXE BIT(11)
#define AC BIT(18)
#define TABLES 8

/* Guest-physical memory is all tables, which refer to each other. */
static u64 memory[TABLES * 512];
static struct walk_memo memo;
static bool remember;
static u64 rng = 88172645463325252;

static u32 pick(u32 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (u32)(rng >> 20) % n;
}

static int mem_read(void *cpu, u64 gpa, void *buf, u32 len)
{
	u64 value = 0;

	(void)cpu;
	if (gpa + len > sizeof(memory))
		return WALK_NO_MEMORY;
	memcpy(&value, (u8 *)memory + gpa, len);
	memcpy(buf, &value, len);
	if (remember)
		walk_memo_read(&memo, (u8 *)memory + gpa, value, len);
	return WALK_OK;
}

static int mem_cmpxchg(void *cpu, u64 gpa, u64 old, u64 new, u32 len, bool *done)
{
	(void)cpu;
	(void)old;
	if (remember)
		walk_memo_spoil(&memo);
	memcpy((u8 *)memory + gpa, &new, len);
	*done = true;
	return WALK_OK;
}

static const struct walk_ops ops = {mem_read, mem_cmpxchg};

/* Mostly present, writable, for users, in use, and leading to a table. */
static u64 random_entry(void)
{
	u64 entry = (u64)pick(TABLES) << PAGE_SHIFT | 0x67;

	if (pick(8) == 0)
		entry ^= 1ULL << pick(9);
	if (pick(16) == 0)
		entry ^= BIT(63);
	return entry;
}

static void change_something(struct walk_mode *mode, u64 *linear, u32 *access, u64 *epoch)
{
	static const u64 cr4[] = {PAE, PAE | SMEP, PAE | SMAP, PAE | SMEP | SMAP, PSE, 0};
	static const u64 efer[] = {LMA, LMA | NXE, NXE, 0};

	switch (pick(20)) {
	case 0:
		mode->cr3 = (u64)pick(TABLES) << PAGE_SHIFT;
		break;
	case 1:
		mode->cr0 ^= pick(8) ? WP : PG;
		break;
	case 2:
		mode->cr4 = cr4[pick(ARRAY_SIZE(cr4))];
		break;
	case 3:
		mode->efer = efer[pick(ARRAY_SIZE(efer))];
		break;
	case 4:
		mode->rflags ^= AC;
		break;
	case 5:
		mode->no_1g = !mode->no_1g;
		break;
	case 6:
		(*epoch)++;
		break;
	case 7:
		*access = pick(32) & (WALK_WRITE | WALK_USER | WALK_FETCH);
		break;
	case 8:
		*linear = (u64)pick(4) << 39 | (u64)pick(4) << 30 | pick(4) << 21 | pick(4) << 12;
		break;
	default:
		/* One of the few entries that walks read; mostly they are left as they are. */
		if (pick(4) == 0)
			memory[pick(TABLES) * 512 + pick(4)] = random_entry();
	}
	*linear = (*linear & PAGE_MASK) | pick(PAGE_SIZE);
}

static void test_is_the_walk(void **state)
{
	struct walk_mode mode = {.cr0 = PG | WP, .cr3 = 0x1000, .cr4 = PAE, .efer = LMA, .maxphyaddr = 40};
	u64 linear = 0, epoch = 1, gpa;
	u32 access = 0, hits = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(memory); i++)
		memory[i] = random_entry();
	for (u32 i = 0; i < 2000000; i++) {
		struct walk out;
		bool hit;

		change_something(&mode, &linear, &access, &epoch);
		hit = walk_memo_find(&memo, epoch, &mode, linear, access, &gpa);
		/* The new walk is remembered in the place of one that did not help. */
		remember = !hit;
		if (remember)
			walk_memo_start(&memo, epoch, &mode, linear, access);
		else
			hits++;
		if (guest_walk(&ops, NULL, &mode, linear, access, true, &out) != WALK_OK) {
			assert_false(hit);
			assert_false(memo.valid);
			continue;
		}
		if (remember)
			walk_memo_done(&memo, out.gpa);
		else
			assert_int_equal(gpa, out.gpa);
	}
	assert_true(hits > 100000);
}

/* What depends on the epoch is not looked at, where it has changed: the places may be anybody's by then. */
static void test_no_look_after_a_new_epoch(void **state)
{
	struct walk_mode mode = {.cr0 = PG, .cr4 = PAE, .efer = LMA};
	u64 *table = malloc(sizeof(*table)), gpa = 0;

	(void)state;
	*table = 0x1234;
	walk_memo_start(&memo, 7, &mode, 0x5000, 0);
	walk_memo_read(&memo, table, 0x1234, 8);
	walk_memo_done(&memo, 0x9abc);
	assert_true(walk_memo_find(&memo, 7, &mode, 0x5678, 0, &gpa));
	assert_int_equal(gpa, 0x9678);
	free(table); /* the address sanitizer sees a look */
	assert_false(walk_memo_find(&memo, 8, &mode, 0x5678, 0, &gpa));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_the_walk),
		cmocka_unit_test(test_no_look_after_a_new_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
