/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosted only: pieces of physical memory with ACPI tables in one file, for the unit test and the fuzzer. The
 * file is a row of records {u64 address, u32 len, bytes}; the first is the RSDP.
 */
#ifndef ENGINE_BOOT_ACPI_IMAGE_H
#define ENGINE_BOOT_ACPI_IMAGE_H

#include <string.h>

#include "boot/acpi.h"

#define IMAGE_RECORDS_MAX 64
struct acpi_image {
	u32 count;
	struct {
		u64 address;
		u32 len;
		u8 *data; /* inside the file's bytes */
	} record[IMAGE_RECORDS_MAX];
};

static inline void image_parse(struct acpi_image *image, u8 *data, size_t size)
{
	image->count = 0;
	while (size >= 12 && image->count < IMAGE_RECORDS_MAX) {
		u64 address;
		u32 len;

		memcpy(&address, data, 8);
		memcpy(&len, data + 8, 4);
		if (len > size - 12)
			break;
		image->record[image->count].address = address;
		image->record[image->count].len = len;
		image->record[image->count++].data = data + 12;
		data += 12 + len;
		size -= 12 + len;
	}
}

static inline void *image_map(void *context, u64 address, u64 len)
{
	struct acpi_image *image = context;

	for (u32 i = 0; i < image->count; i++) {
		u64 offset = address - image->record[i].address;

		if (address >= image->record[i].address && offset <= image->record[i].len &&
		    len <= image->record[i].len - offset)
			return image->record[i].data + offset;
	}
	return NULL;
}

#endif
