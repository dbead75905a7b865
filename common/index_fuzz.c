/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is an index as it was stored or sent, after two bytes that choose the disk's size in units of
 * 64 KiB less 512 bytes. What it holds is found with zstd alone, so that the right name can be asked for.
 */
#include <string.h>
#include <zstd.h>

#include "common/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(nxt_index_freep) struct nxt_index *index = NULL, *again = NULL;
	static uint8_t plain[(UINT16_MAX + 4) / 4 * NXT_SHA256_SIZE];
	_cleanup_free_ void *packed = NULL;
	struct nxt_disk disk = {.block = NXT_BLOCK_SIZE};
	size_t n, packed_size;
	int r;

	if (size < 2)
		return 0;
	disk.size = ((uint64_t)(data[0] << 8 | data[1]) + 1) * 65536 - 512;
	data += 2;
	size -= 2;
	n = ZSTD_decompress(plain, sizeof(plain), data, size);
	if (!ZSTD_isError(n)) {
		nxt_sha256_hex(plain, n, disk.index);
		/* It counts the holes itself; here only the right count gets further. */
		for (size_t i = 0; i + NXT_SHA256_SIZE <= n; i += NXT_SHA256_SIZE)
			for (size_t j = 0; j < NXT_SHA256_SIZE; j++)
				if (plain[i + j]) {
					disk.filled +=
						i + NXT_SHA256_SIZE == n
							? disk.size - i / NXT_SHA256_SIZE * NXT_BLOCK_SIZE
							: NXT_BLOCK_SIZE;
					break;
				}
	}
	r = nxt_index_unpack(data, size, &disk, &index, NULL);
	if (r < 0)
		return 0;
	if (n != index->n_blocks * NXT_SHA256_SIZE ||
	    nxt_index_pack(index, &packed, &packed_size, disk.index) < 0 ||
	    nxt_index_unpack(packed, packed_size, &disk, &again, NULL) < 0 ||
	    memcmp(index->names, again->names, n) != 0)
		abort();
	return 0;
}
