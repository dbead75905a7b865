/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One writer changes a VM's table while others look things up without a lock and "the hardware" marks
 * entries. Each gpa is only ever mapped to one frame, so whoever finds another has seen a half-made table.
 * Build it with ThreadSanitizer too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "mem/frames.h"
#include "mem/npt.h"
#include "mem/phys.h"

#define FRAMES 4096
#define TABLE_PAGES 2000
#define ROUNDS 100
#define SLOTS 64 /* gpas in use: 4 KiB pages at 1 GiB steps, so that tables are made all the time */

u8 *test_memory;

static u32 words[FRAMES];
static u64 pages_used;
static struct npt npt;
static bool done;
static u32 failures;
static u32 found;

/* Zeroed here, by plain stores, as chunk_alloc_page() does it: the table has to publish them. */
static u64 alloc(void *owner)
{
	(void)owner;
	if (pages_used == TABLE_PAGES)
		return 0;
	pages_used++;
	memset(phys_to_virt(pages_used * PAGE_SIZE), 0, PAGE_SIZE);
	return pages_used * PAGE_SIZE;
}

static u64 gpa_of(u64 slot)
{
	return slot * (PAGE_1G + PAGE_SIZE);
}

static void *look_up(void *arg)
{
	u64 slot = 0;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		struct npt_mapping mapping;

		if (npt_lookup(arg, gpa_of(slot), &mapping) == NPT_PRESENT) {
			__atomic_fetch_add(&found, 1, __ATOMIC_RELAXED);
			if (mapping.pfn != slot || mapping.level != 1)
				__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
		}
		slot = (slot + 1) % SLOTS;
	}
	return NULL;
}

/* Marks present entries accessed and dirty by compare-and-exchange, as the CPU does (SDM vol. 3A, 9.1.2.1).
 */
static void *mark(void *arg)
{
	const struct npt *table = arg;
	u64 slot = 0;

	while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
		u64 gpa = gpa_of(slot), entry = table->root | 1;
		u64 *at = NULL;
		u32 shift;

		for (shift = 39; shift >= 12 && (entry & 1); shift -= 9) {
			at = (u64 *)phys_to_virt(entry & 0x000ffffffffff000ULL) + (gpa >> shift & 511);
			entry = __atomic_load_n(at, __ATOMIC_ACQUIRE);
		}
		if (entry & 1)
			__atomic_compare_exchange_n(at, &entry,
						    entry | table->format->accessed | table->format->dirty,
						    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
		slot = (slot + 1) % SLOTS;
	}
	return NULL;
}

static void write_round(void)
{
	u64 slot;

	for (slot = 0; slot < SLOTS; slot++)
		assert_int_equal(npt_map(&npt, gpa_of(slot), slot, NXT_MAP_WRITE), 0);
	for (slot = 0; slot < SLOTS; slot++) {
		npt_age(&npt, gpa_of(slot), 1, true);
		if (slot & 1)
			npt_protect(&npt, gpa_of(slot), 1);
	}
	for (slot = 0; slot < SLOTS; slot++) {
		struct npt_mapping mapping;

		npt_unmap(&npt, gpa_of(slot), 1);
		/* A mark that the hardware makes late must not bring the entry back. */
		assert_int_equal(npt_lookup(&npt, gpa_of(slot), &mapping), NPT_ZAPPED);
		npt_release(&npt, gpa_of(slot), 1);
		assert_int_equal(npt_lookup(&npt, gpa_of(slot), &mapping), NPT_ABSENT);
	}
	assert_int_equal(frames_stats().shared, 0);
}

static void race(const struct npt_format *format)
{
	pthread_t threads[2];
	u32 i;

	done = false;
	pages_used = 0;
	frames_init(words, FRAMES);
	frames_set_range(0, FRAMES, FRAME_CONTROL);
	assert_int_equal(npt_init(&npt, format, 1, alloc, &npt), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, look_up, &npt), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, mark, &npt), 0);
	for (i = 0; i < ROUNDS || !__atomic_load_n(&found, __ATOMIC_RELAXED); i++)
		write_round();
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(frames_stats().bad, 0);
}

static void test_race(void **state)
{
	u32 i;

	(void)state;
	test_memory = malloc((TABLE_PAGES + 1) * PAGE_SIZE);
	memset(test_memory, 0xee, (TABLE_PAGES + 1) * PAGE_SIZE);
	for (i = 0; i < 20; i++)
		race(i & 1 ? &npt_format_ept : &npt_format_amd);
	free(test_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_race)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
