/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_BLOCKS_H
#define CENTER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Packed blocks and indexes as files, named by the SHA-256 of what is in them: blocks/ab/abcd... and
 * indexes/ab/abcd... in the data directory. What comes here was verified by the caller. Any thread may call.
 */
enum blob_kind {
	BLOB_BLOCK,
	BLOB_INDEX,
};

/* Makes the directories. */
int blobs_prepare(int dir);

/*
 * Stores it. A block is not flushed to the disk by itself, so after a power cut it may be damaged. Before a
 * version is complete, each of its blocks is read and verified, then all are flushed, then sealed: a sealed
 * block (its file's mode is 0400) needs no second look.
 */
int blob_store(int dir, enum blob_kind kind, const char *name, const void *data, size_t size);
int blobs_flush(int dir);
int block_seal(int dir, const char *name);

bool blob_exists(int dir, enum blob_kind kind, const char *name, bool *ret_sealed);

/* -ENOENT. *ret_fd is for close(). */
int blob_open(int dir, enum blob_kind kind, const char *name, int *ret_fd, size_t *ret_size);
int blob_read(int dir, enum blob_kind kind, const char *name, size_t limit, char **ret, size_t *ret_size);
int blob_remove(int dir, enum blob_kind kind, const char *name);

/* Removes blocks that keep() does not want. How many there were, or a negative errno. */
int blobs_sweep(int dir, bool (*keep)(const char *name, void *data), void *data);

#endif
