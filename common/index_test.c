/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/test.h"

#include <errno.h>
#include <zstd.h>

#include "common/index.h"

/* Two whole blocks and 512 bytes; the second is a hole. */
#define DISK (2 * NXT_BLOCK_SIZE + 512)

static struct nxt_index *sample(void)
{
	struct nxt_index *index;

	assert_int_equal(nxt_index_new(DISK, &index), 0);
	memset(index->names[0], 'a', NXT_SHA256_SIZE);
	index->names[2][31] = 1;
	return index;
}

static void test_sizes(void **state)
{
	static const uint64_t bad[] = {0, 1, 511, NXT_DISK_MAX + 512, UINT64_MAX};
	_cleanup_(nxt_index_freep) struct nxt_index *index = sample(), *small = NULL;

	(void)state;
	assert_int_equal(index->n_blocks, 3);
	assert_int_equal(nxt_index_block_size(index, 0), NXT_BLOCK_SIZE);
	assert_int_equal(nxt_index_block_size(index, 1), NXT_BLOCK_SIZE);
	assert_int_equal(nxt_index_block_size(index, 2), 512);
	assert_false(nxt_index_hole(index, 0));
	assert_true(nxt_index_hole(index, 1));
	assert_false(nxt_index_hole(index, 2));
	assert_int_equal(nxt_index_filled(index), NXT_BLOCK_SIZE + 512);

	assert_int_equal(nxt_index_new(512, &small), 0);
	assert_int_equal(small->n_blocks, 1);
	nxt_index_free(TAKE_PTR(small));
	assert_int_equal(nxt_index_new(NXT_BLOCK_SIZE, &small), 0);
	assert_int_equal(small->n_blocks, 1);
	nxt_index_free(TAKE_PTR(small));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(nxt_index_new(bad[i], &small), -EINVAL);
	assert_null(small);
}

static void test_round_trip(void **state)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = sample(), *again = NULL;
	_cleanup_free_ void *packed = NULL;
	struct nxt_disk disk = {.size = DISK, .block = NXT_BLOCK_SIZE, .filled = NXT_BLOCK_SIZE + 512};
	size_t size;

	(void)state;
	assert_int_equal(nxt_index_pack(index, &packed, &size, disk.index), 0);
	assert_in_range(size, 1, nxt_index_packed_max(DISK));
	assert_int_equal(nxt_index_unpack(packed, size, &disk, &again, NULL), 0);
	assert_int_equal(again->disk_size, DISK);
	assert_int_equal(again->n_blocks, 3);
	assert_memory_equal(again->names, index->names, 3 * NXT_SHA256_SIZE);
}

static int unpack(const void *packed, size_t size, struct nxt_disk disk)
{
	struct nxt_error error = {.text = ""};
	struct nxt_index *index = NULL;
	int r = nxt_index_unpack(packed, size, &disk, &index, &error);

	assert_int_equal(r < 0, error.text[0] != '\0');
	assert_int_equal(r < 0, index == NULL);
	nxt_index_free(index);
	return r;
}

static void test_refused(void **state)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = sample();
	struct nxt_disk disk = {.size = DISK, .block = NXT_BLOCK_SIZE, .filled = NXT_BLOCK_SIZE + 512};
	_cleanup_free_ uint8_t *packed = NULL;
	_cleanup_free_ uint8_t *longer = NULL;
	size_t size, most = nxt_index_packed_max(DISK);

	(void)state;
	assert_int_equal(nxt_index_pack(index, (void **)&packed, &size, disk.index), 0);
	longer = calloc(1, most + 1);
	memcpy(longer, packed, size);
	assert_int_equal(unpack(longer, size, disk), 0);
	assert_int_equal(unpack(longer, size - 1, disk), -EBADMSG);
	assert_int_equal(unpack(longer, size + 1, disk), -EBADMSG);
	assert_int_equal(unpack(longer, 0, disk), -EBADMSG);
	/* A second, empty frame. */
	memcpy(longer + size, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	assert_int_equal(unpack(longer, size + 8, disk), -EBADMSG);
	memset(longer + size, 0, 8);
	assert_int_equal(unpack(longer, most, disk), -EBADMSG);
	assert_int_equal(unpack(longer, most + 1, disk), -E2BIG);
}

static void test_other_disk(void **state)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = sample();
	struct nxt_disk disk = {.size = DISK, .block = NXT_BLOCK_SIZE, .filled = NXT_BLOCK_SIZE + 512}, other;
	_cleanup_free_ void *packed = NULL;
	size_t size;

	(void)state;
	assert_int_equal(nxt_index_pack(index, &packed, &size, disk.index), 0);
	other = disk;
	other.size = 4 * NXT_BLOCK_SIZE;
	assert_int_equal(unpack(packed, size, other), -EBADMSG);
	other = disk;
	other.size = DISK + 1;
	assert_int_equal(unpack(packed, size, other), -EBADMSG);
	other = disk;
	other.size = NXT_DISK_MAX + 512;
	assert_int_equal(unpack(packed, size, other), -E2BIG);
	other = disk;
	other.filled = NXT_BLOCK_SIZE;
	assert_int_equal(unpack(packed, size, other), -EBADMSG);
	other = disk;
	other.index[0] ^= 1;
	assert_int_equal(unpack(packed, size, other), -EBADMSG);
}

/*
 * A frame that claims the size of a large index is refused before that memory is taken, unless the
 * manifest says so.
 */
static void test_bomb(void **state)
{
	struct nxt_disk disk = {.size = DISK, .block = NXT_BLOCK_SIZE, .filled = 0};
	size_t zeros = 64 * 1024 * 1024, size;
	_cleanup_free_ void *plain = calloc(1, zeros), *packed = malloc(zeros);

	(void)state;
	size = ZSTD_compress(packed, zeros, plain, zeros, 1);
	assert_in_range(size, 1, 64 * 1024);
	assert_int_equal(unpack(packed, size, disk), -E2BIG);
	disk.size = (uint64_t)(zeros / NXT_SHA256_SIZE) * NXT_BLOCK_SIZE + 512;
	assert_int_equal(unpack(packed, size, disk), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_other_disk),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
