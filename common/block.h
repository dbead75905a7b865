/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_BLOCK_H
#define NXT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "common/document.h"
#include "common/error.h"
#include "common/hex.h"

/* The most that a packed block has: 256 KiB and 1 KiB. Equals ZSTD_COMPRESSBOUND(NXT_BLOCK_SIZE). */
#define NXT_BLOCK_PACKED_MAX (NXT_BLOCK_SIZE + 1024)

/* Whether all bytes are zero: such a block is a hole and stored nowhere. */
bool nxt_block_zero(const void *data, size_t size);

/*
 * Packs 1 to NXT_BLOCK_SIZE bytes: their name (raw SHA-256; NULL: not wanted), and one zstd frame of
 * *ret_size bytes in packed, which has room for NXT_BLOCK_PACKED_MAX. context is for reuse by one thread;
 * NULL makes one for this call. -EINVAL, -ENOMEM.
 */
int nxt_block_pack(ZSTD_CCtx *context, const void *data, size_t size, uint8_t ret_name[NXT_SHA256_SIZE],
		   void *packed, size_t *ret_size);

/*
 * The reverse, for hostile bytes: exactly one frame that states and holds exactly size bytes (1 to
 * NXT_BLOCK_SIZE) whose hash is name. On failure what is in data may have been written over. -E2BIG: over
 * a limit. -EBADMSG: damaged, or not this block. -ENOMEM.
 */
int nxt_block_unpack(ZSTD_DCtx *context, const void *packed, size_t packed_size,
		     const uint8_t name[NXT_SHA256_SIZE], void *data, size_t size, struct nxt_error *error);

#endif
