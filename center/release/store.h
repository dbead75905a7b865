/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_STORE_H
#define NXT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/hex.h"

/*
 * A directory of image versions (docs/formats.md): VERSION.json, indexes/<sha256>, blocks/<first two
 * digits>/<sha256>. What is in it was perhaps cut short or damaged; blocks are checked before they are
 * relied on.
 */
struct store {
	int dir;
};

/* To add to it: makes what is missing, removes what a crash left, and keeps others out until it is closed. */
int store_open(const char *path, struct store **ret, struct nxt_error *error);
/* To read it only. */
int store_open_read(const char *path, struct store **ret, struct nxt_error *error);
void store_close(struct store *store);
NXT_DEFINE_CLEANUP(struct store *, store_close)

/*
 * Whether the block is there and whole; data is scratch of NXT_BLOCK_SIZE. error says what is wrong with
 * it.
 */
bool store_has(struct store *store, ZSTD_DCtx *context, const uint8_t name[NXT_SHA256_SIZE], void *data,
	       size_t size, struct nxt_error *error);

/* Not flushed until nxt_sync() on the directory. */
int store_put(struct store *store, const uint8_t name[NXT_SHA256_SIZE], const void *packed, size_t size,
	      struct nxt_error *error);

#endif
