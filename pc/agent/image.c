/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/file.h"

struct image_part {
	const struct nxt_index *index;
	char image[NXT_NAME_SIZE];
	uint64_t version;
	char index_name[NXT_SHA256_HEX];
	int folder, part, map;
	uint8_t *bits; /* a bit for each block, set: verified */
	size_t n_bits; /* bytes of it */
	uint64_t done;
	bool dirty;
};

static void file_name(uint64_t version, const char *suffix, char ret[64])
{
	snprintf(ret, 64, "%" PRIu64 ".%s", version, suffix);
}

static int open_folder(struct state *state, const char *image)
{
	_cleanup_close_ int images = openat(state->dir, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (images < 0)
		return -errno;
	if (mkdirat(images, image, 0711) == 0) {
		if (fsync(images) < 0)
			return -errno;
	} else if (errno != EEXIST) {
		return -errno;
	}
	fd = openat(images, image, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static void set_bit(struct image_part *p, size_t block)
{
	p->bits[block / 8] |= 1U << block % 8;
}

static bool get_bit(const struct image_part *p, size_t block)
{
	return p->bits[block / 8] & (1U << block % 8);
}

const struct nxt_index *image_part_index(const struct image_part *p)
{
	return p->index;
}

bool image_part_has(const struct image_part *p, size_t block)
{
	return nxt_index_hole(p->index, block) || get_bit(p, block);
}

uint64_t image_part_done(const struct image_part *p)
{
	return p->done;
}

/* The map's file: the index's name in hex, then the bits. */
#define MAP_BITS_AT (NXT_SHA256_HEX - 1)

static int write_at(int fd, const void *data, size_t size, off_t at)
{
	const char *bytes = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, bytes, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		at += n;
		size -= n;
	}
	return 0;
}

/* -ENODATA: the file ends before. */
static int read_at(int fd, void *data, size_t size, off_t at)
{
	char *bytes = data;

	while (size > 0) {
		ssize_t n = pread(fd, bytes, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		bytes += n;
		at += n;
		size -= n;
	}
	return 0;
}

/* Whether map and part are those of this index; then the bits are as they were left. */
static bool resume(struct image_part *p)
{
	char name[NXT_SHA256_HEX] = "";
	struct stat st;

	if (read_at(p->map, name, MAP_BITS_AT, 0) < 0 || strcmp(name, p->index_name))
		return false;
	if (fstat(p->part, &st) < 0 || (uint64_t)st.st_size != p->index->disk_size)
		return false;
	return read_at(p->map, p->bits, p->n_bits, MAP_BITS_AT) >= 0;
}

static int check_space(struct image_part *p, struct nxt_error *error)
{
	uint64_t needed = nxt_index_filled(p->index), free_bytes;
	struct statvfs fs;
	struct stat st;

	if (fstatvfs(p->part, &fs) < 0 || fstat(p->part, &st) < 0)
		return -errno;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	needed -= needed < (uint64_t)st.st_blocks * 512 ? needed : (uint64_t)st.st_blocks * 512;
	if (needed + IMAGE_SPACE_RESERVE <= free_bytes || needed == 0)
		return 0;
	return nxt_fail(error, -ENOSPC,
			"version %" PRIu64 " of %s needs %" PRIu64 " MiB more on the disk, of which %" PRIu64
			" MiB are free and %llu MiB must stay free: forget snapshots or erase workspaces",
			p->version, p->image, (needed + (1 << 20) - 1) >> 20, free_bytes >> 20,
			IMAGE_SPACE_RESERVE >> 20);
}

/* Takes the space of all blocks that are no holes: no surprise later, and they lie together. */
static int reserve(struct image_part *p)
{
	size_t start = 0;

	for (size_t i = 0; i <= p->index->n_blocks; i++) {
		uint64_t at = (uint64_t)start * NXT_BLOCK_SIZE, end = (uint64_t)i * NXT_BLOCK_SIZE;

		if (i < p->index->n_blocks && !nxt_index_hole(p->index, i))
			continue;
		if (end > p->index->disk_size)
			end = p->index->disk_size;
		if (end > at && fallocate(p->part, FALLOC_FL_KEEP_SIZE, at, end - at) < 0 &&
		    errno != EOPNOTSUPP)
			return -errno;
		start = i + 1;
	}
	return 0;
}

static int begin(struct image_part *p)
{
	if (ftruncate(p->part, 0) < 0 || ftruncate(p->part, p->index->disk_size) < 0)
		return -errno;
	memset(p->bits, 0, p->n_bits);
	if (ftruncate(p->map, 0) < 0)
		return -errno;
	p->dirty = true;
	return image_part_flush(p);
}

int image_part_open(struct state *state, const struct nxt_image *image, const struct nxt_index *index,
		    struct image_part **ret, struct nxt_error *error)
{
	_cleanup_(image_part_freep) struct image_part *p = calloc(1, sizeof(*p));
	char name[64];
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct image_part){
		.index = index, .version = image->version, .folder = -1, .part = -1, .map = -1};
	memcpy(p->image, image->image, sizeof(p->image));
	memcpy(p->index_name, image->disks[0].index, sizeof(p->index_name));
	p->n_bits = (index->n_blocks + 7) / 8;
	p->bits = calloc(p->n_bits, 1);
	if (!p->bits)
		return -ENOMEM;
	p->folder = open_folder(state, image->image);
	if (p->folder < 0)
		return p->folder;
	file_name(image->version, "part", name);
	p->part = openat(p->folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	file_name(image->version, "map", name);
	p->map = p->part < 0 ? -1 : openat(p->folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->map < 0)
		return -errno;
	if (!resume(p)) {
		r = begin(p);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < index->n_blocks; i++)
		if (!nxt_index_hole(index, i) && get_bit(p, i))
			p->done += nxt_index_block_size(index, i);
	r = check_space(p, error);
	if (r < 0)
		return r;
	r = reserve(p);
	if (r < 0)
		return nxt_fail(error, r, "no space can be taken for version %" PRIu64 " of %s: %s",
				p->version, p->image, strerror(-r));
	*ret = TAKE_PTR(p);
	return 0;
}

void image_part_free(struct image_part *p)
{
	if (!p)
		return;
	closep(&p->map);
	closep(&p->part);
	closep(&p->folder);
	free(p->bits);
	free(p);
}

int image_part_put(struct image_part *p, size_t block, const void *data)
{
	size_t size = nxt_index_block_size(p->index, block);
	int r;

	if (image_part_has(p, block))
		return 0;
	r = write_at(p->part, data, size, (off_t)block * NXT_BLOCK_SIZE);
	if (r < 0)
		return r;
	set_bit(p, block);
	p->done += size;
	p->dirty = true;
	return 0;
}

/* First the blocks, then the word that they are there. */
int image_part_flush(struct image_part *p)
{
	int r;

	if (!p->dirty)
		return 0;
	if (fdatasync(p->part) < 0)
		return -errno;
	r = write_at(p->map, p->index_name, MAP_BITS_AT, 0);
	if (r < 0)
		return r;
	r = write_at(p->map, p->bits, p->n_bits, MAP_BITS_AT);
	if (r < 0)
		return r;
	if (fdatasync(p->map) < 0)
		return -errno;
	p->dirty = false;
	return 0;
}

static int record(struct state *state, const struct nxt_image *image)
{
	return db_run(state->db,
		      "INSERT OR REPLACE INTO images (image, version, block_index, size) VALUES (?, ?, ?, ?)",
		      "sisi", image->image, (int64_t)image->version, image->disks[0].index,
		      (int64_t)image->disks[0].size);
}

int image_part_finish(struct image_part *p, struct state *state)
{
	struct nxt_image image = {.version = p->version, .n_disks = 1};
	char part[64], raw[64], map[64], index[64];
	int r;

	for (size_t i = 0; i < p->index->n_blocks; i++)
		if (!image_part_has(p, i))
			return -ENODATA;
	r = image_part_flush(p);
	if (r < 0)
		return r;
	file_name(p->version, "part", part);
	file_name(p->version, "raw", raw);
	file_name(p->version, "map", map);
	file_name(p->version, "index", index);
	r = nxt_file_write(p->folder, index, p->index->names, p->index->n_blocks * NXT_SHA256_SIZE, 0444,
			   NXT_WRITE_DURABLE);
	if (r < 0)
		return r;
	if (fchmod(p->part, 0444) < 0 || fsync(p->part) < 0)
		return -errno;
	if (renameat(p->folder, part, p->folder, raw) < 0 || fsync(p->folder) < 0)
		return -errno;
	(void)unlinkat(p->folder, map, 0);
	memcpy(image.image, p->image, sizeof(image.image));
	memcpy(image.disks[0].index, p->index_name, sizeof(p->index_name));
	image.disks[0].size = p->index->disk_size;
	return record(state, &image);
}

int image_adopt(struct state *state, const struct nxt_image *image)
{
	_cleanup_close_ int folder = open_folder(state, image->image);
	_cleanup_free_ char *index = NULL;
	char name[64], hash[NXT_SHA256_HEX];
	struct stat st;
	size_t size;
	int r;

	if (folder < 0)
		return folder;
	file_name(image->version, "raw", name);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	file_name(image->version, "index", name);
	r = nxt_file_read(folder, name, NXT_DISK_MAX / NXT_BLOCK_SIZE * NXT_SHA256_SIZE, &index, &size);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	nxt_sha256_hex(index, size, hash);
	if (strcmp(hash, image->disks[0].index) || (uint64_t)st.st_size != image->disks[0].size)
		return 0;
	r = record(state, image);
	return r < 0 ? r : 1;
}
