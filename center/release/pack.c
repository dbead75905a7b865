/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/release/pack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "center/release/progress.h"
#include "common/block.h"

#define THREADS 2

struct pack {
	/* Over everything here but the index's names, each of which one thread writes. */
	pthread_mutex_t lock;
	struct source *source;
	struct store *store;
	struct nxt_index *index;
	size_t next; /* block */
	struct pack_result result;
	struct progress progress;
	int r; /* the first failure; then everybody stops */
	struct nxt_error error;
};

/* One thread's own. */
struct packer {
	uint8_t data[NXT_BLOCK_SIZE], scratch[NXT_BLOCK_SIZE], packed[NXT_BLOCK_PACKED_MAX];
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
};

static struct packer *packer_new(void)
{
	struct packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return NULL;
	packer->cctx = ZSTD_createCCtx();
	packer->dctx = ZSTD_createDCtx();
	return packer;
}

static void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	ZSTD_freeCCtx(packer->cctx);
	ZSTD_freeDCtx(packer->dctx);
	free(packer);
}
NXT_DEFINE_CLEANUP(struct packer *, packer_free)

static int stop(struct pack *pack, int r, const struct nxt_error *error)
{
	pthread_mutex_lock(&pack->lock);
	if (pack->r >= 0) {
		pack->r = r;
		pack->error = *error;
	}
	pthread_mutex_unlock(&pack->lock);
	return r;
}

/* Reads the next block that is no hole. 0: there is none, or somebody failed. */
static int next_block(struct pack *pack, struct packer *packer, size_t *ret_block, struct nxt_error *error)
{
	bool hole = true;
	int r = 0;

	pthread_mutex_lock(&pack->lock);
	while (r >= 0 && pack->r >= 0 && pack->next < pack->index->n_blocks && hole) {
		uint64_t offset = (uint64_t)pack->next * NXT_BLOCK_SIZE;
		size_t size = nxt_index_block_size(pack->index, pack->next);

		progress_tell(&pack->progress, offset);
		r = source_read(pack->source, offset, packer->data, size, &hole, error);
		if (r < 0)
			break;
		hole = hole || nxt_block_zero(packer->data, size);
		*ret_block = pack->next++;
	}
	if (r >= 0)
		r = pack->r >= 0 && !hole;
	pthread_mutex_unlock(&pack->lock);
	return r;
}

static int store_block(struct pack *pack, struct packer *packer, size_t block, struct nxt_error *error)
{
	size_t size = nxt_index_block_size(pack->index, block), packed_size;
	uint8_t *name = pack->index->names[block];
	int r;

	nxt_sha256(packer->data, size, name);
	if (store_has(pack->store, packer->dctx, name, packer->scratch, size, NULL))
		return 0;
	r = nxt_block_pack(packer->cctx, packer->data, size, NULL, packer->packed, &packed_size);
	if (r < 0)
		return r;
	r = store_put(pack->store, name, packer->packed, packed_size, error);
	if (r < 0)
		return r;

	pthread_mutex_lock(&pack->lock);
	pack->result.stored_blocks++;
	pack->result.stored_bytes += packed_size;
	pthread_mutex_unlock(&pack->lock);
	return 0;
}

static void *pack_blocks(void *userdata)
{
	_cleanup_(packer_freep) struct packer *packer = packer_new();
	struct nxt_error error = {.text = "out of memory"};
	struct pack *pack = userdata;
	int r = packer && packer->cctx && packer->dctx ? 1 : -ENOMEM;
	size_t block = 0;

	while (r > 0) {
		r = next_block(pack, packer, &block, &error);
		if (r <= 0)
			break;
		r = store_block(pack, packer, block, &error);
		if (r >= 0)
			r = 1;
	}
	if (r < 0)
		stop(pack, r, &error);
	return NULL;
}

int pack_disk(struct source *source, struct store *store, struct nxt_index *index, struct pack_result *ret,
	      struct nxt_error *error)
{
	struct pack pack = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .source = source, .store = store, .index = index};
	pthread_t threads[THREADS];
	int started = 0, r = 0;

	progress_begin(&pack.progress, "sealing", index->disk_size);
	for (; started < THREADS && r == 0; started++)
		r = pthread_create(&threads[started], NULL, pack_blocks, &pack);
	if (r != 0) /* the last one was not started */
		started--;
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	progress_end(&pack.progress);

	if (started == 0)
		return nxt_fail(error, -r, "cannot start a thread: %s", strerror(r));
	if (pack.r < 0) {
		if (error)
			*error = pack.error;
		return pack.r;
	}
	*ret = pack.result;
	return 0;
}
