/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs that race for the same frames, as threads. Each acts as the users of frames.h do, and while it holds a
 * frame it leaves its mark in a table beside, which the others look at. Worth building with ThreadSanitizer
 * too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "abi/hypercall.h"
#include "mem/frames.h"

#define THREADS 4
#define ROUNDS 200000
#define CHUNKS 2
#define FRAMES (CHUNKS * 512)
#define HOT 4 /* frames of each chunk that single-frame calls fight for */

static u32 words[FRAMES];

/* Who is there now: marked after taking, unmarked before letting go. */
static struct {
	u32 pins;
	u32 given;
	u32 readers;
	u32 writers[THREADS + 1];
} marks[FRAMES];

static pthread_barrier_t start;
static u32 failures;
static u32 successes;

static void add(u32 *mark, u32 value)
{
	__atomic_fetch_add(mark, value, __ATOMIC_SEQ_CST);
}

static void expect(bool condition)
{
	if (!condition)
		add(&failures, 1);
}

static u32 get(const u32 *mark)
{
	return __atomic_load_n(mark, __ATOMIC_SEQ_CST);
}

static u32 other_writers(u64 pfn, u32 vm)
{
	u32 i, sum = 0;

	for (i = 1; i <= THREADS; i++)
		sum += i == vm ? 0 : get(&marks[pfn].writers[i]);
	return sum;
}

/* On a machine with few processors, lets others run while the caller holds something: now and then. */
static void mingle(void)
{
	static __thread u32 calls;

	if (calls++ % 64 == 0)
		sched_yield();
}

static void hold_given(u64 chunk, u32 vm)
{
	u32 i;

	if (frame_give(chunk, vm))
		return;
	add(&successes, 1);
	for (i = 0; i < 512; i++) {
		add(&marks[chunk + i].given, 1);
		expect(get(&marks[chunk + i].given) == 1 && get(&marks[chunk + i].pins) == 0);
		expect(other_writers(chunk + i, 0) == 0 && get(&marks[chunk + i].readers) == 0);
	}
	mingle();
	for (i = 0; i < 512; i++) {
		expect(frame_read(chunk + i).kind == FRAME_GIVEN && frame_read(chunk + i).vm == vm);
		add(&marks[chunk + i].given, -1u);
	}
	frame_take_back(chunk, vm);
}

static void hold_pinned(u64 pfn)
{
	if (frame_pin(pfn))
		return;
	add(&successes, 1);
	add(&marks[pfn].pins, 1);
	mingle();
	expect(get(&marks[pfn].given) == 0 && other_writers(pfn, 0) == 0 && get(&marks[pfn].readers) == 0);
	expect(frame_read(pfn).kind == FRAME_PINNED && frame_read(pfn).count >= 1);
	add(&marks[pfn].pins, -1u);
	frame_unpin(pfn);
}

static void hold_shared(u64 pfn, u32 nframes, u32 vm, bool writable)
{
	u32 i;

	if (frame_share(pfn, nframes, vm, writable))
		return;
	add(&successes, 1);
	for (i = 0; i < nframes; i++)
		add(writable ? &marks[pfn + i].writers[vm] : &marks[pfn + i].readers, 1);
	mingle();
	for (i = 0; i < nframes; i++) {
		struct frame frame = frame_read(pfn + i);

		expect(get(&marks[pfn + i].given) == 0 && get(&marks[pfn + i].pins) == 0);
		expect(other_writers(pfn + i, vm) == 0);
		expect(frame.kind == FRAME_SHARED ? frame.vm == vm
						  : frame.kind == FRAME_SHARED_RO && !writable);
		add(writable ? &marks[pfn + i].writers[vm] : &marks[pfn + i].readers, -1u);
	}
	frame_unshare(pfn, nframes, vm);
}

static void *run_cpu(void *arg)
{
	u32 vm = (u32)(uintptr_t)arg;
	unsigned int seed = vm;
	u32 i;

	pthread_barrier_wait(&start);
	for (i = 0; i < ROUNDS; i++) {
		u32 dice = (u32)rand_r(&seed);
		u64 chunk = (dice >> 8) % CHUNKS * 512;
		u64 pfn = chunk + (dice >> 12) % HOT;
		bool writable = dice >> 16 & 1;

		switch (dice % 32) {
		case 0:
			hold_given(chunk, vm);
			break;
		case 1:
			hold_shared(chunk, 512, vm, writable);
			break;
		default:
			if (dice & 1)
				hold_pinned(pfn);
			else
				hold_shared(pfn, 1, vm, writable);
		}
	}
	return NULL;
}

static void test_race(void **state)
{
	pthread_t threads[THREADS];
	struct frames_stats stats;
	u32 i;

	(void)state;
	frames_init(words, FRAMES);
	frames_set_range(0, FRAMES, FRAME_CONTROL);
	pthread_barrier_init(&start, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_cpu, (void *)(uintptr_t)(i + 1)), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	assert_int_equal(failures, 0);
	for (i = 0; i < FRAMES; i++)
		assert_int_equal(frame_read(i).kind, FRAME_CONTROL);
	stats = frames_stats();
	assert_int_equal(stats.shared | stats.given | stats.pinned | stats.bad, 0);
	assert_true(successes > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_race)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
