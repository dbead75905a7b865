/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/index.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 3

static size_t count_blocks(uint64_t disk_size)
{
	return (size_t)((disk_size + NXT_BLOCK_SIZE - 1) / NXT_BLOCK_SIZE);
}

int nxt_index_new(uint64_t disk_size, struct nxt_index **ret)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;

	if (disk_size == 0 || disk_size > NXT_DISK_MAX || disk_size % 512 != 0)
		return -EINVAL;
	index = calloc(1, sizeof(*index));
	if (!index)
		return -ENOMEM;
	index->disk_size = disk_size;
	index->n_blocks = count_blocks(disk_size);
	index->names = calloc(index->n_blocks, sizeof(*index->names));
	if (!index->names)
		return -ENOMEM;
	*ret = TAKE_PTR(index);
	return 0;
}

void nxt_index_free(struct nxt_index *index)
{
	if (!index)
		return;
	free(index->names);
	free(index);
}

bool nxt_index_hole(const struct nxt_index *index, size_t block)
{
	static const uint8_t hole[NXT_SHA256_SIZE];

	return memcmp(index->names[block], hole, sizeof(hole)) == 0;
}

size_t nxt_index_block_size(const struct nxt_index *index, size_t block)
{
	uint64_t left = index->disk_size - (uint64_t)block * NXT_BLOCK_SIZE;

	return left < NXT_BLOCK_SIZE ? (size_t)left : NXT_BLOCK_SIZE;
}

uint64_t nxt_index_filled(const struct nxt_index *index)
{
	uint64_t filled = 0;

	for (size_t i = 0; i < index->n_blocks; i++)
		if (!nxt_index_hole(index, i))
			filled += nxt_index_block_size(index, i);
	return filled;
}

int nxt_index_pack(const struct nxt_index *index, void **ret, size_t *ret_size, char ret_name[NXT_SHA256_HEX])
{
	_cleanup_free_ void *packed = NULL;
	size_t size = index->n_blocks * sizeof(*index->names);
	size_t room = ZSTD_compressBound(size), n;

	packed = malloc(room);
	if (!packed)
		return -ENOMEM;
	n = ZSTD_compress(packed, room, index->names, size, LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM; /* the only thing left that can fail */
	nxt_sha256_hex(index->names, size, ret_name);
	*ret = TAKE_PTR(packed);
	*ret_size = n;
	return 0;
}

size_t nxt_index_packed_max(uint64_t disk_size)
{
	return ZSTD_compressBound(count_blocks(disk_size) * NXT_SHA256_SIZE);
}

int nxt_index_unpack(const void *packed, size_t packed_size, const struct nxt_disk *disk,
		     struct nxt_index **ret, struct nxt_error *error)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;
	char name[NXT_SHA256_HEX];
	size_t size, n;
	int r;

	if (disk->size > NXT_DISK_MAX || packed_size > nxt_index_packed_max(disk->size))
		return nxt_fail(error, -E2BIG, "an index larger than that of a disk of %llu bytes can be",
				(unsigned long long)disk->size);
	size = count_blocks(disk->size) * NXT_SHA256_SIZE;
	if (ZSTD_getFrameContentSize(packed, packed_size) != size ||
	    ZSTD_findFrameCompressedSize(packed, packed_size) != packed_size)
		return nxt_fail(error, -EBADMSG, "an index that is no zstd frame of %zu bytes", size);

	r = nxt_index_new(disk->size, &index);
	if (r == -EINVAL)
		return nxt_fail(error, -EBADMSG, "an index of a disk whose size is no multiple of 512");
	if (r < 0)
		return r;
	n = ZSTD_decompress(index->names, size, packed, packed_size);
	if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	if (ZSTD_isError(n))
		return nxt_fail(error, -EBADMSG, "a damaged index: %s", ZSTD_getErrorName(n));
	nxt_sha256_hex(index->names, size, name);
	if (n != size || strcmp(name, disk->index) != 0)
		return nxt_fail(error, -EBADMSG, "an index whose bytes do not hash to its name");
	if (nxt_index_filled(index) != disk->filled)
		return nxt_fail(error, -EBADMSG,
				"an index with another number of holes than the manifest says");
	*ret = TAKE_PTR(index);
	return 0;
}
