/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux unpacks a row of archives, each a cpio or a compressed cpio, with zeros between them (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst). Microcode comes in a plain one in front.
 */
#include "boot/linux.h"
#include "lib/string.h"

#define CPIO_HEADER_SIZE 110
#define CPIO_MAGIC_SIZE 6
#define CPIO_FIELD_SIZE 8
#define CPIO_FILE_SIZE 54 /* offsets of fields of 8 hexadecimal digits */
#define CPIO_NAME_SIZE 94
#define CPIO_NAME_MAX 4096
#define CPIO_ALIGN 4
#define CPIO_LAST "TRAILER!!!"

static bool is_compressed(const u8 *data, u64 size)
{
	static const struct {
		u8 len;
		u8 bytes[6];
	} magic[] = {
		{2, {0x1f, 0x8b}},		    /* gzip */
		{4, {0x28, 0xb5, 0x2f, 0xfd}},	    /* zstd */
		{6, {0xfd, '7', 'z', 'X', 'Z', 0}}, /* xz */
		{4, {0x02, 0x21, 0x4c, 0x18}},	    /* lz4, the legacy frame */
		{4, {0x89, 'L', 'Z', 'O'}},	    /* lzo */
		{3, {'B', 'Z', 'h'}},		    /* bzip2 */
		{3, {0x5d, 0, 0}},		    /* lzma */
	};

	for (u32 i = 0; i < ARRAY_SIZE(magic); i++)
		if (size >= magic[i].len && !memcmp(data, magic[i].bytes, magic[i].len))
			return true;
	return false;
}

static bool is_cpio(const u8 *data, u64 size)
{
	return size >= CPIO_MAGIC_SIZE && (!memcmp(data, "070701", 6) || !memcmp(data, "070702", 6));
}

static bool parse_hex(const u8 *digits, u32 *value)
{
	*value = 0;
	for (u32 i = 0; i < CPIO_FIELD_SIZE; i++) {
		u8 c = digits[i];
		u8 lower = c | 0x20;

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (c - '0');
		else if (lower >= 'a' && lower <= 'f')
			*value = *value << 4 | (lower - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Walks one cpio from its first header at *at, which is moved behind its last entry. */
static const char *walk_cpio(const u8 *data, u64 size, u64 *at)
{
	while (*at < size) {
		const u8 *header = data + *at;
		u64 left = size - *at;
		u32 name_size, file_size;

		if (left < CPIO_HEADER_SIZE)
			return "initrd: an archive is cut short";
		if (!is_cpio(header, left) || !parse_hex(header + CPIO_FILE_SIZE, &file_size) ||
		    !parse_hex(header + CPIO_NAME_SIZE, &name_size))
			return "initrd: an archive is damaged";

		u64 data_start = ALIGN_UP(CPIO_HEADER_SIZE + (u64)name_size, CPIO_ALIGN);
		const u8 *name = header + CPIO_HEADER_SIZE;
		if (!name_size || name_size > CPIO_NAME_MAX)
			return "initrd: an archive is damaged";
		if (data_start > left || file_size > left - data_start)
			return "initrd: an archive is cut short";
		if (name[name_size - 1])
			return "initrd: an archive is damaged";
		*at += ALIGN_UP(data_start + file_size, CPIO_ALIGN);
		if (name_size == sizeof(CPIO_LAST) && !memcmp(name, CPIO_LAST, sizeof(CPIO_LAST)))
			return NULL;
	}
	return "initrd: an archive is cut short";
}

const char *linux_check_initrd(const void *module, u64 size)
{
	const u8 *data = module;
	bool found = false;

	for (u64 at = 0; at < size;) {
		if (!data[at]) {
			at++;
		} else if (IS_ALIGNED(at, CPIO_ALIGN) && is_cpio(data + at, size - at)) {
			const char *why = walk_cpio(data, size, &at);

			if (why)
				return why;
			found = true;
		} else if (is_compressed(data + at, size - at)) {
			return NULL; /* where it ends only its decompressor knows */
		} else {
			return "initrd: neither a cpio nor compressed in a known way";
		}
	}
	return found ? NULL : "initrd: there is nothing in it";
}
