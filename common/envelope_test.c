/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>
#include <stdio.h>

#include "common/base64.h"
#include "common/envelope.h"

#define TYPE "application/vnd.nxtop.image+json"
/* {"format":1} signed with the test key; the signature was made by: openssl pkeyutl -sign -rawin */
#define PAYLOAD "eyJmb3JtYXQiOjF9"
#define SIG "IxMrjhwSOhU1Jq5p9My8hxGb+0lZiWhXeY80veMhmsJCaqDsPj5l5lM0wSBvmbr9Uz+mnNdg4nnUkZ3jQRBSCw=="
#define SIGNATURE(keyid, sig) "{\"keyid\": \"" keyid "\", \"sig\": \"" sig "\"}"
#define GOOD SIGNATURE(TEST_KEY_ID, SIG)
#define ENVELOPE(type, payload, signatures)                                                                  \
	"{\"payloadType\": \"" type "\", \"payload\": \"" payload "\", \"signatures\": [" signatures "]}"

static const char foreign[] = ENVELOPE(TYPE, PAYLOAD, GOOD);

static int check(const char *text, const char *type)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key();
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	struct nxt_public_key public = public_of(key);
	struct nxt_error error = {.text = ""};
	int r;

	r = nxt_envelope_parse(text, strlen(text), &envelope, &error);
	if (r < 0)
		assert_null(envelope);
	else
		r = nxt_envelope_check(envelope, type, &public, &error);
	assert_int_equal(r < 0, error.text[0] != '\0');
	return r;
}

static void test_known_answer(void **state)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key();
	_cleanup_(nxt_envelope_freep) struct nxt_envelope *envelope = NULL;
	_cleanup_free_ char *ours = NULL;
	size_t size;

	(void)state;
	assert_int_equal(check(foreign, TYPE), 0);

	assert_int_equal(nxt_envelope_sign(TYPE, "{\"format\":1}", 12, key, &ours, &size), 0);
	assert_int_equal(size, strlen(ours));
	assert_contains(ours, GOOD);
	assert_int_equal(nxt_envelope_parse(ours, size, &envelope, NULL), 0);
	assert_string_equal(envelope->type, TYPE);
	assert_string_equal(envelope->payload, "{\"format\":1}");
	assert_int_equal(envelope->payload_size, 12);
	assert_int_equal(envelope->n_signatures, 1);
	nxt_envelope_free(NULL);
}

static void test_changed(void **state)
{
	(void)state;
	/* The type is signed, too. */
	assert_int_equal(check(foreign, "application/vnd.nxtop.policy+json"), -EBADMSG);
	assert_int_equal(check(ENVELOPE("x" TYPE, PAYLOAD, GOOD), "x" TYPE), -EKEYREJECTED);
	assert_int_equal(check(ENVELOPE(TYPE, "eyJmb3JtYXQiOjJ9", GOOD), TYPE), -EKEYREJECTED);
	assert_int_equal(check(ENVELOPE(TYPE, "", GOOD), TYPE), -EKEYREJECTED);
}

static void test_other_signatures(void **state)
{
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"
	(void)state;
	/* Ignored, whatever they are. */
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, SIGNATURE(OTHER, SIG) ", " GOOD), TYPE), 0);
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, SIGNATURE("rsa", "AAAA") ", " GOOD), TYPE), 0);
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, "{\"sig\": \"?\"}, " GOOD), TYPE), 0);
	/* But not enough. */
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, ""), TYPE), -ENOKEY);
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, SIGNATURE(OTHER, SIG)), TYPE), -ENOKEY);
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD, SIGNATURE(TEST_KEY_ID, "AAAA")), TYPE), -ENOKEY);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"payloadType\": \"a\", \"payload\": \"\"}",
		"{\"payloadType\": \"a\", \"signatures\": []}",
		"{\"payload\": \"\", \"signatures\": []}",
		"{\"payloadType\": 1, \"payload\": \"\", \"signatures\": []}",
		"{\"payloadType\": \"a\", \"payload\": \"\", \"payload\": \"\", \"signatures\": []}",
		"{\"payloadType\": \"a\\u0000b\", \"payload\": \"\", \"signatures\": []}",
		ENVELOPE(TYPE, "e", GOOD),
		ENVELOPE(TYPE, PAYLOAD, "1"),
		ENVELOPE(TYPE, PAYLOAD, "{}"),
		ENVELOPE(TYPE, PAYLOAD, GOOD) "x",
	};
	struct nxt_envelope *envelope = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (nxt_envelope_parse(bad[i], strlen(bad[i]), &envelope, NULL) != -EBADMSG)
			fail_msg("%s", bad[i]);
	assert_null(envelope);
}

static void test_limits(void **state)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key();
	_cleanup_free_ char *text = malloc(NXT_ENVELOPE_MAX + 2), *out = NULL;
	struct nxt_error error;
	struct nxt_envelope *envelope = NULL;
	size_t size;

	(void)state;
	/* Signatures: 8 are read, 9 are too many. */
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD,
					GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD),
			       TYPE),
			 0);
	assert_int_equal(check(ENVELOPE(TYPE, PAYLOAD,
					GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD "," GOOD
					     "," GOOD),
			       TYPE),
			 -E2BIG);
	/* Nesting: 8 is read, 9 is too deep; brackets within a string do not count. */
	assert_int_equal(check("{\"a\": [[[[[[[]]]]]]], \"b\": \"[[[[[[[[[[\\\"[[[[[[[[[[\"}", TYPE),
			 -EBADMSG);
	assert_int_equal(check("{\"a\": [[[[[[[[]]]]]]]]}", TYPE), -E2BIG);

	/* Size: as large as allowed is read, one more byte is not even looked at. */
	memset(text, ' ', NXT_ENVELOPE_MAX + 1);
	memcpy(text, foreign, strlen(foreign));
	text[NXT_ENVELOPE_MAX] = '\0';
	assert_int_equal(check(text, TYPE), 0);
	text[NXT_ENVELOPE_MAX] = ' ';
	text[NXT_ENVELOPE_MAX + 1] = '\0';
	assert_int_equal(nxt_envelope_parse(text, NXT_ENVELOPE_MAX + 1, &envelope, &error), -E2BIG);
	assert_contains(error.text, "1048576");

	/* And none is written that could not be read. */
	assert_int_equal(nxt_envelope_sign(TYPE, text, NXT_ENVELOPE_MAX, key, &out, &size), -E2BIG);
	assert_int_equal(nxt_envelope_sign(TYPE, text, NXT_ENVELOPE_MAX + 1, key, &out, &size), -E2BIG);
	assert_null(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),	 cmocka_unit_test(test_changed),
		cmocka_unit_test(test_other_signatures), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
