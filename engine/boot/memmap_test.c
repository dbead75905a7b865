/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "boot/memmap.h"

static struct memmap map;

static void check(const struct memmap_entry *want, u32 count)
{
	assert_int_equal(map.count, count);
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(map.entry[i].base, want[i].base);
		assert_int_equal(map.entry[i].size, want[i].size);
		assert_int_equal(map.entry[i].type, want[i].type);
	}
}

#define CHECK(...)                                                                                           \
	do {                                                                                                 \
		const struct memmap_entry want[] = {__VA_ARGS__};                                            \
		check(want, ARRAY_SIZE(want));                                                               \
	} while (0)

#define BUILD(...)                                                                                           \
	({                                                                                                   \
		const struct memmap_entry firmware[] = {__VA_ARGS__};                                        \
		memmap_build(&map, firmware, ARRAY_SIZE(firmware));                                          \
	})

static void test_sorts_and_merges(void **state)
{
	(void)state;
	assert_null(BUILD({0x3000, 0x1000, MEMMAP_RAM}, {0x1000, 0x1000, MEMMAP_RAM}, {0x5000, 0, MEMMAP_RAM},
			  {0x2000, 0x1000, MEMMAP_RAM}, {0x8000, 0x1000, MEMMAP_NVS}));
	CHECK({0x1000, 0x3000, MEMMAP_RAM}, {0x8000, 0x1000, MEMMAP_NVS});
	assert_int_equal(memmap_ram_size(&map), 0x3000);
}

static void test_most_restrictive_wins(void **state)
{
	(void)state;
	/* Whatever the order. */
	assert_null(BUILD({0, 0x10000, MEMMAP_RAM}, {0x4000, 0x2000, MEMMAP_RESERVED},
			  {0x5000, 0x2000, MEMMAP_ACPI}));
	CHECK({0, 0x4000, MEMMAP_RAM}, {0x4000, 0x2000, MEMMAP_RESERVED}, {0x6000, 0x1000, MEMMAP_ACPI},
	      {0x7000, 0x9000, MEMMAP_RAM});
	assert_null(BUILD({0x5000, 0x2000, MEMMAP_ACPI}, {0x4000, 0x2000, MEMMAP_RESERVED},
			  {0, 0x10000, MEMMAP_RAM}));
	CHECK({0, 0x4000, MEMMAP_RAM}, {0x4000, 0x2000, MEMMAP_RESERVED}, {0x6000, 0x1000, MEMMAP_ACPI},
	      {0x7000, 0x9000, MEMMAP_RAM});
	/* An unknown type is reserved, bad memory is worse than that. */
	assert_null(BUILD({0, 0x3000, 0xefffffff}, {0x1000, 0x1000, MEMMAP_UNUSABLE}));
	CHECK({0, 0x1000, MEMMAP_RESERVED}, {0x1000, 0x1000, MEMMAP_UNUSABLE},
	      {0x2000, 0x1000, MEMMAP_RESERVED});
}

static void test_hostile_maps(void **state)
{
	(void)state;
	assert_non_null(BUILD({0, 0x1000, MEMMAP_RAM}, {UINT64_MAX - 5, 100, MEMMAP_RAM}));
	assert_null(BUILD({UINT64_MAX - 5, 5, MEMMAP_RAM}));
	assert_null(memmap_build(&map, NULL, 0));
	assert_int_equal(map.count, 0);
	assert_int_equal(memmap_ram_size(&map), 0);

	static struct memmap_entry many[MEMMAP_MAX + 1];
	for (u32 i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct memmap_entry){i * 0x2000ull, 0x1000, MEMMAP_RAM};
	assert_null(memmap_build(&map, many, MEMMAP_MAX));
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x200, 0x400}));
	assert_int_equal(map.count, MEMMAP_MAX);
	assert_non_null(memmap_build(&map, many, MEMMAP_MAX + 1));
}

static void test_reserve(void **state)
{
	(void)state;
	assert_null(BUILD({0x1000, 0x9000, MEMMAP_RAM}, {0xa000, 0x1000, MEMMAP_ACPI}));
	assert_null(memmap_reserve(&map, (struct phys_range){0x3000, 0x5000}));
	CHECK({0x1000, 0x2000, MEMMAP_RAM}, {0x3000, 0x2000, MEMMAP_RESERVED}, {0x5000, 0x5000, MEMMAP_RAM},
	      {0xa000, 0x1000, MEMMAP_ACPI});
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x4000, 0x6000}));
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x9000, 0xb000}));
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x0, 0x2000}));
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x2000, 0x2000}));
	assert_non_null(memmap_reserve(&map, (struct phys_range){0x2000, 0x1000}));
	assert_int_equal(map.count, 4);
	assert_null(memmap_reserve(&map, (struct phys_range){0x5000, 0xa000}));
	CHECK({0x1000, 0x2000, MEMMAP_RAM}, {0x3000, 0x7000, MEMMAP_RESERVED}, {0xa000, 0x1000, MEMMAP_ACPI});
}

static void test_find(void **state)
{
	const struct phys_range busy[] = {{MIB(2), MIB(3)}, {MIB(6), MIB(7)}, {MIB(7), MIB(8) + 1}};
	struct memmap_request want = {.size = MIB(1), .align = MIB(1), .max = UINT64_MAX};
	u64 at;

	(void)state;
	assert_null(
		BUILD({0, KIB(640), MEMMAP_RAM}, {MIB(1), MIB(9), MEMMAP_RAM}, {GIB(4), GIB(1), MEMMAP_RAM}));
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(1));
	want.align = MIB(2);
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(4));
	want.min = MIB(5);
	want.max = GIB(4);
	assert_false(memmap_find(&map, &want, busy, 3, &at)); /* 6 busy, 8 busy, 10 is behind */
	want.align = PAGE_SIZE;
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(5));
	want.min = MIB(5) + 1;
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(8) + PAGE_SIZE);
	want.high = true;
	want.min = 0;
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(9));
	want.size = MIB(2);
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, MIB(4));
	want.max = UINT64_MAX;
	assert_true(memmap_find(&map, &want, busy, 3, &at));
	assert_int_equal(at, GIB(5) - MIB(2));
	want.size = GIB(2);
	assert_false(memmap_find(&map, &want, busy, 3, &at));
	want.size = 0;
	assert_false(memmap_find(&map, &want, busy, 3, &at));
	/* Aligning up must not wrap. */
	assert_null(BUILD({UINT64_MAX - MIB(3), MIB(3), MEMMAP_RAM}));
	want = (struct memmap_request){.size = 1, .align = GIB(1), .max = UINT64_MAX};
	assert_false(memmap_find(&map, &want, NULL, 0, &at));
}

/* Against a byte-by-byte model, with random small maps. */
static void test_against_model(void **state)
{
	static const int rank[] = {-1, 0, 4, 1, 3, 5};

	(void)state;
	srand(1);
	for (int round = 0; round < 3000; round++) {
		struct memmap_entry firmware[8];
		u32 model[64] = {0};

		for (u32 i = 0; i < ARRAY_SIZE(firmware); i++) {
			firmware[i] = (struct memmap_entry){rand() % 48, rand() % 16, 1 + rand() % 5};
			for (u64 at = firmware[i].base; at < firmware[i].base + firmware[i].size; at++)
				if (rank[firmware[i].type] > rank[model[at]])
					model[at] = firmware[i].type;
		}
		assert_null(memmap_build(&map, firmware, ARRAY_SIZE(firmware)));
		for (u32 i = 0; i < map.count; i++) {
			const struct memmap_entry *entry = &map.entry[i];

			assert_true(entry->size);
			if (i && entry[-1].base + entry[-1].size == entry->base)
				assert_int_not_equal(entry[-1].type, entry->type);
			for (u64 at = entry->base; at < entry->base + entry->size; at++) {
				assert_int_equal(model[at], entry->type);
				model[at] = 0;
			}
		}
		for (u32 at = 0; at < ARRAY_SIZE(model); at++)
			assert_int_equal(model[at], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorts_and_merges),
		cmocka_unit_test(test_most_restrictive_wins),
		cmocka_unit_test(test_hostile_maps),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
