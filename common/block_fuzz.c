/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a block as it was stored or sent, after two bytes that choose the size that the index says.
 * What it holds is found with zstd alone, so that the right name can be asked for.
 */
#include <string.h>

#include "common/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t plain[NXT_BLOCK_SIZE], block[NXT_BLOCK_SIZE], again[NXT_BLOCK_SIZE],
		packed[NXT_BLOCK_PACKED_MAX];
	uint8_t name[NXT_SHA256_SIZE] = {0}, other[NXT_SHA256_SIZE];
	size_t said, n;

	if (size < 2)
		return 0;
	said = (size_t)(data[0] << 8 | data[1]) * 4 + 1;
	data += 2;
	size -= 2;

	/* Under a name that no block has, nothing is accepted. */
	if (nxt_block_unpack(NULL, data, size, name, block, said, NULL) >= 0)
		abort();
	n = ZSTD_decompress(plain, sizeof(plain), data, size);
	if (ZSTD_isError(n) || n == 0)
		return 0;
	nxt_sha256(plain, n, name);
	if (nxt_block_unpack(NULL, data, size, name, block, said, NULL) >= 0 &&
	    (said != n || memcmp(block, plain, n) != 0))
		abort();
	if (nxt_block_pack(NULL, plain, n, other, packed, &said) < 0 ||
	    memcmp(name, other, sizeof(name)) != 0 ||
	    nxt_block_unpack(NULL, packed, said, name, again, n, NULL) < 0 || memcmp(again, plain, n) != 0)
		abort();
	return 0;
}
