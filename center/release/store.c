/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/release/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "center/release/release.h"
#include "common/block.h"
#include "common/file.h"

#define BLOCK_PATH_SIZE (sizeof("blocks/xx/") + 64)

static void block_path(const uint8_t name[NXT_SHA256_SIZE], char ret[BLOCK_PATH_SIZE])
{
	char hex[NXT_SHA256_HEX];

	nxt_hex_encode(name, NXT_SHA256_SIZE, hex);
	snprintf(ret, BLOCK_PATH_SIZE, "blocks/%.2s/%s", hex, hex);
}

/* Removes what writers that were killed left in a folder. */
static void sweep(int dir, const char *folder)
{
	int fd = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream)))
		if (strncmp(entry->d_name, NXT_WRITE_TEMPORARY, strlen(NXT_WRITE_TEMPORARY)) == 0)
			(void)unlinkat(fd, entry->d_name, 0);
	closedir(stream);
}

/* One folder for each first byte of a name: a large image has 100,000 blocks. */
static int make_folders(int dir)
{
	static const char *const folders[] = {"blocks", "indexes"};
	char folder[sizeof("blocks/xx")];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdirat(dir, folders[i], 0755) < 0 && errno != EEXIST)
			return -errno;
	for (unsigned int i = 0; i < 256; i++) {
		snprintf(folder, sizeof(folder), "blocks/%02x", i & 0xff);
		if (mkdirat(dir, folder, 0755) < 0 && errno != EEXIST)
			return -errno;
		sweep(dir, folder);
	}
	sweep(dir, "indexes");
	sweep(dir, ".");
	return 0;
}

int store_open_read(const char *path, struct store **ret, struct nxt_error *error)
{
	struct store *store;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return fail_file(error, -errno, "cannot open the directory", path);
	store = malloc(sizeof(*store));
	if (!store) {
		close(dir);
		return -ENOMEM;
	}
	store->dir = dir;
	*ret = store;
	return 0;
}

int store_open(const char *path, struct store **ret, struct nxt_error *error)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int r;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return fail_file(error, -errno, "cannot make the directory", path);
	r = store_open_read(path, &store, error);
	if (r < 0)
		return r;
	if (flock(store->dir, LOCK_EX | LOCK_NB) < 0)
		return nxt_fail(error, -EBUSY,
				"another nxtop-release is writing to %s: wait until it has finished", path);
	r = make_folders(store->dir);
	if (r < 0)
		return fail_file(error, r, "cannot make directories in", path);
	*ret = TAKE_PTR(store);
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close(store->dir);
	free(store);
}

bool store_has(struct store *store, ZSTD_DCtx *context, const uint8_t name[NXT_SHA256_SIZE], void *data,
	       size_t size, struct nxt_error *error)
{
	_cleanup_free_ char *packed = NULL;
	char path[BLOCK_PATH_SIZE];
	size_t packed_size;
	int r;

	block_path(name, path);
	r = nxt_file_read(store->dir, path, NXT_BLOCK_PACKED_MAX, &packed, &packed_size);
	if (r < 0) {
		nxt_fail(error, r, "%s", strerror(-r));
		return false;
	}
	return nxt_block_unpack(context, packed, packed_size, name, data, size, error) >= 0;
}

int store_put(struct store *store, const uint8_t name[NXT_SHA256_SIZE], const void *packed, size_t size,
	      struct nxt_error *error)
{
	char path[BLOCK_PATH_SIZE];
	int r;

	block_path(name, path);
	r = nxt_file_write(store->dir, path, packed, size, 0644, NXT_WRITE_LAZY);
	return r < 0 ? fail_file(error, r, "cannot write", path) : 0;
}
