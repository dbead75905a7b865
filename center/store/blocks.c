/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/store/blocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"

#define PATH_SIZE 96

static const char *const folders[] = {[BLOB_BLOCK] = "blocks", [BLOB_INDEX] = "indexes"};

static void path_of(char path[PATH_SIZE], enum blob_kind kind, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%.2s/%s", folders[kind], name, name);
}

int blobs_prepare(int dir)
{
	char path[PATH_SIZE];

	for (int kind = BLOB_BLOCK; kind <= BLOB_INDEX; kind++) {
		if (mkdirat(dir, folders[kind], 0700) < 0 && errno != EEXIST)
			return -errno;
		for (int i = 0; i < 256; i++) {
			snprintf(path, sizeof(path), "%s/%02x", folders[kind], i);
			if (mkdirat(dir, path, 0700) < 0 && errno != EEXIST)
				return -errno;
		}
	}
	return 0;
}

int blob_store(int dir, enum blob_kind kind, const char *name, const void *data, size_t size)
{
	char path[PATH_SIZE];
	bool sealed;
	int r;

	if (blob_exists(dir, kind, name, &sealed) && sealed)
		return 0;
	path_of(path, kind, name);
	r = nxt_file_write(dir, path, data, size, 0600,
			   kind == BLOB_BLOCK ? NXT_WRITE_LAZY : NXT_WRITE_DURABLE);
	return r < 0 ? r : 0;
}

int blobs_flush(int dir)
{
	return nxt_sync(dir, "blocks");
}

int block_seal(int dir, const char *name)
{
	char path[PATH_SIZE];

	path_of(path, BLOB_BLOCK, name);
	return fchmodat(dir, path, 0400, 0) < 0 ? -errno : 0;
}

bool blob_exists(int dir, enum blob_kind kind, const char *name, bool *ret_sealed)
{
	char path[PATH_SIZE];
	struct stat info;

	path_of(path, kind, name);
	if (fstatat(dir, path, &info, AT_SYMLINK_NOFOLLOW) || !S_ISREG(info.st_mode) || !info.st_size)
		return false;
	*ret_sealed = (info.st_mode & 07777) == 0400;
	return true;
}

int blob_open(int dir, enum blob_kind kind, const char *name, int *ret_fd, size_t *ret_size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[PATH_SIZE];
	struct stat info;

	path_of(path, kind, name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &info) < 0)
		return -errno;
	*ret_size = info.st_size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int blob_read(int dir, enum blob_kind kind, const char *name, size_t limit, char **ret, size_t *ret_size)
{
	char path[PATH_SIZE];

	path_of(path, kind, name);
	return nxt_file_read(dir, path, limit, ret, ret_size);
}

int blob_remove(int dir, enum blob_kind kind, const char *name)
{
	char path[PATH_SIZE];

	path_of(path, kind, name);
	return unlinkat(dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static void close_folder(DIR *folder)
{
	if (folder)
		closedir(folder);
}
NXT_DEFINE_CLEANUP(DIR *, close_folder)

int blobs_sweep(int dir, bool (*keep)(const char *name, void *data), void *data)
{
	int removed = 0;

	for (int i = 0; i < 256; i++) {
		_cleanup_(close_folderp) DIR *folder = NULL;
		_cleanup_close_ int fd = -EBADF;
		char path[PATH_SIZE];

		snprintf(path, sizeof(path), "blocks/%02x", i);
		fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		folder = fd < 0 ? NULL : fdopendir(fd);
		if (!folder)
			return -errno;
		TAKE_FD(fd);
		for (struct dirent *entry; (entry = readdir(folder));) {
			if (nxt_sha256_valid(entry->d_name) && !keep(entry->d_name, data)) {
				if (unlinkat(dirfd(folder), entry->d_name, 0) < 0)
					return -errno;
				removed++;
			}
		}
	}
	return removed;
}
