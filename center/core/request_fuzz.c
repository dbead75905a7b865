/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests through routing, authentication, reading of their JSON and the handlers, against a database. An
 * input is up to eight requests, with a byte 0x1e between them: "POST /path?query", lines of headers, an
 * empty line, the body. A first line that begins with '!' comes from nobody in particular.
 */
#include <stdlib.h>
#include <string.h>

#include "center/core/testcenter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *split(char **rest, const char *at)
{
	char *begin = *rest, *end = strstr(begin, at);

	if (end) {
		*end = 0;
		*rest = end + strlen(at);
	} else {
		*rest = begin + strlen(begin);
	}
	return begin;
}

static void check_reply(const struct test_request *test, int status)
{
	const struct reply *reply = &test->request.reply;

	if (status == REQUEST_WAITS)
		return;
	if (status != reply->status || status < 200 || status > 599)
		abort();
	/* Nothing here fails inside: an internal error would be a client's doing. */
	if (status == 500)
		abort();
	if (status >= 400 && (!reply->body || !*reply->problem.title))
		abort();
}

static void run_one(struct center *center, char *text)
{
	char *rest = text, *line = split(&rest, "\n"), *header;
	struct test_request test;
	bool anonymous = *line == '!';

	test_request_init(&test, center, line + anonymous);
	test.anonymous = anonymous;
	for (int i = 0; *rest && *(header = split(&rest, "\n")); i++) {
		char *value = strchr(header, ':');

		if (!value || i >= TEST_PAIRS)
			continue;
		*value++ = 0;
		test.headers[i].name = header;
		test.headers[i].value = value + strspn(value, " ");
	}
	check_reply(&test, test_request_run(&test, rest, strlen(rest)));
	test_request_done(&test);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct center *center;
	char *text, *rest;

	if (size > 65536)
		return -1;
	center = testcenter_new();
	text = calloc(1, size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	rest = text;
	for (int i = 0; i < 8 && *rest; i++)
		run_one(center, split(&rest, "\x1e"));
	free(text);
	testcenter_done(center);
	return 0;
}
