/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_FILE_H
#define NXT_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* In all of these, path is relative to the directory dir, or to the working directory if dir is AT_FDCWD. */

enum nxt_write {
	/* When it returns, the new content survives a power cut. */
	NXT_WRITE_DURABLE = 0,
	/* It fails with -EEXIST rather than replace a file. */
	NXT_WRITE_NEW = 1 << 0,
	/*
	 * Not flushed: after a power cut the file may be absent, empty or old. For many files: write them
	 * all, then flush once with nxt_sync().
	 */
	NXT_WRITE_LAZY = 1 << 1,
};

#define NXT_WRITE_TEMPORARY ".nxt-tmp."

/*
 * Writes a whole file, all or nothing: at any moment path is absent, the old content or the new. Mode is
 * set exactly, whatever the umask. What a crash may leave beside it has a name that begins with
 * NXT_WRITE_TEMPORARY; any such file may be removed.
 */
int nxt_file_write(int dir, const char *path, const void *data, size_t size, mode_t mode, unsigned int flags);

/* Flushes the whole file system that path lies on. */
int nxt_sync(int dir, const char *path);

/*
 * Reads a whole regular file of at most limit bytes (-EFBIG if it has more; -EISDIR, -ENXIO and so on if
 * it is something else). *ret has a NUL after its *ret_size bytes, for free().
 */
int nxt_file_read(int dir, const char *path, size_t limit, char **ret, size_t *ret_size);

#endif
