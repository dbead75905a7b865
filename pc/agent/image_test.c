/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/agent_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pc/agent/image.h"

#define BLOCKS 5
/* The last block is a short one; block 1 is a hole. */
#define SIZE ((BLOCKS - 1) * NXT_BLOCK_SIZE + 512)

static uint8_t data[BLOCKS][NXT_BLOCK_SIZE];

static struct nxt_index *make_index(uint8_t seed, struct nxt_document *image)
{
	struct nxt_index *index;

	assert_int_equal(nxt_index_new(SIZE, &index), 0);
	for (size_t i = 0; i < BLOCKS; i++) {
		memset(data[i], i == 1 ? 0 : (int)(seed + i), NXT_BLOCK_SIZE);
		if (i != 1)
			nxt_sha256(data[i], nxt_index_block_size(index, i), index->names[i]);
	}
	image->image.disks[0].filled = nxt_index_filled(index);
	nxt_sha256_hex(index->names, BLOCKS * NXT_SHA256_SIZE, image->image.disks[0].index);
	return index;
}

static void test_whole(void **state)
{
	_cleanup_(image_part_freep) struct image_part *part = NULL;
	struct nxt_document image = lab_image("tiny", 1, SIZE);
	_cleanup_(nxt_index_freep) struct nxt_index *index = make_index(10, &image);
	_cleanup_free_ char *raw = NULL;
	struct lab *lab = *state;
	size_t size;

	assert_int_equal(image_part_open(&lab->state, &image.image, index, &part, NULL), 0);
	assert_true(image_part_has(part, 1));
	assert_false(image_part_has(part, 0));
	assert_int_equal(image_part_finish(part, &lab->state), -ENODATA);
	for (size_t i = 0; i < BLOCKS; i++)
		assert_int_equal(image_part_put(part, i, data[i]), 0);
	assert_int_equal(image_part_done(part), SIZE - NXT_BLOCK_SIZE);
	assert_false(image_is_ready(&lab->state, &image.image));
	assert_true(image_part_finish(part, &lab->state) >= 0);
	assert_true(image_is_ready(&lab->state, &image.image));

	assert_int_equal(nxt_file_read(lab->state.dir, "images/tiny/1.raw", SIZE, &raw, &size), 0);
	assert_int_equal(size, SIZE);
	for (size_t i = 0; i < BLOCKS; i++)
		assert_memory_equal(raw + i * NXT_BLOCK_SIZE, data[i], nxt_index_block_size(index, i));
	/* Cut off between the last file and the database. */
	assert_true(db_run(lab->state.db, "DELETE FROM images", "") > 0);
	assert_int_equal(image_adopt(&lab->state, &image.image), 1);
	assert_true(image_is_ready(&lab->state, &image.image));
}

static void test_resume(void **state)
{
	struct nxt_document image = lab_image("tiny", 1, SIZE), other = lab_image("tiny", 1, SIZE);
	_cleanup_(nxt_index_freep) struct nxt_index *foreign = make_index(99, &other);
	_cleanup_(nxt_index_freep) struct nxt_index *index = make_index(10, &image);
	struct lab *lab = *state;
	struct image_part *part;

	assert_int_equal(image_part_open(&lab->state, &image.image, index, &part, NULL), 0);
	assert_int_equal(image_part_put(part, 0, data[0]), 0);
	assert_int_equal(image_part_flush(part), 0);
	/* This one is lost: nobody said that it is there. */
	assert_int_equal(image_part_put(part, 2, data[2]), 0);
	image_part_free(part);

	assert_int_equal(image_part_open(&lab->state, &image.image, index, &part, NULL), 0);
	assert_true(image_part_has(part, 0));
	assert_false(image_part_has(part, 2));
	assert_int_equal(image_part_done(part), NXT_BLOCK_SIZE);
	image_part_free(part);
	/* Of another index: begun anew. */
	assert_int_equal(image_part_open(&lab->state, &other.image, foreign, &part, NULL), 0);
	assert_false(image_part_has(part, 0));
	image_part_free(part);
}

static void make_whole(struct lab *lab, const struct nxt_document *image, const struct nxt_index *index)
{
	struct image_part *part;

	assert_int_equal(image_part_open(&lab->state, &image->image, index, &part, NULL), 0);
	for (size_t i = 0; i < BLOCKS; i++)
		assert_int_equal(image_part_put(part, i, data[i]), 0);
	assert_true(image_part_finish(part, &lab->state) >= 0);
	image_part_free(part);
}

static void test_local(void **state)
{
	struct nxt_document one = lab_image("tiny", 1, SIZE), two = lab_image("tiny", 2, SIZE);
	_cleanup_(nxt_index_freep) struct nxt_index *first = make_index(10, &one), *second = NULL;
	_cleanup_(image_part_freep) struct image_part *part = NULL;
	struct lab *lab = *state;
	int fd;

	make_whole(lab, &one, first);
	/* One block of what lies here is damaged. */
	assert_int_equal(fchmodat(lab->state.dir, "images/tiny/1.raw", 0600, 0), 0);
	fd = openat(lab->state.dir, "images/tiny/1.raw", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 3 * NXT_BLOCK_SIZE), 1);
	close(fd);

	second = make_index(10, &two);
	memset(second->names[2], 7, NXT_SHA256_SIZE);
	nxt_sha256_hex(second->names, BLOCKS * NXT_SHA256_SIZE, two.image.disks[0].index);
	assert_int_equal(image_part_open(&lab->state, &two.image, second, &part, NULL), 0);
	/* Blocks 0 and 4: block 1 is a hole, 2 is new, 3 is damaged. */
	assert_int_equal(image_part_copy_local(part, &lab->state), 2);
	assert_true(image_part_has(part, 0));
	assert_false(image_part_has(part, 2));
	assert_false(image_part_has(part, 3));
	assert_true(image_part_has(part, 4));
}

static void test_no_space(void **state)
{
	struct nxt_document image = lab_image("huge", 1, NXT_DISK_MAX);
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	struct image_part *part;
	struct nxt_error error = {""};
	struct lab *lab = *state;

	assert_int_equal(nxt_index_new(NXT_DISK_MAX, &index), 0);
	memset(index->names, 1, index->n_blocks * NXT_SHA256_SIZE);
	assert_int_equal(image_part_open(&lab->state, &image.image, index, &part, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "MiB more"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, lab_set_up, lab_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_resume),
		TEST(test_local),
		TEST(test_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
