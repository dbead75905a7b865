/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/walk.h"

#define P 1ULL
#define W 2ULL
#define U 4ULL
#define A 0x20ULL
#define D 0x40ULL
#define PS 0x80ULL
#define NX BIT(63)

#define PG (BIT(31) | BIT(0))
#define WP BIT(16)
#define PSE BIT(4)
#define PAE BIT(5)
#define LA57 BIT(12)
#define SMEP BIT(20)
#define SMAP BIT(21)
#define LMA 0x500ULL
#define NXE BIT(11)

/* Guest-physical memory: tables at 0x1000, 0x2000, ... */
static u64 memory[6 * 512];
static u64 absent, read_only;
static u32 changes; /* so many compare-and-exchanges fail, since somebody else was faster */
static struct walk_mode mode;
static struct walk out;

static int reachable(u64 gpa, u32 len)
{
	assert_true(len == 4 || len == 8);
	assert_true(IS_ALIGNED(gpa, len));
	if (gpa == absent)
		return WALK_RESIDENT;
	return gpa + len <= sizeof(memory) ? WALK_OK : WALK_NO_MEMORY;
}

static int mem_read(void *cpu, u64 gpa, void *buf, u32 len)
{
	int rc = reachable(gpa, len);

	(void)cpu;
	if (!rc)
		memcpy(buf, (u8 *)memory + gpa, len);
	return rc;
}

static int mem_cmpxchg(void *cpu, u64 gpa, u64 old, u64 new, u32 len, bool *done)
{
	int rc = reachable(gpa, len);

	(void)cpu;
	if (!rc && gpa == read_only)
		rc = WALK_NO_MEMORY;
	if (rc)
		return rc;
	if (changes) {
		changes--;
		memory[gpa / 8] ^= BIT(9); /* a bit for software */
	}
	*done = memcmp((u8 *)memory + gpa, &old, len) == 0;
	if (*done)
		memcpy((u8 *)memory + gpa, &new, len);
	return WALK_OK;
}

static const struct walk_ops ops = {mem_read, mem_cmpxchg};

static u64 *entry(u32 table, u32 index)
{
	return &memory[table * 512 + index];
}

static u32 *entry32(u32 table, u32 index)
{
	return (u32 *)&memory[table * 512] + index;
}

static enum walk_result walk(u64 linear, u32 access)
{
	return guest_walk(&ops, NULL, &mode, linear, access, true, &out);
}

static void expect(u64 linear, u32 access, u64 gpa)
{
	assert_int_equal(walk(linear, access), WALK_OK);
	assert_int_equal(out.gpa, gpa);
}

static void expect_fault(u64 linear, u32 access, u32 error)
{
	assert_int_equal(walk(linear, access), WALK_FAULT);
	assert_int_equal(out.error, error);
}

static void reset(u64 cr4, u64 efer)
{
	memset(memory, 0, sizeof(memory));
	absent = read_only = ~0ULL;
	changes = 0;
	mode = (struct walk_mode){.cr0 = PG | WP, .cr3 = 0x1000, .cr4 = cr4, .efer = efer, .maxphyaddr = 40};
}

/* Linear 0x40201000: entries 0, 1, 1, 1 of the four levels. */
static void setup_long(u64 cr4, u64 flags)
{
	reset(PAE | cr4, LMA | NXE);
	*entry(1, 0) = 0x2000 | P | W | U;
	*entry(2, 1) = 0x3000 | P | W | U;
	*entry(3, 1) = 0x4000 | P | W | U;
	*entry(4, 1) = 0x123456000 | flags;
}

#define LINEAR 0x40201000ULL

static void test_no_paging(void **state)
{
	(void)state;
	reset(0, 0);
	mode.cr0 = BIT(0);
	expect(0x1ffffabcd, WALK_WRITE | WALK_USER | WALK_FETCH, 0xffffabcd);
}

static void test_permissions(void **state)
{
	static const struct {
		u64 flags, cr0, cr4, rflags;
		u32 access;
		s32 error; /* -1: allowed */
	} cases[] = {
		/* user */
		{P | W | U, WP, 0, 0, WALK_USER | WALK_WRITE, -1},
		{P | U, WP, 0, 0, WALK_USER, -1},
		{P | U, 0, 0, 0, WALK_USER | WALK_WRITE, 7},
		{P | W, WP, 0, 0, WALK_USER, 5},
		{P | W, WP, 0, 0, WALK_USER | WALK_FETCH, 0x15},
		{P | W | U | NX, WP, 0, 0, WALK_USER | WALK_FETCH, 0x15},
		{P | W | U, WP, SMEP | SMAP, 0, WALK_USER | WALK_FETCH, -1},
		{W | U, WP, 0, 0, WALK_USER | WALK_WRITE, 6},
		/* supervisor */
		{P, WP, 0, 0, WALK_WRITE, 3},
		{P, 0, 0, 0, WALK_WRITE, -1},
		{P | NX, WP, 0, 0, WALK_FETCH, 0x11},
		{P | NX, WP, 0, 0, 0, -1},
		{P | W | U, WP, 0, 0, WALK_FETCH, -1},
		{P | W | U, WP, SMEP, 0, WALK_FETCH, 0x11},
		{P | W | U, WP, SMEP, 0, WALK_WRITE, -1},
		{P | W | U, WP, SMAP, 0, 0, 1},
		{P | W | U, WP, SMAP, 0, WALK_WRITE, 3},
		{P | W | U, WP, SMAP, BIT(18), WALK_WRITE, -1},
		{P | W | U, WP, SMAP, 0, WALK_FETCH, -1},
		{P | W, WP, SMAP | SMEP, 0, WALK_FETCH | WALK_WRITE, -1},
		/* reserved: the physical address is too wide */
		{P | W | U | BIT(40), WP, 0, 0, WALK_USER, 0xd},
		{W | U | BIT(40), WP, 0, 0, 0, 0},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		setup_long(cases[i].cr4, cases[i].flags);
		mode.cr0 = PG | cases[i].cr0;
		mode.rflags = cases[i].rflags;
		if (cases[i].error < 0) {
			expect(LINEAR + 0x678, cases[i].access, 0x123456678);
			/* Marked, with dirty for writes only. */
			assert_int_equal(*entry(4, 1) & (A | D), cases[i].access & WALK_WRITE ? A | D : A);
			assert_int_equal(*entry(1, 0) & (A | D), A);
		} else {
			expect_fault(LINEAR, cases[i].access, cases[i].error);
			assert_false(*entry(4, 1) & (A | D));
		}
	}

	/* One level forbids for all below it. */
	for (u32 table = 1; table <= 3; table++) {
		setup_long(0, P | W | U);
		*entry(table, table > 1) &= ~W;
		expect_fault(LINEAR, WALK_WRITE, 3);
		expect(LINEAR, 0, 0x123456000);
		assert_false(out.write);
		assert_true(out.user);
		*entry(table, table > 1) |= NX;
		expect_fault(LINEAR, WALK_FETCH, 0x11);
		*entry(table, table > 1) &= ~U;
		expect_fault(LINEAR, WALK_USER, 5);
		*entry(table, table > 1) = 0;
		expect_fault(LINEAR, WALK_USER | WALK_FETCH, 0x14);
	}

	/* Without NXE the bit is reserved, and the error code knows no fetches. */
	setup_long(0, P | W | U | NX);
	mode.efer = LMA;
	expect_fault(LINEAR, WALK_FETCH, 9);
}

static void test_large_pages(void **state)
{
	(void)state;
	setup_long(0, 0);
	*entry(3, 1) = 0x123400000 | P | W | PS;
	expect(LINEAR + 0x567, WALK_WRITE, 0x123401567);
	assert_int_equal(out.page, PAGE_2M);
	assert_true(*entry(3, 1) & D);
	*entry(3, 1) |= BIT(12); /* PAT */
	expect(LINEAR, 0, 0x123401000);
	*entry(3, 1) |= BIT(13);
	expect_fault(LINEAR, 0, 9);

	*entry(2, 1) = 0x140000000 | P | W | PS;
	expect(LINEAR + 0x567, 0, 0x140201567);
	assert_int_equal(out.page, PAGE_1G);
	mode.no_1g = true;
	expect_fault(LINEAR, 0, 9);
	mode.no_1g = false;
	*entry(2, 1) |= BIT(29);
	expect_fault(LINEAR, 0, 9);

	*entry(1, 0) |= PS;
	expect_fault(LINEAR, 0, 9);
}

static void test_five_levels(void **state)
{
	(void)state;
	setup_long(LA57, P | W);
	*entry(5, 3) = 0x1000 | P | W;
	mode.cr3 = 0x5000;
	expect(LINEAR | 3ULL << 48, WALK_WRITE, 0x123456000);
	assert_true(*entry(5, 3) & A);
	expect_fault(LINEAR, 0, 0);
}

static void test_pae(void **state)
{
	u64 registers[4] = {0, 0x3000 | P};

	(void)state;
	setup_long(0, P | W | U);
	mode.efer = NXE;
	mode.cr3 = 0x2020; /* a table of four, aligned to 32 bytes */
	*entry(2, 5) = 0x3000 | P;
	expect(LINEAR | 0x4500000000, WALK_USER | WALK_WRITE, 0x123456000);
	assert_int_equal(*entry(2, 5), 0x3000 | P);
	*entry(2, 5) |= W;
	expect_fault(LINEAR, 0, 9);

	mode.pdptr = registers;
	expect(LINEAR, WALK_USER | WALK_WRITE, 0x123456000);
	expect_fault(LINEAR ^ 0x40000000, 0, 0);
	*entry(4, 1) |= BIT(55); /* ignored in long mode only */
	expect_fault(LINEAR, 0, 9);
}

static void test_32bit(void **state)
{
	(void)state;
	reset(PSE, 0);
	*entry32(1, 0x101) = 0x2000 | P | W | U;
	*entry32(2, 0x201) = 0xfff00000 | P | U;
	expect(0x40601abc, WALK_USER | WALK_FETCH, 0xfff00abc);
	assert_int_equal(*entry32(2, 0x201), 0xfff00000 | P | U | A);
	assert_int_equal(*entry32(1, 0x101), 0x2000 | P | W | U | A);
	expect_fault(0x40601abc, WALK_USER | WALK_WRITE, 7);
	/* There is no fetch bit in the error code without NX and SMEP. */
	expect_fault(0x40602000, WALK_USER | WALK_FETCH, 4);

	/* 4 MiB pages, with address bits 39:32 in 20:13. */
	*entry32(1, 0x101) = 0x80400000 | 0x12 << 13 | P | W | PS;
	expect(0x40601abc, WALK_WRITE, 0x1280601abc);
	assert_int_equal(out.page, MIB(4));
	assert_true(*entry32(1, 0x101) & D);
	mode.maxphyaddr = 36;
	expect_fault(0x40601abc, 0, 9);
	mode.maxphyaddr = 40;
	*entry32(1, 0x101) |= BIT(21);
	expect_fault(0x40601abc, 0, 9);

	/* Without PSE the bit is ignored. */
	mode.cr4 = 0;
	*entry32(1, 0x101) = 0x2000 | P | W | U | PS;
	expect(0x40601abc, 0, 0xfff00abc);
}

static void test_memory_answers(void **state)
{
	(void)state;
	setup_long(0, P | W | U);
	absent = 0x3008;
	assert_int_equal(walk(LINEAR, 0), WALK_RESIDENT);
	assert_int_equal(out.gpa, 0x3008);
	assert_false(*entry(1, 0) & A);
	absent = ~0ULL;

	*entry(2, 1) = 0x7000 | P;
	assert_int_equal(walk(LINEAR, 0), WALK_NO_MEMORY);
	assert_int_equal(out.gpa, 0x7008);

	/* A debugger's look changes nothing; tables in read-only memory cannot be marked. */
	setup_long(0, P | W | U);
	read_only = 0x4008;
	assert_int_equal(guest_walk(&ops, NULL, &mode, LINEAR, WALK_WRITE, false, &out), WALK_OK);
	assert_int_equal(*entry(4, 1), 0x123456000 | P | W | U);
	assert_int_equal(walk(LINEAR, 0), WALK_NO_MEMORY);
	assert_int_equal(out.gpa, 0x4008);

	/* Lost races are run again, but not for ever. */
	setup_long(0, P | W | U);
	changes = 5;
	expect(LINEAR, WALK_WRITE, 0x123456000);
	setup_long(0, P | W | U);
	changes = 1000;
	assert_int_equal(walk(LINEAR, 0), WALK_RESIDENT);
	assert_int_equal(out.gpa, 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_paging),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_five_levels),
		cmocka_unit_test(test_pae),
		cmocka_unit_test(test_32bit),
		cmocka_unit_test(test_memory_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
