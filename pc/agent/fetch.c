/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/block.h"
#include "common/problem.h"

/* What was fetched is made to last this often: so much is fetched again after a power cut. */
#define FLUSH_BYTES (32ULL << 20)

struct transfer {
	CURL *easy;
	struct http_buffer buffer;
	size_t block;	 /* the first that has this name */
	size_t position; /* its place in the order */
	bool busy;
	char why[CURL_ERROR_SIZE];
};

struct fetch {
	struct agent *agent;
	const struct state_pc *pc;
	struct image_part *part;
	const struct nxt_index *index;
	CURLM *multi;
	ZSTD_DCtx *context;
	uint8_t *data;
	size_t *order; /* missing blocks, by name and then by number */
	size_t n, next;
	struct transfer transfers[FETCH_PARALLEL];
	uint64_t since_flush;
	uint64_t second_bytes;
	time_t second;
};

/* qsort_r's argument. */
static int compare(const void *a, const void *b, void *data)
{
	const struct nxt_index *index = data;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int order = memcmp(index->names[x], index->names[y], NXT_SHA256_SIZE);

	return order ? order : x < y ? -1 : x > y;
}

static int list_missing(struct fetch *f)
{
	f->order = calloc(f->index->n_blocks + 1, sizeof(*f->order));
	if (!f->order)
		return -ENOMEM;
	for (size_t i = 0; i < f->index->n_blocks; i++)
		if (!image_part_has(f->part, i))
			f->order[f->n++] = i;
	qsort_r(f->order, f->n, sizeof(*f->order), compare, (void *)f->index);
	return 0;
}

static bool same(const struct fetch *f, size_t a, size_t b)
{
	return !memcmp(f->index->names[a], f->index->names[b], NXT_SHA256_SIZE);
}

/* Begins the next block that nobody fetches yet. */
static int start(struct fetch *f, struct transfer *t)
{
	char hex[NXT_SHA256_HEX], path[128];
	int r;

	if (f->next == f->n)
		return 0;
	t->position = f->next;
	t->block = f->order[f->next++];
	while (f->next < f->n && same(f, f->order[f->next], t->block))
		f->next++;
	if (!t->easy)
		t->easy = curl_easy_init();
	if (!t->easy)
		return -ENOMEM;
	t->buffer.size = 0;
	t->buffer.limit = NXT_BLOCK_PACKED_MAX;
	t->buffer.too_large = false;
	t->why[0] = 0;
	nxt_hex_encode(f->index->names[t->block], NXT_SHA256_SIZE, hex);
	snprintf(path, sizeof(path), "/pc/v1/blocks/%s", hex);
	curl_easy_reset(t->easy);
	r = http_set_up(f->agent, f->pc, t->easy, path);
	if (r < 0)
		return r;
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, http_collect);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, &t->buffer);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	if (curl_multi_add_handle(f->multi, t->easy) != CURLM_OK)
		return -EIO;
	t->busy = true;
	return 0;
}

static int put_everywhere(struct fetch *f, const struct transfer *t)
{
	int r;

	for (size_t i = t->position; i < f->n && same(f, f->order[i], t->block); i++) {
		r = image_part_put(f->part, f->order[i], f->data);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What came, checked; then it counts. */
static int take(struct fetch *f, struct transfer *t, CURLcode code, struct nxt_error *error)
{
	struct nxt_error damaged = {""};
	char hex[NXT_SHA256_HEX];
	long status = 0;
	int r;

	nxt_hex_encode(f->index->names[t->block], NXT_SHA256_SIZE, hex);
	if (t->buffer.too_large)
		return nxt_fail(error, -EBADMSG, "block %s is larger than blocks may be", hex);
	if (code != CURLE_OK)
		return nxt_fail(error, atomic_load(&f->agent->stop) ? -ECANCELED : -ECONNREFUSED,
				"Center at %s:%u: %s", f->pc->host, f->pc->port,
				t->why[0] ? t->why : curl_easy_strerror(code));
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		struct http_answer answer = {.status = status,
					     .body = t->buffer.data,
					     .size = t->buffer.size};

		r = http_check(&answer, error);
		return r < 0 ? r
			     : nxt_fail(error, -EREMOTEIO, "Center answered %ld for block %s", status, hex);
	}
	r = nxt_block_unpack(f->context, t->buffer.data, t->buffer.size, f->index->names[t->block], f->data,
			     nxt_index_block_size(f->index, t->block), &damaged);
	if (r < 0)
		return nxt_fail(error, r, "block %s, as Center has it: %s", hex, damaged.text);
	f->second_bytes += t->buffer.size;
	f->since_flush += nxt_index_block_size(f->index, t->block);
	return put_everywhere(f, t);
}

static void show_progress(struct fetch *f)
{
	time_t now = time(NULL);

	pthread_mutex_lock(&f->agent->lock);
	f->agent->fetch.done = image_part_done(f->part);
	if (now != f->second) {
		f->agent->fetch.bytes_per_second = f->second_bytes / (now > f->second ? now - f->second : 1);
		f->second_bytes = 0;
		f->second = now;
	}
	pthread_mutex_unlock(&f->agent->lock);
}

static int collect(struct fetch *f, struct nxt_error *error)
{
	CURLMsg *message;
	int left, r;

	while ((message = curl_multi_info_read(f->multi, &left))) {
		struct transfer *t;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		r = take(f, t, message->data.result, error);
		curl_multi_remove_handle(f->multi, t->easy);
		t->busy = false;
		if (r < 0)
			return r;
		r = start(f, t);
		if (r < 0)
			return r;
	}
	show_progress(f);
	if (f->since_flush < FLUSH_BYTES)
		return 0;
	f->since_flush = 0;
	return image_part_flush(f->part);
}

static int run(struct fetch *f, struct nxt_error *error)
{
	int running, r;

	for (size_t i = 0; i < FETCH_PARALLEL; i++) {
		r = start(f, &f->transfers[i]);
		if (r < 0)
			return r;
	}
	do {
		if (atomic_load(&f->agent->stop))
			return -ECANCELED;
		if (curl_multi_perform(f->multi, &running) != CURLM_OK)
			return -EIO;
		r = collect(f, error);
		if (r < 0)
			return r;
		running = 0;
		for (size_t i = 0; i < FETCH_PARALLEL; i++)
			running += f->transfers[i].busy;
		if (running && curl_multi_poll(f->multi, NULL, 0, 1000, NULL) != CURLM_OK)
			return -EIO;
	} while (running);
	return 0;
}

static void done(struct fetch *f)
{
	for (size_t i = 0; i < FETCH_PARALLEL; i++) {
		struct transfer *t = &f->transfers[i];

		if (t->busy)
			curl_multi_remove_handle(f->multi, t->easy);
		if (t->easy)
			curl_easy_cleanup(t->easy);
		free(t->buffer.data);
	}
	if (f->multi)
		curl_multi_cleanup(f->multi);
	ZSTD_freeDCtx(f->context);
	free(f->order);
	free(f->data);
}

int fetch_blocks(struct agent *agent, const struct state_pc *pc, struct image_part *part,
		 struct nxt_error *error)
{
	_cleanup_(done) struct fetch f = {
		.agent = agent,
		.pc = pc,
		.part = part,
		.index = image_part_index(part),
		.second = time(NULL),
	};
	int r, flushed;

	f.multi = curl_multi_init();
	f.context = ZSTD_createDCtx();
	f.data = malloc(NXT_BLOCK_SIZE);
	if (!f.multi || !f.context || !f.data)
		return -ENOMEM;
	curl_multi_setopt(f.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)FETCH_PARALLEL);
	r = list_missing(&f);
	if (r >= 0)
		r = run(&f, error);
	flushed = image_part_flush(part);
	return r < 0 ? r : flushed;
}
