/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which door a request finds, and what it is told when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "center/core/route.h"
#include "center/core/testcenter.h"

static void expect(const char *line, int status, const char *path)
{
	struct test_request test;
	char copy[300];
	int r;

	snprintf(copy, sizeof(copy), "%s", line);
	test_request_init(&test, NULL, copy);
	r = route_find(&test.request);
	assert_int_equal(r, status);
	if (path)
		assert_string_equal(test.request.route->path, path);
	request_done(&test.request);
}

static void finds(void **state)
{
	(void)state;
	expect("GET /api/v1/pcs", 0, "/api/v1/pcs");
	expect("GET /api/v1/pcs/" TEST_PC, 0, "/api/v1/pcs/{id}");
	expect("POST /api/v1/images/debian-13/versions/12/deploy", 0,
	       "/api/v1/images/{name}/versions/{number}/deploy");
	expect("GET /api/v1/log/check?x=/y", 0, "/api/v1/log/check");
}

static void refuses(void **state)
{
	static const char *const missing[] = {
		"GET /",
		"GET /api/v1",
		"GET /api/v1/pcs/",
		"GET /api/v1/pcs//",
		"GET /api/v1/pcs/1",
		"GET /api/v1/pcs/" TEST_PC "x",
		"GET /api/v1/pcs/00000000-0000-4000-8000-00000000000A",
		"GET /api/v1/images/../versions",
		"GET /api/v1/images/Debian/versions/1",
		"GET /api/v1/images/debian/versions/0",
		"GET /api/v1/images/debian/versions/1234567890123456",
		"GET /api/v1/images/debian/versions/1/",
		"GET /pc/v1/blocks/00",
		"GET api/v1/pcs",
		"GET ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		expect(missing[i], 404, NULL);
	expect("DELETE /api/v1/pcs", 405, NULL);
	expect("get /api/v1/pcs", 405, NULL);
}

/* Each number that a path may hold is one that route_number() gives back. */
static void reads_numbers(void **state)
{
	struct test_request test;
	char line[] = "GET /api/v1/images/debian/versions/123456789012345";

	(void)state;
	test_request_init(&test, NULL, line);
	assert_int_equal(route_find(&test.request), 0);
	assert_true(route_number(&test.request, 1) == 123456789012345);
	request_done(&test.request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(refuses),
		cmocka_unit_test(reads_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
