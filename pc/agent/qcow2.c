/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pc/agent/qcow2.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define CLUSTER_BITS 16
#define CLUSTER (1ULL << CLUSTER_BITS)
#define L2_ENTRIES (CLUSTER / 8)

/* All numbers are big-endian. */
struct header {
	uint8_t magic[4];
	uint32_t version;
	uint64_t backing_offset;
	uint32_t backing_len;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t crypt_method;
	uint32_t l1_entries;
	uint64_t l1_offset;
	uint64_t refcount_offset;
	uint32_t refcount_clusters;
	uint32_t snapshots;
	uint64_t snapshots_offset;
	uint64_t incompatible;
	uint64_t compatible;
	uint64_t autoclear;
	uint32_t refcount_order;
	uint32_t length;
} __attribute__((packed));

struct extension {
	uint32_t type;
	uint32_t len;
	char data[8];
} __attribute__((packed));

#define EXTENSION_BACKING_FORMAT 0xe2792acaU

/* Where things lie, in clusters: the header, then these. */
enum { REFCOUNT_TABLE = 1, REFCOUNT_BLOCK = 2, L1_TABLE = 3 };

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

static void fill_header(uint8_t *cluster, uint64_t size, uint64_t l1_entries, enum qcow2_backing backing,
			const char *backing_name)
{
	struct header h = {
		.magic = {'Q', 'F', 'I', 0xfb},
		.version = htobe32(3),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(size),
		.l1_entries = htobe32(l1_entries),
		.l1_offset = htobe64(L1_TABLE * CLUSTER),
		.refcount_offset = htobe64(REFCOUNT_TABLE * CLUSTER),
		.refcount_clusters = htobe32(1),
		.refcount_order = htobe32(4),
		.length = htobe32(sizeof(h)),
	};
	size_t at = sizeof(h);

	if (backing != QCOW2_BACKING_NONE) {
		const char *format = backing == QCOW2_BACKING_RAW ? "raw" : "qcow2";
		struct extension e = {
			.type = htobe32(EXTENSION_BACKING_FORMAT),
			.len = htobe32(strlen(format)),
		};

		/*
		 * Without a format QEMU would guess, and a guest could make a raw disk look like something
		 * else.
		 */
		memcpy(e.data, format, strlen(format));
		memcpy(cluster + at, &e, sizeof(e));
		at += sizeof(e);
		at += 8; /* the end of the extensions: type 0, length 0 */
		h.backing_offset = htobe64(at);
		h.backing_len = htobe32(strlen(backing_name));
		memcpy(cluster + at, backing_name, strlen(backing_name));
	}
	memcpy(cluster, &h, sizeof(h));
}

int qcow2_create(int dir_fd, const char *name, uint64_t size, enum qcow2_backing backing,
		 const char *backing_name)
{
	uint64_t l1_entries, l1_clusters, clusters, block_offset = htobe64(REFCOUNT_BLOCK * CLUSTER);
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!size || size % 512 || size > QCOW2_MAX_SIZE)
		return -EINVAL;
	if ((backing == QCOW2_BACKING_NONE) != !backing_name)
		return -EINVAL;
	if (backing_name && (!*backing_name || strlen(backing_name) > QCOW2_MAX_BACKING_NAME))
		return -EINVAL;

	/* An L1 entry points to an L2 table, which has room for this many clusters. */
	l1_entries = (size + CLUSTER * L2_ENTRIES - 1) / (CLUSTER * L2_ENTRIES);
	l1_clusters = (l1_entries * 8 + CLUSTER - 1) / CLUSTER;
	clusters = L1_TABLE + l1_clusters;

	data = calloc(clusters, CLUSTER);
	if (!data)
		return -ENOMEM;
	fill_header(data, size, l1_entries, backing, backing_name);
	memcpy(data + REFCOUNT_TABLE * CLUSTER, &block_offset, sizeof(block_offset));
	for (uint64_t i = 0; i < clusters; i++) {
		uint16_t one = htobe16(1);

		memcpy(data + REFCOUNT_BLOCK * CLUSTER + i * sizeof(one), &one, sizeof(one));
	}

	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, clusters * CLUSTER);
	if (r >= 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0);
	return r;
}
