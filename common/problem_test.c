/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include "common/problem.h"

static void test_round_trip(void **state)
{
	struct nxt_problem problem = {
		.status = 409, .title = "In use", .detail = "Bild \303\274 \"x\"", .hint = "Wait"};
	struct nxt_problem again;
	_cleanup_free_ char *text = NULL;
	size_t size;

	(void)state;
	assert_int_equal(nxt_problem_build(&problem, &text, &size), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(text,
			    "{\"status\":409,\"title\":\"In use\",\"detail\":\"Bild \303\274 \\\"x\\\"\","
			    "\"hint\":\"Wait\"}");
	nxt_problem_parse(409, text, size, &again);
	assert_memory_equal(&again, &problem, sizeof(problem));
}

static void test_not_utf8(void **state)
{
	struct nxt_problem problem = {.status = 400, .title = "Bad", .detail = "\377"};
	_cleanup_free_ char *text = NULL;
	size_t size;

	(void)state;
	assert_int_equal(nxt_problem_build(&problem, &text, &size), 0);
	assert_string_equal(text, "{\"status\":400,\"title\":\"Bad\"}");
}

static void test_hostile(void **state)
{
	static const char *const nothing[] = {"",   "<html>",	      "[]",
					      "{}", "{\"title\": 1}", "{\"title\": \"\"}"};
	_cleanup_free_ char *large = NULL;
	struct nxt_problem problem;
	char text[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		nxt_problem_parse(503, nothing[i], strlen(nothing[i]), &problem);
		assert_int_equal(problem.status, 503);
		assert_string_equal(problem.title, "HTTP status 503");
		assert_string_equal(problem.detail, "");
	}

	/* Terminal control, and a status that the body only claims. */
	strcpy(text, "{\"status\": 200, \"title\": \"a\\u001b[2J\\n\"}");
	nxt_problem_parse(404, text, strlen(text), &problem);
	assert_int_equal(problem.status, 404);
	assert_string_equal(problem.title, "a?[2J?");

	/* Too long: cut, between characters. */
	strcpy(text, "{\"title\": \"");
	for (int i = 0; i < 100; i++)
		strcat(text, "\303\274");
	strcat(text, "\"}");
	nxt_problem_parse(400, text, strlen(text), &problem);
	assert_int_equal(strlen(problem.title), 126);

	large = malloc(100000);
	memset(large, ' ', 100000);
	memcpy(large, "{\"title\": \"a\"}", 14);
	nxt_problem_parse(400, large, 100000, &problem);
	assert_string_equal(problem.title, "HTTP status 400");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
