/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "common/error.h"
#include "common/names.h"

/* A text of n times a piece. */
static const char *times(const char *piece, size_t n)
{
	static char text[1024];

	text[0] = '\0';
	while (n-- > 0)
		strcat(text, piece);
	return text;
}

static void test_name(void **state)
{
	static const char *const bad[] = {"", "-a", "A", "a_b", "a.b", "a b", "a\n", "\303\244", "a/b", ".."};

	(void)state;
	assert_true(nxt_name_valid("a"));
	assert_true(nxt_name_valid("0-9-"));
	assert_true(nxt_name_valid(times("z", 63)));
	assert_false(nxt_name_valid(times("z", 64)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(nxt_name_valid(bad[i]));
}

static void test_id(void **state)
{
	static const char *const bad[] = {
		"",
		"123e4567-e89b-12d3-a456-42661417400",
		"123e4567-e89b-12d3-a456-4266141740000",
		"123E4567-e89b-12d3-a456-426614174000",
		"123e4567e-89b-12d3-a456-426614174000",
		"123e4567-e89b-12d3-a456-42661417400g",
		"{23e4567-e89b-12d3-a456-42661417400}",
	};
	char id[NXT_ID_SIZE], other[NXT_ID_SIZE];

	(void)state;
	assert_true(nxt_id_valid("123e4567-e89b-12d3-a456-426614174000"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(nxt_id_valid(bad[i]));

	assert_int_equal(nxt_id_make(id), 0);
	assert_int_equal(nxt_id_make(other), 0);
	assert_true(nxt_id_valid(id));
	assert_int_equal(id[14], '4');
	assert_non_null(strchr("89ab", id[19]));
	assert_string_not_equal(id, other);
}

static void test_title(void **state)
{
	static const char *const bad[] = {
		"",
		"a\tb",
		"a\177",
		"\302\205",	   /* C1 control */
		"\342\200\256abc", /* turns the direction of writing */
		"\342\200\250",	   /* line separator */
		"\200",		   /* UTF-8 that begins in the middle */
		"a\303",	   /* or ends there */
		"\300\257",	   /* or is longer than needed */
		"\340\200\257",
		"\355\240\200",	    /* or is half of a UTF-16 pair */
		"\364\220\200\200", /* or is past the last character */
		"\370\210\200\200\200",
		"\377",
	};

	(void)state;
	assert_true(nxt_title_valid("Debian 13, f\303\274r alle \360\237\220\247"));
	assert_true(nxt_title_valid(times("a", 100)));
	assert_false(nxt_title_valid(times("a", 101)));
	assert_true(nxt_title_valid(times("\360\237\220\247", 100)));
	assert_int_equal(strlen(times("\360\237\220\247", 100)), NXT_TITLE_SIZE - 1);
	assert_false(nxt_title_valid(times("\360\237\220\247", 101)));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (nxt_title_valid(bad[i]))
			fail_msg("title %zu", i);
}

static void test_time(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-24T12:00:00Z", 1795521600},
		{"2028-02-29T23:59:59Z", 1835481599},
		{"9999-12-31T23:59:59Z", 253402300799},
	};
	static const char *const bad[] = {
		"",
		"2026-11-24",
		"2026-11-24T12:00:00",
		"2026-11-24 12:00:00Z",
		"2026-11-24T12:00:00z",
		"2026-11-24T12:00:00+",
		"2026-11-24T12:00:00.0Z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z",
		"1969-12-31T23:59:59Z",
		"-026-01-01T00:00:00Z",
	};
	char text[NXT_TIME_SIZE];
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(nxt_time_parse(good[i].text, &seconds), 0);
		assert_int_equal(seconds, good[i].seconds);
		assert_int_equal(nxt_time_format(seconds, text), 0);
		assert_string_equal(text, good[i].text);
	}
	seconds = 77;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (nxt_time_parse(bad[i], &seconds) != -EINVAL || seconds != 77)
			fail_msg("time %s", bad[i]);
	assert_int_equal(nxt_time_format(-1, text), -ERANGE);
	assert_int_equal(nxt_time_format(253402300800, text), -ERANGE);
}

static void test_error(void **state)
{
	struct nxt_error error;

	(void)state;
	assert_int_equal(nxt_fail(&error, -EINVAL, "a %s", "b\033[2J\n"), -EINVAL);
	assert_string_equal(error.text, "a b?[2J?");
	assert_int_equal(nxt_fail(NULL, -EINVAL, "a"), -EINVAL);
	nxt_fail(&error, -EINVAL, "%s", times("x", 1000));
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name), cmocka_unit_test(test_id),	   cmocka_unit_test(test_title),
		cmocka_unit_test(test_time), cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
