/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>

#include "common/base64.h"
#include "common/hex.h"

/* RFC 4648, section 10; base32 in lower case and without padding. */
static const struct {
	const char *plain, *base64, *base32;
} vectors[] = {
	{"", "", ""},
	{"f", "Zg==", "my"},
	{"fo", "Zm8=", "mzxq"},
	{"foo", "Zm9v", "mzxw6"},
	{"foob", "Zm9vYg==", "mzxw6yq"},
	{"fooba", "Zm9vYmE=", "mzxw6ytb"},
	{"foobar", "Zm9vYmFy", "mzxw6ytboi"},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t size = strlen(vectors[i].plain), n;
		_cleanup_free_ char *text = NULL;
		_cleanup_free_ void *plain = NULL;
		char small[16];

		assert_int_equal(nxt_base64_encode(vectors[i].plain, size, &text), 0);
		assert_string_equal(text, vectors[i].base64);
		assert_int_equal(nxt_base64_decode(text, strlen(text), &plain, &n), 0);
		assert_int_equal(n, size);
		assert_string_equal(plain, vectors[i].plain);

		nxt_base32_encode(vectors[i].plain, size, small);
		assert_string_equal(small, vectors[i].base32);
		assert_int_equal(nxt_base32_decode(vectors[i].base32, small, size), 0);
		assert_memory_equal(small, vectors[i].plain, size);
	}
}

static void test_every_byte(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ void *again = NULL;
	unsigned char bytes[256], back[256];
	char base32[NXT_BASE32_LENGTH(256) + 1], hex[513];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(255 - i);
	assert_int_equal(nxt_base64_encode(bytes, sizeof(bytes), &text), 0);
	assert_int_equal(nxt_base64_decode(text, strlen(text), &again, &n), 0);
	assert_int_equal(n, sizeof(bytes));
	assert_memory_equal(again, bytes, sizeof(bytes));

	nxt_base32_encode(bytes, sizeof(bytes), base32);
	assert_int_equal(strlen(base32), NXT_BASE32_LENGTH(256));
	assert_int_equal(nxt_base32_decode(base32, back, sizeof(back)), 0);
	assert_memory_equal(back, bytes, sizeof(bytes));

	nxt_hex_encode(bytes, sizeof(bytes), hex);
	assert_int_equal(nxt_hex_decode(hex, back, sizeof(back)), 0);
	assert_memory_equal(back, bytes, sizeof(bytes));
}

static void test_refused(void **state)
{
	static const char *const base64[] = {
		"Zg",	"Zg=",	    "Z===", "====",  "Zh==", /* spare bits set */
		"Zm9=", "Zg==Zg==", "Zm9 ", "Zm9\n", "Zm-v", "Zm_v", "=Zm9", "Z=m9",
	};
	static const char *const base32[] = {"mz", "mzx", "MY", "m1", "m=", "m", "mya", ""};
	static const char *const hex[] = {"", "0", "00", "000", "00000", "0g00", "00FF", "0x00"};
	unsigned char out[4] = {1, 2, 3, 4};
	void *plain = out;
	size_t n = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(base64); i++)
		assert_int_equal(nxt_base64_decode(base64[i], strlen(base64[i]), &plain, &n), -EINVAL);
	assert_ptr_equal(plain, out);
	assert_int_equal(n, 77);
	for (size_t i = 0; i < ARRAY_SIZE(base32); i++)
		assert_int_equal(nxt_base32_decode(base32[i], out, 1), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(hex); i++)
		assert_int_equal(nxt_hex_decode(hex[i], out, 2), -EINVAL);
	assert_int_equal(out[0], 1);
}

static void test_sha256(void **state)
{
	char hex[NXT_SHA256_HEX];

	(void)state;
	nxt_sha256_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
