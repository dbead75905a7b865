/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "boot/linux.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static u8 params[LINUX_PARAMS_SIZE];
	static struct memmap map;
	const struct memmap_entry ram[] = {{0, KIB(640), MEMMAP_RAM}, {MIB(1), GIB(8), MEMMAP_RAM}};
	struct linux_setup setup = {.params = PAGE_SIZE, .initrd = MIB(1), .initrd_size = 1, .map = &map};
	struct linux_image image;
	struct linux_entry entry;

	linux_check_initrd(data, size);
	if (linux_check_kernel(data, size, &image))
		return 0;
	memmap_build(&map, ram, ARRAY_SIZE(ram));
	if (linux_place(&image, &map, NULL, 0, &setup.load))
		return 0;
	if (setup.load < image.pref_address || setup.load + image.kernel_size > GIB(4) ||
	    setup.load % image.alignment)
		abort();
	linux_build_params(params, &image, &setup, &entry);
	return 0;
}
