/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Makes a new file in the directory. */
static int open_temporary(int dir, char ret_name[32])
{
	for (;;) {
		uint64_t random;
		int fd;

		if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
			return -EIO;
		snprintf(ret_name, 32, NXT_WRITE_TEMPORARY "%016llx", (unsigned long long)random);
		fd = openat(dir, ret_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
}

/* Gives the written file its name. */
static int move(int dir, const char *from, const char *to, bool new)
{
	if (!new)
		return renameat(dir, from, dir, to) < 0 ? -errno : 0;
	/* Not every file system knows RENAME_NOREPLACE; every one that we store on knows links. */
	if (linkat(dir, from, dir, to, 0) < 0)
		return -errno;
	(void)unlinkat(dir, from, 0);
	return 0;
}

static int write_and_move(int fd, int parent, const char *temporary, const char *name, const void *data,
			  size_t size, mode_t mode, unsigned int flags)
{
	bool lazy = flags & NXT_WRITE_LAZY;
	int r;

	r = write_all(fd, data, size);
	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0 || (!lazy && fsync(fd) < 0))
		return -errno;
	r = move(parent, temporary, name, flags & NXT_WRITE_NEW);
	if (r < 0)
		return r;
	return !lazy && fsync(parent) < 0 ? -errno : 0;
}

int nxt_file_write(int dir, const char *path, const void *data, size_t size, mode_t mode, unsigned int flags)
{
	_cleanup_close_ int parent = -EBADF, fd = -EBADF;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	_cleanup_free_ char *folder = NULL;
	char temporary[32];
	int r;

	if (name[0] == '\0')
		return -EISDIR;
	folder = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	if (!folder)
		return -ENOMEM;
	parent = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	fd = open_temporary(parent, temporary);
	if (fd < 0)
		return fd;
	r = write_and_move(fd, parent, temporary, name, data, size, mode, flags);
	if (r < 0)
		(void)unlinkat(parent, temporary, 0);
	return r;
}

int nxt_sync(int dir, const char *path)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return -errno;
	return 0;
}

int nxt_file_read(int dir, const char *path, size_t limit, char **ret, size_t *ret_size)
{
	/* Not blocking: opening a FIFO would wait for its writer. */
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO;
	if ((uint64_t)st.st_size > limit)
		return -EFBIG;
	room = (size_t)st.st_size;
	data = malloc(room + 1);
	if (!data)
		return -ENOMEM;

	while (size < room) {
		ssize_t n = read(fd, data + size, room - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	data[size] = '\0';
	*ret = TAKE_PTR(data);
	*ret_size = size;
	return 0;
}
