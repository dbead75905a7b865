/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "boot/options.h"

static struct options parse(const char *line)
{
	struct options options;

	memset(&options, 0x5a, sizeof(options));
	options_parse(line, &options);
	return options;
}

static void test_defaults(void **state)
{
	static const char *const empty[] = {"", " ", "    "};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(empty); i++) {
		struct options o = parse(empty[i]);

		assert_int_equal(o.console_port, 0);
		assert_int_equal(o.console_baud, 115200);
		assert_true(o.screen);
		assert_false(o.selftest);
		assert_false(o.native);
		assert_int_equal(o.cpus, 0);
		assert_int_equal(o.memory, 0);
		assert_int_equal(o.bad_count, 0);
	}
}

static void test_all(void **state)
{
	struct options o = parse(" console=ttyS1,9600  screen=off selftest cpus=2 native memory=64M ");

	(void)state;
	assert_int_equal(o.console_port, 0x2f8);
	assert_int_equal(o.console_baud, 9600);
	assert_false(o.screen);
	assert_true(o.selftest);
	assert_true(o.native);
	assert_int_equal(o.cpus, 2);
	assert_int_equal(o.memory, MIB(64));
	assert_int_equal(o.bad_count, 0);

	assert_int_equal(parse("console=com1").console_port, 0x3f8);
	assert_int_equal(parse("console=com1 console=none").console_port, 0);
	assert_int_equal(parse("memory=1G").memory, GIB(1));
	assert_int_equal(parse("memory=4096K").memory, MIB(4));
	assert_int_equal(parse("memory=4096").memory, 4096);
	assert_true(parse("screen=off screen=on").screen);
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"console=",
		"console=ttyS4",
		"console=ttyS0,",
		"console=ttyS0,7",
		"console=ttyS0,0",
		"console",
		"console=none,1",
		"screen=yes",
		"screen",
		"selftest=1",
		"native=",
		"cpus=0",
		"cpus=-1",
		"cpus=4294967296",
		"cpus=",
		"memory=",
		"memory=M",
		"memory=0",
		"memory=1T",
		"memory=17179869184G",
		"memory=99999999999999999999",
		"=",
		"Selftest",
		"selftes",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct options o = parse(bad[i]);

		assert_int_equal(o.bad_count, 1);
		assert_string_equal(o.bad[0], bad[i]);
		assert_int_equal(o.console_port, 0);
		assert_int_equal(o.memory, 0);
		assert_int_equal(o.cpus, 0);
		assert_true(o.screen);
	}
}

static void test_bad_words_are_kept(void **state)
{
	struct options o = parse("a b selftest\x1b[2J c d e");
	char line[200];

	(void)state;
	assert_int_equal(o.bad_count, 6);
	assert_string_equal(o.bad[0], "a");
	assert_string_equal(o.bad[2], "selftest?[2J");
	assert_string_equal(o.bad[3], "c");

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	o = parse(line);
	assert_int_equal(o.bad_count, 1);
	assert_int_equal(strlen(o.bad[0]), OPTIONS_WORD_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bad_words_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
