/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log's ring: what a reader gets, what is lost, and what outlives a panic. In order: there is one log. */
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct log_ring ring, crash, next_ring, next_crash;
static char echoed[300];

static void echo(const char *text, size_t len)
{
	assert_in_range(len, 1, sizeof(echoed) - 1);
	memcpy(echoed, text, len);
	echoed[len] = '\0';
}

static const char *read_from(const struct log_ring *from, u64 *pos, size_t size)
{
	static char text[LOG_TEXT_SIZE + 1];
	u64 lost;
	size_t n;

	assert_in_range(size, 0, LOG_TEXT_SIZE);
	n = log_read(from, pos, text, size, &lost);
	assert_in_range(n, 0, size);
	assert_int_equal(lost, 0);
	text[n] = '\0';
	return text;
}

static void test_lines(void **state)
{
	u64 pos = 0;

	(void)state;
	log_set_echo(echo);
	log_line("one %u", 1u);
	assert_string_equal(echoed, "one 1\n");
	log_set_echo(NULL);
	log_line("two");
	assert_string_equal(echoed, "one 1\n");
	assert_null(log_crash());
	assert_string_equal(read_from(log_current(), &pos, 4), "one ");
	assert_int_equal(pos, 4);
	assert_string_equal(read_from(log_current(), &pos, LOG_TEXT_SIZE), "1\ntwo\n");
	assert_int_equal(pos, 10);
	assert_string_equal(read_from(log_current(), &pos, LOG_TEXT_SIZE), "");
	assert_int_equal(pos, 10);
}

/* A position is the control domain's: any number. */
static void test_position_past_the_end(void **state)
{
	u64 pos = ~0ULL;

	(void)state;
	assert_string_equal(read_from(log_current(), &pos, LOG_TEXT_SIZE), "");
	assert_int_equal(pos, 10);
}

/* Memory that a reset left there holds anything. */
static void test_moves_into_its_ring(void **state)
{
	u64 pos = 0;

	(void)state;
	memset(&ring, 0xa5, sizeof(ring));
	memset(&crash, 0x5a, sizeof(crash));
	log_init(&ring, &crash);
	assert_ptr_equal(log_current(), &ring);
	assert_null(log_crash());
	assert_int_equal(crash.magic, 0x5a5a5a5a5a5a5a5a);
	log_line("three");
	assert_string_equal(read_from(&ring, &pos, LOG_TEXT_SIZE), "one 1\ntwo\nthree\n");
}

static void test_long_line(void **state)
{
	static char word[1000];
	u64 pos = ring.end;
	const char *text;

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	log_line("%s", word);
	text = read_from(&ring, &pos, LOG_TEXT_SIZE);
	assert_in_range(strlen(text), 100, 256);
	assert_int_equal(strspn(text, "x"), strlen(text) - 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

/* Line n of the flood has its number, so what is read says where it is from. */
#define LINE "line %07u of the flood\n"
#define LINE_SIZE 26

static void test_wrap_around(void **state)
{
	static char text[LOG_TEXT_SIZE], expected[LINE_SIZE + 1];
	u64 start = ring.end, pos = 0, lost;
	u32 lines = 3 * LOG_TEXT_SIZE / LINE_SIZE + 7;

	(void)state;
	for (u32 i = 0; i < lines; i++)
		log_line("line %07u of the flood", i);
	assert_int_equal(ring.end, start + (u64)lines * LINE_SIZE);

	/* What is there is the end, whole; what is missing is told to the byte. */
	assert_int_equal(log_read(&ring, &pos, text, sizeof(text), &lost), LOG_TEXT_SIZE);
	assert_int_equal(lost, ring.end - LOG_TEXT_SIZE);
	assert_int_equal(pos, ring.end);
	for (u64 i = 0; i < LOG_TEXT_SIZE; i++) {
		u64 at = lost + i - start;

		snprintf(expected, sizeof(expected), LINE, (u32)(at / LINE_SIZE));
		assert_int_equal(text[i], expected[at % LINE_SIZE]);
	}

	/* The oldest byte that is there, and the one before it. */
	pos = ring.end - LOG_TEXT_SIZE;
	assert_int_equal(log_read(&ring, &pos, text, 1, &lost), 1);
	assert_int_equal(lost, 0);
	pos = ring.end - LOG_TEXT_SIZE - 1;
	assert_int_equal(log_read(&ring, &pos, text, 1, &lost), 1);
	assert_int_equal(lost, 1);
	assert_int_equal(pos, ring.end - LOG_TEXT_SIZE + 1);
}

/* A warm reset: the memory is as it was, Engine starts anew. */
static void restart(void)
{
	memcpy(&next_ring, &ring, sizeof(ring));
	memset(&next_crash, 0, sizeof(next_crash));
	log_init(&next_ring, &next_crash);
}

static void test_no_panic(void **state)
{
	(void)state;
	restart();
	assert_null(log_crash());
	log_init(&ring, &crash);
}

static void test_damaged_mark(void **state)
{
	struct log_ring damaged = {0};

	(void)state;
	log_line("before the panic");
	log_panic();
	log_line("the panic");
	for (size_t bit = 0; bit < 3 * 64; bit++) {
		damaged = ring;
		((u8 *)&damaged)[bit / 8] ^= (u8)(1 << bit % 8);
		log_init(&damaged, &next_crash);
		assert_null(log_crash());
	}
}

static void test_panic(void **state)
{
	u64 pos;

	(void)state;
	restart();
	assert_ptr_equal(log_crash(), &next_crash);
	/* After the mark too: those are the lines that matter. */
	pos = next_crash.end - strlen("before the panic\nthe panic\n");
	assert_string_equal(read_from(log_crash(), &pos, LOG_TEXT_SIZE), "before the panic\nthe panic\n");

	/* It is this boot's no more: the next one finds none, unless it panics as well. */
	assert_int_equal(log_current()->panicked, 0);
	assert_true(log_current()->end < next_crash.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_position_past_the_end),
		cmocka_unit_test(test_moves_into_its_ring),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_wrap_around),
		cmocka_unit_test(test_no_panic),
		cmocka_unit_test(test_damaged_mark),
		cmocka_unit_test(test_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
