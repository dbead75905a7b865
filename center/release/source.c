/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/release/source.h"

#include <errno.h>
#include <fcntl.h>
#include <libnbd.h>
#include <limits.h>
#include <string.h>

#include "center/release/release.h"
#include "common/cleanup.h"

/* How far ahead to ask for holes; less than what a 32-bit length can say. */
#define EXTENT_MAX (UINT64_C(1) << 30)

struct source {
	struct nbd_handle *nbd;
	uint64_t size;
	bool knows_holes;
	/* The stretch that was asked about last, and whether it is all zero. */
	uint64_t from, to;
	bool zero;
};

static int detect_format(const char *path, const char **ret, struct nxt_error *error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[4];

	if (fd < 0)
		return fail_file(error, -errno, "cannot open", path);
	*ret = read(fd, magic, sizeof(magic)) == sizeof(magic) && memcmp(magic, "QFI\xfb", 4) == 0 ? "qcow2"
												   : "raw";
	return 0;
}

static int fail_nbd(struct nxt_error *error, const char *what)
{
	return nxt_fail(error, -EIO, "%s: %s", what, nbd_get_error());
}

int source_open(const char *path, const char *format, struct source **ret, struct nxt_error *error)
{
	_cleanup_(source_closep) struct source *source = NULL;
	/* An absolute path: QEMU takes what is before a colon in others for a protocol. */
	_cleanup_free_ char *absolute = realpath(path, NULL);
	int64_t size;
	int r;

	if (!absolute)
		return fail_file(error, -errno, "cannot open", path);
	if (!format) {
		r = detect_format(absolute, &format, error);
		if (r < 0)
			return r;
	}
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->nbd = nbd_create();
	if (!source->nbd || nbd_add_meta_context(source->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) < 0)
		return fail_nbd(error, "cannot read disks");

	char *command[] = {"qemu-nbd", "--read-only", "--format", (char *)format, absolute, NULL};
	if (nbd_connect_systemd_socket_activation(source->nbd, command) < 0)
		return fail_nbd(
			error,
			"qemu-nbd cannot read the disk (is it in use, or of another --format? is the package "
			"qemu-utils installed?)");
	size = nbd_get_size(source->nbd);
	if (size < 0)
		return fail_nbd(error, "cannot read the disk's size");
	source->size = (uint64_t)size;
	source->knows_holes = nbd_can_meta_context(source->nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == 1;
	*ret = TAKE_PTR(source);
	return 0;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	nbd_close(source->nbd);
	free(source);
}

uint64_t source_size(const struct source *source)
{
	return source->size;
}

static int take_extent(void *userdata, const char *context, uint64_t offset, uint32_t *entries,
		       size_t n_entries, int *error)
{
	struct source *source = userdata;

	(void)error;
	/* Pairs of length and flags; the first is enough. */
	if (strcmp(context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0 && n_entries >= 2) {
		source->from = offset;
		source->to = offset + entries[0];
		source->zero = entries[1] & LIBNBD_STATE_ZERO;
	}
	return 0;
}

static int find_extent(struct source *source, uint64_t offset, struct nxt_error *error)
{
	uint64_t left = source->size - offset;

	if (offset >= source->from && offset < source->to)
		return 0;
	if (nbd_block_status(source->nbd, left < EXTENT_MAX ? left : EXTENT_MAX, offset,
			     (nbd_extent_callback){.callback = take_extent, .user_data = source}, 0) < 0)
		return fail_nbd(error, "cannot find the disk's holes");
	if (offset < source->from || offset >= source->to)
		return nxt_fail(error, -EIO, "qemu-nbd does not tell the disk's holes");
	return 0;
}

int source_read(struct source *source, uint64_t offset, void *data, size_t size, bool *ret_hole,
		struct nxt_error *error)
{
	bool hole = source->knows_holes;

	for (uint64_t at = offset; hole && at < offset + size; at = source->to) {
		int r = find_extent(source, at, error);

		if (r < 0)
			return r;
		hole = source->zero;
	}
	if (!hole && nbd_pread(source->nbd, data, size, offset, 0) < 0)
		return fail_nbd(error, "cannot read the disk");
	*ret_hole = hole;
	return 0;
}
