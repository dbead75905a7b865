/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "center/release/progress.h"
#include "center/release/release.h"
#include "center/release/store.h"
#include "common/block.h"
#include "common/envelope.h"
#include "common/file.h"
#include "common/index.h"
#include "common/trust.h"

static const char help[] = "usage: nxtop-release verify --public-key FILE DIR\n"
			   "\n"
			   "Checks every image version in DIR: its signature, its index, and that each of "
			   "its blocks is there and whole. Tells\n"
			   "each that is not. To repair one, move its VERSION.json away and seal the same "
			   "disk again, or copy the files again.\n"
			   "\n"
			   "  --public-key FILE  the release key\n";

/* A block that a version needs. */
struct need {
	uint8_t name[NXT_SHA256_SIZE];
	uint32_t size;
};

struct verification {
	struct store *store;
	struct nxt_trust trust;
	struct need *needs;
	size_t n_needs;
	unsigned int versions, bad;
};

static void complain(struct verification *v, const char *what, const char *why)
{
	v->bad++;
	printf("%s: %s\n", what, why);
}

static int need_blocks(struct verification *v, const struct nxt_index *index)
{
	struct need *needs = reallocarray(v->needs, v->n_needs + index->n_blocks, sizeof(*needs));

	if (!needs)
		return -ENOMEM;
	v->needs = needs;
	for (size_t i = 0; i < index->n_blocks; i++) {
		if (nxt_index_hole(index, i))
			continue;
		memcpy(needs[v->n_needs].name, index->names[i], NXT_SHA256_SIZE);
		needs[v->n_needs].size = (uint32_t)nxt_index_block_size(index, i);
		v->n_needs++;
	}
	return 0;
}

static int read_index(struct verification *v, const struct nxt_disk *disk, struct nxt_index **ret,
		      struct nxt_error *error)
{
	_cleanup_free_ char *packed = NULL;
	char path[sizeof("indexes/") + NXT_SHA256_HEX];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "indexes/%s", disk->index);
	r = nxt_file_read(v->store->dir, path, nxt_index_packed_max(disk->size), &packed, &size);
	if (r < 0)
		return fail_file(error, r, "cannot read", path);
	return nxt_index_unpack(packed, size, disk, ret, error);
}

static int check_version(struct verification *v, const char *file, struct nxt_error *error)
{
	_cleanup_free_ char *envelope = NULL;
	struct nxt_document document;
	char expected[32];
	size_t size;
	int r;

	r = nxt_file_read(v->store->dir, file, NXT_ENVELOPE_MAX, &envelope, &size);
	if (r < 0)
		return nxt_fail(error, r, "%s", strerror(-r));
	r = nxt_trust_open(&v->trust, NXT_IMAGE, envelope, size, 0, &document, error);
	if (r < 0)
		return r;
	snprintf(expected, sizeof(expected), "%" PRIu64 ".json", document.image.version);
	if (strcmp(expected, file) != 0)
		return nxt_fail(error, -EBADMSG, "holds version %" PRIu64, document.image.version);

	for (size_t i = 0; i < document.image.n_disks; i++) {
		_cleanup_(nxt_index_freep) struct nxt_index *index = NULL;

		r = read_index(v, &document.image.disks[i], &index, error);
		if (r < 0)
			return r;
		r = need_blocks(v, index);
		if (r < 0)
			return nxt_fail(error, r, "out of memory");
	}
	return 0;
}

static bool is_version(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && strcmp(name + digits, ".json") == 0;
}

static int check_versions(struct verification *v)
{
	int fd = openat(v->store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct nxt_error error = {.text = "out of memory"};
	struct dirent *entry;

	if (!stream)
		return -errno;
	while ((entry = readdir(stream))) {
		if (!is_version(entry->d_name))
			continue;
		v->versions++;
		if (check_version(v, entry->d_name, &error) < 0)
			complain(v, entry->d_name, error.text);
	}
	closedir(stream);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct need));
}

/* Each block once, however many versions need it. */
static int check_blocks(struct verification *v, size_t *ret_blocks)
{
	_cleanup_free_ uint8_t *data = malloc(NXT_BLOCK_SIZE);
	ZSTD_DCtx *context = ZSTD_createDCtx();
	struct progress progress;
	struct nxt_error error = {.text = "out of memory"};
	size_t blocks = 0;

	if (!data || !context) {
		ZSTD_freeDCtx(context);
		return -ENOMEM;
	}
	if (v->n_needs > 0)
		qsort(v->needs, v->n_needs, sizeof(*v->needs), compare);
	progress_begin(&progress, "verifying", (uint64_t)v->n_needs * NXT_BLOCK_SIZE);
	for (size_t i = 0; i < v->n_needs; i++) {
		char hex[NXT_SHA256_HEX];

		if (i > 0 && compare(&v->needs[i], &v->needs[i - 1]) == 0)
			continue;
		blocks++;
		progress_tell(&progress, (uint64_t)i * NXT_BLOCK_SIZE);
		if (store_has(v->store, context, v->needs[i].name, data, v->needs[i].size, &error))
			continue;
		nxt_hex_encode(v->needs[i].name, NXT_SHA256_SIZE, hex);
		complain(v, hex, error.text);
	}
	progress_end(&progress);
	ZSTD_freeDCtx(context);
	*ret_blocks = blocks;
	return 0;
}

static int verify(struct verification *v, const char *path, struct nxt_error *error)
{
	size_t blocks;
	int r;

	r = check_versions(v);
	if (r < 0)
		return fail_file(error, r, "cannot read the directory", path);
	if (v->versions == 0)
		return nxt_fail(error, -ENOENT, "there is no image version in %s", path);
	r = check_blocks(v, &blocks);
	if (r < 0)
		return r;
	if (v->bad > 0)
		return nxt_fail(error, -EBADMSG, "%u versions or blocks in %s are damaged or missing", v->bad,
				path);
	printf("%u versions, %zu blocks: all are whole.\n", v->versions, blocks);
	return 0;
}

int verb_verify(int argc, char **argv, struct nxt_error *error)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"public-key", required_argument, NULL, 'k'},
		{NULL, 0, NULL, 0},
	};
	_cleanup_(store_closep) struct store *store = NULL;
	struct verification v = {.versions = 0};
	const char *key_path = NULL;
	int c, r;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			return fputs(help, stdout) < 0 ? -EIO : 0;
		case 'k':
			key_path = optarg;
			break;
		default:
			return nxt_fail(error, -EINVAL, "verify does not know that option");
		}
	}
	if (optind + 1 != argc)
		return nxt_fail(error, -EINVAL, "verify takes one DIR");
	r = demand("--public-key", key_path, error);
	if (r < 0)
		return r;
	r = load_public_key(key_path, &v.trust.release, error);
	if (r < 0)
		return r;
	r = store_open_read(argv[optind], &store, error);
	if (r < 0)
		return r;
	v.store = store;
	r = verify(&v, argv[optind], error);
	free(v.needs);
	return r;
}
