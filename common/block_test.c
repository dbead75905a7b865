/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>
#include <openssl/rand.h>

#include "common/block.h"

static uint8_t data[NXT_BLOCK_SIZE + 1], back[NXT_BLOCK_SIZE + 1];
static uint8_t packed[2 * NXT_BLOCK_PACKED_MAX];

static void test_zero(void **state)
{
	(void)state;
	memset(data, 0, sizeof(data));
	assert_true(nxt_block_zero(data, NXT_BLOCK_SIZE));
	assert_true(nxt_block_zero(data, 1));
	assert_true(nxt_block_zero(data, 0));
	data[NXT_BLOCK_SIZE - 1] = 1;
	assert_false(nxt_block_zero(data, NXT_BLOCK_SIZE));
	assert_true(nxt_block_zero(data, NXT_BLOCK_SIZE - 1));
	data[0] = 1;
	assert_false(nxt_block_zero(data, 1));
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = {1, 2, 512, NXT_BLOCK_SIZE - 512, NXT_BLOCK_SIZE};
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	ZSTD_DCtx *dctx = ZSTD_createDCtx();

	(void)state;
	for (int random = 0; random < 2; random++) {
		memset(data, 'a', sizeof(data));
		if (random)
			RAND_bytes(data, sizeof(data));
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			uint8_t name[NXT_SHA256_SIZE], expected[NXT_SHA256_SIZE];
			size_t n = 0;

			assert_int_equal(
				nxt_block_pack(i % 2 ? cctx : NULL, data, sizes[i], name, packed, &n), 0);
			assert_in_range(n, 1, NXT_BLOCK_PACKED_MAX);
			nxt_sha256(data, sizes[i], expected);
			assert_memory_equal(name, expected, sizeof(name));
			memset(back, 0, sizeof(back));
			assert_int_equal(nxt_block_unpack(i % 2 ? dctx : NULL, packed, n, name, back,
							  sizes[i], NULL),
					 0);
			assert_memory_equal(back, data, sizes[i]);
			assert_int_equal(back[sizes[i]], 0);
		}
	}
	ZSTD_freeCCtx(cctx);
	ZSTD_freeDCtx(dctx);
}

static void test_refused(void **state)
{
	uint8_t name[NXT_SHA256_SIZE], other[NXT_SHA256_SIZE] = {1};
	struct nxt_error error;
	size_t n;

	(void)state;
	RAND_bytes(data, sizeof(data));
	assert_int_equal(nxt_block_pack(NULL, data, 0, name, packed, &n), -EINVAL);
	assert_int_equal(nxt_block_pack(NULL, data, NXT_BLOCK_SIZE + 1, name, packed, &n), -EINVAL);
	assert_int_equal(nxt_block_pack(NULL, data, 1000, name, packed, &n), 0);

	assert_int_equal(nxt_block_unpack(NULL, packed, n, other, back, 1000, &error), -EBADMSG);
	assert_contains(error.text, "hash");
	assert_int_equal(nxt_block_unpack(NULL, packed, n, name, back, 1001, &error), -EBADMSG);
	assert_int_equal(nxt_block_unpack(NULL, packed, n, name, back, 999, &error), -EBADMSG);
	assert_int_equal(nxt_block_unpack(NULL, packed, n, name, back, 0, &error), -E2BIG);
	assert_int_equal(nxt_block_unpack(NULL, packed, n, name, back, NXT_BLOCK_SIZE + 1, &error), -E2BIG);
	assert_int_equal(nxt_block_unpack(NULL, packed, n - 1, name, back, 1000, &error), -EBADMSG);
	assert_int_equal(nxt_block_unpack(NULL, packed, 0, name, back, 1000, &error), -EBADMSG);
	/* Something behind the frame, and a second, empty frame. */
	packed[n] = 0;
	assert_int_equal(nxt_block_unpack(NULL, packed, n + 1, name, back, 1000, &error), -EBADMSG);
	memcpy(packed + n, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	assert_int_equal(nxt_block_unpack(NULL, packed, n + 8, name, back, 1000, &error), -EBADMSG);
	/* The limit of 256 KiB and 1 KiB. */
	assert_int_equal(nxt_block_unpack(NULL, packed, NXT_BLOCK_PACKED_MAX + 1, name, back, 1000, &error),
			 -E2BIG);
	assert_int_equal(nxt_block_unpack(NULL, packed, NXT_BLOCK_PACKED_MAX, name, back, 1000, &error),
			 -EBADMSG);
}

/* Every byte of the frame matters: whichever is damaged, nothing wrong comes out. */
static void test_damaged(void **state)
{
	uint8_t name[NXT_SHA256_SIZE];
	size_t n, harmless = 0;

	(void)state;
	for (size_t i = 0; i < 4096; i++)
		data[i] = (uint8_t)(i * i >> 3);
	assert_int_equal(nxt_block_pack(NULL, data, 4096, name, packed, &n), 0);
	for (size_t i = 0; i < n; i++) {
		packed[i] ^= 0x10;
		memset(back, 0, sizeof(back));
		if (nxt_block_unpack(NULL, packed, n, name, back, 4096, NULL) == 0) {
			/* Only if it says the same in another way. */
			assert_memory_equal(back, data, 4096);
			harmless++;
		}
		packed[i] ^= 0x10;
	}
	assert_in_range(harmless, 0, n / 10);
}

/* A frame that does not state its size is refused, though it holds the block. */
static void test_size_not_stated(void **state)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	uint8_t name[NXT_SHA256_SIZE];
	size_t n;

	(void)state;
	memset(data, 'a', 1000);
	nxt_sha256(data, 1000, name);
	ZSTD_CCtx_setParameter(cctx, ZSTD_c_contentSizeFlag, 0);
	n = ZSTD_compress2(cctx, packed, sizeof(packed), data, 1000);
	assert_false(ZSTD_isError(n));
	assert_int_equal(nxt_block_unpack(NULL, packed, n, name, back, 1000, NULL), -EBADMSG);
	ZSTD_freeCCtx(cctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_size_not_stated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
