/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks that another version on this PC has are not fetched but copied: see image.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "pc/agent/disks.h"
#include "pc/agent/image.h"

struct wanted {
	const uint8_t *name;
	size_t block;
};

static int compare(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return memcmp(x->name, y->name, NXT_SHA256_SIZE);
}

/* Puts the block everywhere where it is wanted. How often. */
static int put_all(struct image_part *part, const struct wanted *wanted, size_t n, const uint8_t *name,
		   const void *data)
{
	struct wanted key = {.name = name};
	const struct wanted *found = bsearch(&key, wanted, n, sizeof(*wanted), compare);
	int copied = 0, r;

	if (!found)
		return 0;
	while (found > wanted && !memcmp(found[-1].name, name, NXT_SHA256_SIZE))
		found--;
	for (; found < wanted + n && !memcmp(found->name, name, NXT_SHA256_SIZE); found++, copied++) {
		r = image_part_put(part, found->block, data);
		if (r < 0)
			return r;
	}
	return copied;
}

static int copy_from(struct image_part *part, const struct nxt_index *index, const struct wanted *wanted,
		     size_t n, int fd, const uint8_t (*names)[NXT_SHA256_SIZE], size_t n_names,
		     uint64_t disk_size)
{
	_cleanup_free_ uint8_t *data = malloc(NXT_BLOCK_SIZE);
	int copied = 0, r;

	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < n_names; i++) {
		uint64_t at = (uint64_t)i * NXT_BLOCK_SIZE;
		size_t size = disk_size - at < NXT_BLOCK_SIZE ? disk_size - at : NXT_BLOCK_SIZE;
		struct wanted key = {.name = names[i]}, *found;
		uint8_t name[NXT_SHA256_SIZE];

		found = bsearch(&key, wanted, n, sizeof(*wanted), compare);
		if (!found || image_part_has(part, found->block) ||
		    nxt_index_block_size(index, found->block) != size)
			continue;
		if (pread(fd, data, size, at) != (ssize_t)size)
			continue;
		/* What lies on the disk may be damaged: then it is fetched. */
		nxt_sha256(data, size, name);
		if (memcmp(name, names[i], NXT_SHA256_SIZE))
			continue;
		r = put_all(part, wanted, n, names[i], data);
		if (r < 0)
			return r;
		copied += r;
	}
	return copied;
}

static int copy_from_version(struct image_part *part, struct state *state, const struct wanted *wanted,
			     size_t n, const char *image, uint64_t version, uint64_t disk_size)
{
	_cleanup_free_ char *names = NULL;
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_MAX];
	size_t size;
	int r;

	disks_image_path(image, version, path);
	fd = openat(state->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "images/%s/%" PRIu64 ".index", image, version);
	r = nxt_file_read(state->dir, path, NXT_DISK_MAX / NXT_BLOCK_SIZE * NXT_SHA256_SIZE, &names, &size);
	if (r < 0 || size / NXT_SHA256_SIZE != (disk_size + NXT_BLOCK_SIZE - 1) / NXT_BLOCK_SIZE)
		return 0;
	return copy_from(part, image_part_index(part), wanted, n, fd,
			 (const uint8_t(*)[NXT_SHA256_SIZE])names, size / NXT_SHA256_SIZE, disk_size);
}

int image_part_copy_local(struct image_part *part, struct state *state)
{
	const struct nxt_index *index = image_part_index(part);
	_cleanup_free_ struct wanted *wanted = NULL;
	_cleanup_stmt_ *row = NULL;
	size_t n = 0;
	int copied = 0, r;

	wanted = calloc(index->n_blocks + 1, sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < index->n_blocks; i++)
		if (!image_part_has(part, i))
			wanted[n++] = (struct wanted){index->names[i], i};
	qsort(wanted, n, sizeof(*wanted), compare);

	r = db_prepare(state->db, &row,
		       "SELECT image, version, size FROM images ORDER BY image, version DESC", "");
	if (r < 0)
		return r;
	while (n > 0 && (r = db_step(row)) > 0) {
		r = copy_from_version(part, state, wanted, n, db_text(row, 0), sqlite3_column_int64(row, 1),
				      sqlite3_column_int64(row, 2));
		if (r < 0)
			return r;
		copied += r;
	}
	if (r < 0)
		return r;
	r = image_part_flush(part);
	return r < 0 ? r : copied;
}
