/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "pc/agent/news_parse.h"

static int parse(const char *text, struct news *ret)
{
	return news_parse(text, strlen(text), ret, NULL);
}

static void test_news(void **state)
{
	struct news news;

	(void)state;
	assert_int_equal(parse("{\"operations\": \"o\", \"assignment\": null, \"orders\": [\"1\", \"2\"], "
			       "\"later\": {}}",
			       &news),
			 0);
	assert_string_equal(news.operations, "o");
	assert_null(news.assignment);
	assert_int_equal(news.n_orders, 2);
	assert_string_equal(news.orders[1], "2");
	news_done(&news);
	assert_int_equal(parse("{\"orders\": []}", &news), 0);
	assert_null(news.operations);
	news_done(&news);

	assert_int_equal(parse("", &news), -EBADMSG);
	assert_int_equal(parse("[]", &news), -EBADMSG);
	assert_int_equal(parse("{}", &news), -EBADMSG);
	assert_int_equal(parse("{\"orders\": [1]}", &news), -EBADMSG);
	assert_int_equal(parse("{\"operations\": 1, \"orders\": []}", &news), -EBADMSG);
	assert_int_equal(parse("{\"assignment\": {}, \"orders\": []}", &news), -EBADMSG);
}

static void test_too_many_orders(void **state)
{
	struct news news;
	char text[2048];
	int n = sprintf(text, "{\"orders\": [");

	(void)state;
	for (int i = 0; i <= NEWS_ORDERS_MAX; i++)
		n += sprintf(text + n, "%s\"\"", i ? "," : "");
	strcpy(text + n, "]}");
	assert_int_equal(parse(text, &news), -E2BIG);
}

static void test_trust(void **state)
{
	static const char good[] =
		"{\"ca\": \"pem\", \"release_key\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}";
	static const char shorter[] = "{\"ca\": \"pem\", \"release_key\": \"AAAA\"}";
	unsigned char release[32] = {1};
	char *ca;

	(void)state;
	assert_int_equal(trust_parse(good, strlen(good), &ca, release, NULL), 0);
	assert_string_equal(ca, "pem");
	assert_int_equal(release[0], 0);
	free(ca);
	assert_int_equal(trust_parse(shorter, strlen(shorter), &ca, release, NULL), -EBADMSG);
	assert_int_equal(trust_parse("{}", 2, &ca, release, NULL), -EBADMSG);
}

static void test_certificate(void **state)
{
	static const char good[] = "{\"pc\": \"11111111-1111-4111-8111-111111111111\", \"certificate\": "
				   "\"pem\", \"expires\": \"\"}";
	static const char bad[] = "{\"pc\": \"../x\", \"certificate\": \"pem\"}";
	char pc[37], *certificate;

	(void)state;
	assert_int_equal(certificate_parse(good, strlen(good), pc, &certificate, NULL), 0);
	assert_string_equal(pc, "11111111-1111-4111-8111-111111111111");
	free(certificate);
	assert_int_equal(certificate_parse(bad, strlen(bad), pc, &certificate, NULL), -EBADMSG);
	assert_int_equal(certificate_parse(bad, strlen(bad), NULL, &certificate, NULL), 0);
	free(certificate);
}

static void test_confirmed(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(confirmed_parse("{\"confirmed\": 7}", 16, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_int_equal(confirmed_parse("{\"confirmed\": -7}", 17, &n, NULL), -EBADMSG);
	assert_int_equal(confirmed_parse("{\"confirmed\": \"\"}", 17, &n, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),	  cmocka_unit_test(test_too_many_orders),
		cmocka_unit_test(test_trust),	  cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
