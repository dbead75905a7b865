/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "pc/agent/control_request.h"

static int parse(const char *line, struct control_request *ret)
{
	return control_request_parse(line, strlen(line), ret, NULL);
}

static void test_good(void **state)
{
	struct control_request q;

	(void)state;
	assert_int_equal(parse("{\"do\": \"status\"}", &q), 0);
	assert_int_equal(q.what, CONTROL_STATUS);
	assert_int_equal(parse("{\"do\": \"revert\", \"workspace\": \"Büro\"}", &q), 0);
	assert_int_equal(q.what, CONTROL_REVERT);
	assert_string_equal(q.workspace, "Büro");
	assert_string_equal(q.snapshot, "");
	assert_int_equal(parse("{\"do\": \"forget\", \"workspace\": \"a\", \"snapshot\": \"x-1\"}", &q), 0);
	assert_string_equal(q.snapshot, "x-1");
	assert_int_equal(parse("{\"do\": \"log\"}", &q), 0);
	assert_int_equal(q.lines, 50);
	assert_int_equal(parse("{\"do\": \"log\", \"lines\": 7}", &q), 0);
	assert_int_equal(q.lines, 7);
	assert_int_equal(parse("{\"do\": \"enrol\", \"text\": \"nxtop1:...\"}", &q), 0);
	assert_string_equal(q.text, "nxtop1:...");
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"do\": 1}",
		"{\"do\": \"destroy\"}",
		"{\"do\": \"Status\"}",
		"{\"do\": \"status\", \"workspace\": \"a\"}",
		"{\"do\": \"start\"}",
		"{\"do\": \"start\", \"workspace\": \"\"}",
		"{\"do\": \"start\", \"workspace\": 1}",
		"{\"do\": \"start\", \"workspace\": \"a\", \"snapshot\": \"b\"}",
		"{\"do\": \"snapshot\", \"workspace\": \"a\", \"snapshot\": \"../b\"}",
		"{\"do\": \"forget\", \"workspace\": \"a\"}",
		"{\"do\": \"log\", \"lines\": 0}",
		"{\"do\": \"log\", \"lines\": 1001}",
		"{\"do\": \"log\", \"lines\": \"7\"}",
		"{\"do\": \"enrol\"}",
		"{\"do\": \"status\"} x",
		"{\"do\": \"status\", \"do\": \"stop\"}",
	};
	struct control_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse(bad[i], &q) != -EBADMSG)
			fail_msg("%s was taken", bad[i]);
}

static void test_limits(void **state)
{
	char line[CONTROL_LINE_MAX + 2];
	struct control_request q;

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"do\": \"status\"", 15);
	line[CONTROL_LINE_MAX - 1] = '}';
	assert_int_equal(control_request_parse(line, CONTROL_LINE_MAX, &q, NULL), 0);
	assert_int_equal(control_request_parse(line, CONTROL_LINE_MAX + 1, &q, NULL), -E2BIG);

	memset(line, 'x', sizeof(line));
	memcpy(line, "{\"do\":\"enrol\",\"text\":\"", 22);
	memcpy(line + 22 + 512, "\"}", 3);
	assert_int_equal(parse(line, &q), -E2BIG);
	memcpy(line + 22 + 511, "\"}", 3);
	assert_int_equal(parse(line, &q), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
