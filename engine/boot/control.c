/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/control.h"
#include "boot/efimap.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mem/phys.h"

#define LOW_MEMORY_END KIB(636)

/*
 * What Linux is entered with lies below 640 KiB: neither Linux nor its decompressor, which moves the kernel
 * to a random place, puts anything there before it has read this.
 */
struct low_block {
	u8 params[LINUX_PARAMS_SIZE];
	u8 extra[ALIGN_UP(LINUX_EXTRA_SIZE, 8)];
	char cmdline[BOOT_CMDLINE_MAX];
	u8 rsdp[BOOT_RSDP_MAX];
	u8 efi_map[] ALIGNED(8);
};

#define EFI_MAP_MAX KIB(64)

static struct linux_image image;

u32 control_busy(const struct boot_info *info, u64 mbi, struct phys_range image_range,
		 struct phys_range *busy)
{
	u32 count = 0;

	busy[count++] = (struct phys_range){0, PAGE_SIZE};
	busy[count++] =
		(struct phys_range){ALIGN_DOWN(mbi, PAGE_SIZE), ALIGN_UP(mbi + info->size, PAGE_SIZE)};
	busy[count++] = image_range;
	for (u32 i = 0; i < info->module_count; i++)
		busy[count++] = (struct phys_range){info->module[i].start, info->module[i].end};
	return count;
}

const char *control_check(const struct boot_info *info)
{
	const struct boot_module *kernel = &info->module[0], *initrd = &info->module[1];
	const char *why;

	if (info->module_count != 2)
		return "the boot entry must have two modules: the kernel and its initrd";
	why = linux_check_kernel(phys_to_virt(kernel->start), kernel->end - kernel->start, &image);
	if (!why)
		why = linux_check_initrd(phys_to_virt(initrd->start), initrd->end - initrd->start);
	return why;
}

static const char *copy_efi_map(const struct boot_efi *efi, const struct phys_range *hidden, u32 hidden_count,
				struct efimap *copy)
{
	*copy = (struct efimap){
		.data = copy->data,
		.size = efi->memory_map_size,
		.capacity = EFI_MAP_MAX,
		.desc_size = efi->desc_size,
		.desc_version = efi->desc_version,
	};
	if (copy->size > copy->capacity)
		return "the EFI memory map is too long";
	memcpy(copy->data, efi->memory_map, copy->size);
	for (u32 i = 0; i < hidden_count; i++) {
		const char *why = efimap_reserve(copy, hidden[i]);

		if (why)
			return why;
	}
	return NULL;
}

const char *control_place(const struct boot_info *info, const struct memmap *map,
			  const struct phys_range *busy, u32 busy_count, const struct phys_range *hidden,
			  u32 hidden_count, struct linux_entry *entry)
{
	const struct boot_module *kernel = &info->module[0], *initrd = &info->module[1];
	struct memmap_request low = {
		.size = sizeof(struct low_block) + (info->efi.memory_map ? EFI_MAP_MAX : 0),
		.align = PAGE_SIZE,
		.min = KIB(64),
		.max = LOW_MEMORY_END,
	};
	struct low_block *block;
	struct efimap efi = {0};
	const char *why;
	u64 at, load;

	if (!memmap_find(map, &low, busy, busy_count, &at))
		return "no room below 640 KiB for what Linux is started with";
	block = phys_to_virt(at);
	why = linux_place(&image, map, busy, busy_count, &load);
	if (why)
		return why;

	memset(block, 0, low.size);
	memcpy(block->cmdline, kernel->cmdline, strlen(kernel->cmdline));
	memcpy(block->rsdp, info->rsdp, info->rsdp_size);
	if (info->efi.memory_map) {
		efi.data = block->efi_map;
		why = copy_efi_map(&info->efi, hidden, hidden_count, &efi);
		if (why)
			return why;
	}

	struct linux_setup setup = {
		.params = at + offsetof(struct low_block, params),
		.load = load,
		.cmdline = at + offsetof(struct low_block, cmdline),
		.cmdline_size = (u32)strlen(kernel->cmdline),
		.initrd = initrd->start,
		.initrd_size = initrd->end - initrd->start,
		.map = map,
		.extra = at + offsetof(struct low_block, extra),
		.extra_data = block->extra,
		.framebuffer = info->framebuffer.present ? &info->framebuffer : NULL,
		.rsdp = info->rsdp_size ? at + offsetof(struct low_block, rsdp) : 0,
	};

	if (efi.data) {
		setup.efi_system_table = info->efi.system_table;
		setup.efi_memory_map = at + offsetof(struct low_block, efi_map);
		setup.efi_memory_map_size = efi.size;
		setup.efi_desc_size = efi.desc_size;
		setup.efi_desc_version = efi.desc_version;
	}
	why = linux_build_params(block->params, &image, &setup, entry);
	if (why)
		return why;
	memcpy(phys_to_virt(load), (u8 *)phys_to_virt(kernel->start) + image.kernel_offset,
	       image.kernel_size);
	log_line("control domain: Linux %s at %lx, initrd of %lu KiB", image.release, load,
		 setup.initrd_size >> 10);
	return NULL;
}
