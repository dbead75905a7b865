/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define OPERATIONS_KEY "operations.key"

static int check_key(int dir, const char *path, const char *name, struct nxt_error *error)
{
	struct stat info;

	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISREG(info.st_mode) && info.st_uid == geteuid() && !(info.st_mode & 077))
		return 0;
	return nxt_fail(error, -EPERM, "%s/%s may be read by others: chmod 600 it, and think about who did",
			path, name);
}

int dir_open(const char *path, int *ret, struct nxt_error *error)
{
	static const char *const keys[] = {"ca.key", "server.key", OPERATIONS_KEY, "center.sqlite"};
	_cleanup_close_ int dir = -EBADF;
	struct stat info;
	int r;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return nxt_fail(error, -errno, "%s cannot be made: %s", path, strerror(errno));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &info) < 0)
		return nxt_fail(error, -errno, "%s cannot be opened: %s", path, strerror(errno));
	if (info.st_uid != geteuid())
		return nxt_fail(error, -EPERM,
				"%s belongs to user %u, and this is user %u: chown it, or run as that user",
				path, (unsigned int)info.st_uid, (unsigned int)geteuid());
	if (info.st_mode & 077)
		return nxt_fail(error, -EPERM, "%s may be read by others, and keys lie there: chmod 700 %s",
				path, path);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		r = check_key(dir, path, keys[i], error);
		if (r < 0)
			return r;
	}
	*ret = TAKE_FD(dir);
	return 0;
}

int dir_lock(int dir, int *ret, struct nxt_error *error)
{
	_cleanup_close_ int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return nxt_fail(error, -errno, "the lock cannot be made: %s", strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? nxt_fail(error, -EBUSY,
					  "another nxtop-center runs on this directory: stop it first")
			       : -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

int dir_operations_key(int dir, struct nxt_private_key **ret, struct nxt_error *error)
{
	_cleanup_(nxt_private_key_freep) struct nxt_private_key *key = NULL;
	_cleanup_free_ char *pem = NULL;
	size_t size;
	int r;

	r = nxt_file_read(dir, OPERATIONS_KEY, 16384, &pem, &size);
	if (!r) {
		r = nxt_private_key_from_pem(pem, size, NULL, &key, error);
	} else if (r == -ENOENT) {
		r = nxt_private_key_generate(&key);
		if (!r)
			r = nxt_private_key_to_pem(key, NULL, &pem, &size);
		if (!r)
			r = nxt_file_write(dir, OPERATIONS_KEY, pem, size, 0600,
					   NXT_WRITE_DURABLE | NXT_WRITE_NEW);
		if (r < 0)
			nxt_fail(error, r, OPERATIONS_KEY " cannot be made: %s", strerror(-r));
	} else {
		nxt_fail(error, r, OPERATIONS_KEY " cannot be read: %s", strerror(-r));
	}
	if (pem)
		OPENSSL_cleanse(pem, size);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(key);
	return 0;
}
