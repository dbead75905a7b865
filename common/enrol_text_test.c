/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>
#include <stdio.h>

#include "common/base64.h"
#include "common/enrol_text.h"

#define SECRET "abcdefghijklmnopqrstuvwxya"
#define PRINT "tttttttttttttttttttttttttttttttttttttttttttttttttttq"
#define TEXT(host, port) "nxtop1:" host ":" port ":" SECRET ":" PRINT

static void test_round_trip(void **state)
{
	static const char *const good[] = {
		TEXT("center.example.org", "8443"),
		TEXT("192.0.2.1", "1"),
		TEXT("[2001:db8::1]", "65535"),
		TEXT("[::1]", "443"),
		TEXT("a", "443"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char again[NXT_ENROL_TEXT_SIZE], padded[400];
		struct nxt_enrol_text text;
		struct nxt_error error;

		snprintf(padded, sizeof(padded), " \t%s\r\n", good[i]);
		if (nxt_enrol_text_parse(padded, &text, &error) < 0)
			fail_msg("%s: %s", good[i], error.text);
		assert_string_equal(text.secret, SECRET);
		assert_int_equal(text.fingerprint[0], 0x9c);
		assert_int_equal(nxt_enrol_text_format(&text, again), 0);
		assert_string_equal(again, good[i]);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "nxtop1:"},
		{"nxtop2:a:1:" SECRET ":" PRINT, "nxtop1:"},
		{"nxtop1:", "host"},
		{"nxtop1::1:" SECRET ":" PRINT, "host"},
		{TEXT("a/b", "1"), "host"},
		{TEXT("u@h", "1"), "host"},
		{TEXT("-a", "1"), "host"},
		{TEXT("..", "1"), "host"},
		{TEXT("a b", "1"), "host"},
		{TEXT("[", "1"), "host"},
		{TEXT("[]", "1"), "host"},
		{TEXT("[::1", "1"), "host"},
		{TEXT("[::1]x", "1"), "host"},
		{TEXT("[1.2.3.4]", "1"), "host"},
		{TEXT("[::1%eth0]", "1"), "host"},
		{TEXT("::1", "1"), "host"},
		{TEXT("a", "0"), "port"},
		{TEXT("a", "01"), "port"},
		{TEXT("a", "+1"), "port"},
		{TEXT("a", "65536"), "port"},
		{TEXT("a", "655360"), "port"},
		{TEXT("a", ""), "port"},
		{"nxtop1:a:1:" SECRET, "secret"},
		{"nxtop1:a:1:" SECRET "a:" PRINT, "secret"},
		{"nxtop1:a:1:ABCDEFGHIJKLMNOPQRSTUVWXYA:" PRINT, "secret"},
		{"nxtop1:a:1:" SECRET ":", "fingerprint"},
		{"nxtop1:a:1:" SECRET ":" PRINT "a", "fingerprint"},
		{"nxtop1:a:1:" SECRET ":" PRINT ":", "fingerprint"},
		{"nxtop1:a:1:" SECRET ":" PRINT " x", "fingerprint"},
	};
	struct nxt_enrol_text text, before;
	char longest[NXT_ENROL_TEXT_SIZE + 1];

	(void)state;
	memset(&text, 0x5a, sizeof(text));
	before = text;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct nxt_error error = {.text = ""};

		if (nxt_enrol_text_parse(bad[i].text, &text, &error) != -EINVAL ||
		    !strstr(error.text, bad[i].part))
			fail_msg("\"%s\" gives \"%s\"", bad[i].text, error.text);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(nxt_enrol_text_parse(longest, &text, NULL), -EINVAL);
	memcpy(longest, "nxtop1:", 7);
	longest[NXT_ENROL_TEXT_SIZE - 1] = '\0';
	assert_int_equal(nxt_enrol_text_parse(longest, &text, NULL), -EINVAL);
	assert_memory_equal(&text, &before, sizeof(text));
}

static void test_longest_host(void **state)
{
	char written[NXT_ENROL_TEXT_SIZE];
	struct nxt_enrol_text text = {.port = 65535, .secret = SECRET}, again;

	(void)state;
	memset(text.host, 'a', NXT_HOST_SIZE - 1);
	assert_int_equal(nxt_enrol_text_format(&text, written), 0);
	assert_int_equal(nxt_enrol_text_parse(written, &again, NULL), 0);
	assert_string_equal(again.host, text.host);

	strcpy(written, "untouched");
	strcpy(text.host, "a:b");
	assert_int_equal(nxt_enrol_text_format(&text, written), -EINVAL);
	strcpy(text.host, "a");
	text.port = 0;
	assert_int_equal(nxt_enrol_text_format(&text, written), -EINVAL);
	assert_string_equal(written, "untouched");
}

static void test_secret(void **state)
{
	char one[NXT_SECRET_SIZE], two[NXT_SECRET_SIZE], raw[16];

	(void)state;
	assert_int_equal(nxt_enrol_secret_make(one), 0);
	assert_int_equal(nxt_enrol_secret_make(two), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(nxt_base32_decode(one, raw, sizeof(raw)), 0);
}

static void test_fingerprint(void **state)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key();
	struct nxt_public_key public = public_of(key);
	uint8_t print[NXT_SHA256_SIZE];
	char hex[NXT_SHA256_HEX];

	(void)state;
	/* sha256sum of "certificate" and the key's 32 bytes. */
	nxt_enrol_fingerprint("certificate", 11, &public, print);
	nxt_hex_encode(print, sizeof(print), hex);
	assert_string_equal(hex, "6a13cbf84a225cc63fdd8a51b8cae992643c0193a54a5a145de1a5fc98cdaa13");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_longest_host), cmocka_unit_test(test_secret),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
