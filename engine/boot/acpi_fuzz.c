/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "boot/acpi_image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Without right checksums little would be reached: they are put right where a table can be recognised. */
static void fix_checksums(struct acpi_image *image)
{
	for (u32 i = 0; i < image->count; i++) {
		u8 *table = image->record[i].data;
		u32 len;

		if (!i && image->record[i].len >= 20) {
			table[8] -= acpi_checksum(table, 20);
			if (image->record[i].len >= 36)
				table[32] -= acpi_checksum(table, 36);
		} else if (image->record[i].len >= 36) {
			memcpy(&len, table + 4, 4);
			if (len >= 36 && len <= image->record[i].len)
				table[9] -= acpi_checksum(table, len);
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct acpi_madt madt;
	struct acpi_image image;
	struct acpi_fadt fadt;
	struct acpi_root root = {.memory = {image_map, &image}};
	u8 *copy = malloc(size + 1);
	u32 len;

	memcpy(copy, data, size);
	image_parse(&image, copy, size);
	fix_checksums(&image);
	if (image.count && !acpi_open(&root, image.record[0].data, image.record[0].len)) {
		acpi_read_madt(&root, &madt);
		acpi_read_fadt(&root, &fadt);
		acpi_find(&root, "DMAR", 1, &len);
		acpi_hide_s3(&root);
		if (acpi_hide_s3(&root))
			abort();
	}
	free(copy);
	return 0;
}
