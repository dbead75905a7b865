/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "common/error.h"

static void test_known_key(void **state)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key();
	struct nxt_public_key public = public_of(key), again;
	_cleanup_free_ char *pem = NULL, *private_pem = NULL;
	char hex[65], id[NXT_SHA256_HEX];
	size_t size;

	(void)state;
	nxt_hex_encode(public.raw, sizeof(public.raw), hex);
	assert_string_equal(hex, TEST_KEY_PUBLIC_HEX);
	nxt_key_id(&public, id);
	assert_string_equal(id, TEST_KEY_ID);

	assert_int_equal(nxt_public_key_to_pem(&public, &pem, &size), 0);
	assert_string_equal(pem, TEST_KEY_PUBLIC_PEM);
	assert_int_equal(size, strlen(pem));
	assert_int_equal(nxt_public_key_from_pem(pem, size, &again, NULL), 0);
	assert_memory_equal(&again, &public, sizeof(public));

	assert_int_equal(nxt_private_key_to_pem(key, NULL, &private_pem, &size), 0);
	assert_string_equal(private_pem, TEST_KEY_PEM);
}

static void test_passphrase(void **state)
{
	/* Written by: openssl pkcs8 -topk8 -passout pass:secret -v2 aes-256-cbc */
	static const char foreign[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				      "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjCHT47UBzAbgICCAAw\n"
				      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEE+PxdTlf28b7A1jwkyeqfIEQBmK\n"
				      "s4HQqMOqNShnDOsntcn4FR3SxaiWYaDW5F98Tdwun9EaVtNyfmeK4btVjfAmYdTY\n"
				      "9ec1h/FZnmjpGLKAPVA=\n"
				      "-----END ENCRYPTED PRIVATE KEY-----\n";
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = other_key(), *again = NULL,
								*opened = NULL;
	struct nxt_public_key public = public_of(key), other;
	_cleanup_free_ char *pem = NULL;
	struct nxt_error error;
	size_t size;

	(void)state;
	assert_int_equal(nxt_private_key_to_pem(key, "correct horse", &pem, &size), 0);
	assert_contains(pem, "BEGIN ENCRYPTED PRIVATE KEY");
	assert_int_equal(nxt_private_key_from_pem(pem, size, NULL, &again, &error), -ENOKEY);
	assert_contains(error.text, "passphrase");
	assert_int_equal(nxt_private_key_from_pem(pem, size, "wrong", &again, &error), -EKEYREJECTED);
	assert_null(again);
	assert_int_equal(nxt_private_key_from_pem(pem, size, "correct horse", &again, &error), 0);
	other = public_of(again);
	assert_memory_equal(&public, &other, sizeof(public));

	assert_int_equal(nxt_private_key_from_pem(foreign, strlen(foreign), "secret", &opened, NULL), 0);
	other = public_of(opened);
	assert_int_equal(other.raw[0], 0xd7);
}

static void test_refused(void **state)
{
	static const char ed448[] = "-----BEGIN PRIVATE KEY-----\n"
				    "MEcCAQAwBQYDK2VxBDsEOcPfLp6vbvo9ZJLNKNa/lX8Pqiw7Sw8LicQkAIyKTHMn\n"
				    "kTG/iWKX8MDssUiVJsTzrpuT50vZ1ytA3w==\n"
				    "-----END PRIVATE KEY-----\n";
	struct nxt_private_key *key = NULL;
	struct nxt_public_key public;
	char large[20000];

	(void)state;
	memset(large, '\n', sizeof(large));
	assert_int_equal(nxt_private_key_from_pem("", 0, NULL, &key, NULL), -EBADMSG);
	assert_int_equal(nxt_private_key_from_pem(ed448, strlen(ed448), NULL, &key, NULL), -EBADMSG);
	assert_int_equal(nxt_private_key_from_pem(TEST_KEY_PUBLIC_PEM, strlen(TEST_KEY_PUBLIC_PEM), NULL,
						  &key, NULL),
			 -EBADMSG);
	assert_int_equal(nxt_private_key_from_pem(large, sizeof(large), NULL, &key, NULL), -EBADMSG);
	assert_int_equal(nxt_public_key_from_pem(TEST_KEY_PEM, strlen(TEST_KEY_PEM), &public, NULL),
			 -EBADMSG);
	assert_int_equal(nxt_public_key_from_pem(large, sizeof(large), &public, NULL), -EBADMSG);
	assert_null(key);
	nxt_private_key_free(NULL);
}

static void test_sign(void **state)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = test_key(), *other = other_key();
	struct nxt_public_key public = public_of(key), stranger = public_of(other);
	uint8_t signature[NXT_SIGNATURE_SIZE];
	char hex[2 * NXT_SIGNATURE_SIZE + 1];

	(void)state;
	/* RFC 8032, section 7.1, test 1. */
	assert_int_equal(nxt_private_key_sign(key, "", 0, signature), 0);
	nxt_hex_encode(signature, sizeof(signature), hex);
	assert_string_equal(hex, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
				 "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
	assert_int_equal(nxt_public_key_check(&public, "", 0, signature), 0);
	assert_int_equal(nxt_public_key_check(&public, "x", 1, signature), -EKEYREJECTED);
	assert_int_equal(nxt_public_key_check(&stranger, "", 0, signature), -EKEYREJECTED);
	signature[63] ^= 1;
	assert_int_equal(nxt_public_key_check(&public, "", 0, signature), -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_key),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
