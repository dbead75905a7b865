/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/block.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zstd_errors.h>

static_assert(NXT_BLOCK_PACKED_MAX >= ZSTD_COMPRESSBOUND(NXT_BLOCK_SIZE), "every block can be packed");

/* Fast enough to pack while the disk is read, on one or two cores; docs/formats.md leaves the level open. */
#define LEVEL 3

bool nxt_block_zero(const void *data, size_t size)
{
	const unsigned char *bytes = data;

	/* If the first is zero and each equals the one before it, all are. */
	return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

int nxt_block_pack(ZSTD_CCtx *context, const void *data, size_t size, uint8_t ret_name[NXT_SHA256_SIZE],
		   void *packed, size_t *ret_size)
{
	size_t n;

	if (size == 0 || size > NXT_BLOCK_SIZE)
		return -EINVAL;
	n = context ? ZSTD_compressCCtx(context, packed, NXT_BLOCK_PACKED_MAX, data, size, LEVEL)
		    : ZSTD_compress(packed, NXT_BLOCK_PACKED_MAX, data, size, LEVEL);
	if (ZSTD_isError(n))
		return -ENOMEM; /* the only thing left that can fail */
	if (ret_name)
		nxt_sha256(data, size, ret_name);
	*ret_size = n;
	return 0;
}

int nxt_block_unpack(ZSTD_DCtx *context, const void *packed, size_t packed_size,
		     const uint8_t name[NXT_SHA256_SIZE], void *data, size_t size, struct nxt_error *error)
{
	uint8_t hash[NXT_SHA256_SIZE];
	size_t n;

	if (size == 0 || size > NXT_BLOCK_SIZE)
		return nxt_fail(error, -E2BIG, "a block of %zu bytes, not 1 to %d", size, NXT_BLOCK_SIZE);
	if (packed_size > NXT_BLOCK_PACKED_MAX)
		return nxt_fail(error, -E2BIG, "a compressed block of more than %d bytes",
				NXT_BLOCK_PACKED_MAX);
	/* Exactly one frame: else bytes could be changed without changing the block. */
	if (ZSTD_getFrameContentSize(packed, packed_size) != size ||
	    ZSTD_findFrameCompressedSize(packed, packed_size) != packed_size)
		return nxt_fail(error, -EBADMSG, "a block that is no zstd frame of %zu bytes", size);

	n = context ? ZSTD_decompressDCtx(context, data, size, packed, packed_size)
		    : ZSTD_decompress(data, size, packed, packed_size);
	if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	if (ZSTD_isError(n))
		return nxt_fail(error, -EBADMSG, "a damaged block: %s", ZSTD_getErrorName(n));
	nxt_sha256(data, size, hash);
	if (n != size || memcmp(hash, name, sizeof(hash)) != 0)
		return nxt_fail(error, -EBADMSG, "a block whose bytes do not hash to its name");
	return 0;
}
