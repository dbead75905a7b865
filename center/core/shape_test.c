/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What requests' JSON may look like, and how the error names the part that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "center/core/shape.h"

static const char *const colours[] = {"red", "blue", NULL};

static const struct shape part[] = {
	{"size", SHAPE_NUMBER, .min = 1, .max = 9007199254740991},
	{},
};

static const struct shape whole[] = {
	{"name", SHAPE_NAME},
	{"text", SHAPE_TEXT, .optional = true, .min = 1, .max = 4},
	{"lines", SHAPE_LINES, .optional = true, .max = 10},
	{"title", SHAPE_TITLE, .optional = true},
	{"at", SHAPE_TIME, .optional = true},
	{"colour", SHAPE_WORD, .optional = true, .words = colours},
	{"on", SHAPE_BOOL, .optional = true},
	{"part", SHAPE_OBJECT, .optional = true, .members = part},
	{"parts", SHAPE_ARRAY, .optional = true, .max = 2, .members = part},
	{"ids", SHAPE_IDS, .optional = true, .min = 1, .max = 2},
	{},
};

static void accepts(void **state)
{
	static const char *const good[] = {
		"{'name': 'a'}",
		"{'name': 'a', 'text': 'xyz', 'lines': 'a\\nb', 'title': '\xc3\x84', 'at': "
		"'2026-11-24T12:00:00Z'}",
		"{'name': 'a', 'colour': 'blue', 'on': false, 'part': {'size': 9007199254740991}, 'parts': "
		"[]}",
		"{'name': 'a', 'parts': [{'size': 1}, {'size': 2}], 'ids': "
		"['00000000-0000-4000-8000-000000000001']}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char text[300];
		json_t *json;

		snprintf(text, sizeof(text), "%s", good[i]);
		for (char *c = text; *c; c++)
			if (*c == '\'')
				*c = '"';
		json = json_loads(text, 0, NULL);
		assert_non_null(json);
		assert_int_equal(shape_check(json, whole, NULL), 0);
		json_decref(json);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"{}", "name is missing"},
		{"{'name': 'A'}", "name must be"},
		{"{'name': 1}", "name must be"},
		{"{'name': null}", "name must be"},
		{"{'name': 'a', 'colour': 'green'}", "colour must be one of red blue"},
		{"{'name': 'a', 'more': 1}", "more is not known"},
		{"{'name': 'a', 'text': ''}", "text must be"},
		{"{'name': 'a', 'text': '12345'}", "text must be"},
		{"{'name': 'a', 'text': 'a\\nb'}", "text must be"},
		{"{'name': 'a', 'text': '\\u0080'}", "text must be"},
		{"{'name': 'a', 'text': 'a\\u0000'}", "text must be"},
		{"{'name': 'a', 'lines': '\\u001b'}", "lines must be"},
		{"{'name': 'a', 'at': '2026-02-30T00:00:00Z'}", "at must be"},
		{"{'name': 'a', 'on': 1}", "on must be"},
		{"{'name': 'a', 'part': []}", "part must be"},
		{"{'name': 'a', 'part': {'size': 0}}", "part.size must be"},
		{"{'name': 'a', 'part': {'size': -1}}", "part.size must be"},
		{"{'name': 'a', 'part': {'size': 1.0}}", "part.size must be"},
		{"{'name': 'a', 'parts': [{'size': 1}, {'x': 1}]}", "parts[1].size is missing"},
		{"{'name': 'a', 'parts': [1]}", "parts[0] must be"},
		{"{'name': 'a', 'parts': [{'size': 1}, {'size': 1}, {'size': 1}]}", "parts must be"},
		{"{'name': 'a', 'ids': []}", "ids must be"},
		{"{'name': 'a', 'ids': ['x']}", "ids must be"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct nxt_error error = {};
		char text[300];
		json_t *json;

		snprintf(text, sizeof(text), "%s", bad[i].text);
		for (char *c = text; *c; c++)
			if (*c == '\'')
				*c = '"';
		json = json_loads(text, JSON_ALLOW_NUL, NULL);
		assert_non_null(json);
		assert_int_equal(shape_check(json, whole, &error), -EBADMSG);
		if (!strstr(error.text, bad[i].part))
			fail_msg("%s: %s", bad[i].text, error.text);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
