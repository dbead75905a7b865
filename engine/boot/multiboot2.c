/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/multiboot2.h"

#include "lib/string.h"

/* Multiboot2 Specification 2.0, 3.6: tag types. */
enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MEMORY = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_EFI64 = 12,
	TAG_RSDP_V1 = 14,
	TAG_RSDP_V2 = 15,
	TAG_EFI_MEMORY = 17,
	TAG_EFI_BOOT_SERVICES = 18,
};

#define HEADER_SIZE 8 /* of the structure, and of each tag */
#define TAG_ALIGN 8

#define MEMORY_ENTRY_SIZE 24
#define EFI_DESCRIPTOR_SIZE 40
#define EFI_MEMORY_SIZE_MAX MIB(1)
#define FRAMEBUFFER_RGB 1
#define RSDP_V1_SIZE 20
#define RSDP_V2_SIZE 36

/* The body of one tag: what follows its header, to its end. */
struct body {
	const u8 *data;
	u32 size;
};

static u32 get32(const u8 *data)
{
	u32 value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static u64 get64(const u8 *data)
{
	u64 value;

	memcpy(&value, data, sizeof(value));
	return value;
}

/* Length of the text that starts at offset, which must end with a NUL inside the tag; -1 if it does not. */
static s64 text_length(struct body body, u32 offset)
{
	for (u32 i = offset; i < body.size; i++)
		if (!body.data[i])
			return i - offset;
	return -1;
}

static const char *copy_cmdline(char *dst, struct body body, u32 offset)
{
	s64 len = text_length(body, offset);

	if (len < 0)
		return "multiboot2: a command line has no end";
	if (len >= BOOT_CMDLINE_MAX)
		return "multiboot2: a command line is too long";
	memcpy(dst, body.data + offset, len + 1);
	return NULL;
}

static const char *parse_loader(struct body body, struct boot_info *info)
{
	s64 len = text_length(body, 0);

	if (len < 0)
		return "multiboot2: the loader's name has no end";
	len = MIN(len, BOOT_LOADER_MAX - 1);
	memcpy(info->loader, body.data, len);
	info->loader[len] = '\0';
	return NULL;
}

/* u32 start, end; text (3.6.6) */
static const char *parse_module(struct body body, struct boot_info *info)
{
	if (body.size < 9)
		return "multiboot2: a module tag is too short";
	if (info->module_count == BOOT_MODULES_MAX)
		return "multiboot2: too many modules";
	struct boot_module *module = &info->module[info->module_count];

	module->start = get32(body.data);
	module->end = get32(body.data + 4);
	if (module->start >= module->end)
		return "multiboot2: a module is empty";
	const char *why = copy_cmdline(module->cmdline, body, 8);
	if (!why)
		info->module_count++;
	return why;
}

/* u32 entry size, version; entries of u64 base, length, u32 type, reserved (3.6.8) */
static const char *parse_memory(struct body body, struct boot_info *info)
{
	if (body.size < 8)
		return "multiboot2: the memory map tag is too short";
	if (info->memory_count)
		return "multiboot2: more than one memory map";
	u32 stride = get32(body.data);
	u32 size = body.size - 8;

	if (stride < MEMORY_ENTRY_SIZE || stride % TAG_ALIGN || size % stride)
		return "multiboot2: the memory map has a bad entry size";
	if (size / stride > BOOT_MEMORY_MAX)
		return "multiboot2: the memory map has too many entries";
	for (u32 i = 0; i < size / stride; i++) {
		const u8 *entry = body.data + 8 + (u64)i * stride;

		info->memory[i].base = get64(entry);
		info->memory[i].size = get64(entry + 8);
		info->memory[i].type = get32(entry + 16);
	}
	info->memory_count = size / stride;
	return NULL;
}

static bool field_fits(u8 pos, u8 size, u8 bpp)
{
	return size >= 1 && size <= 16 && pos + size <= bpp;
}

/*
 * u64 address; u32 pitch, width, height; u8 bpp, type; u16 reserved; red position and size, green, blue
 * (3.6.12). The screen is a comfort: one that makes no sense is left alone, and start-up goes on.
 */
static const char *parse_framebuffer(struct body body, struct boot_info *info)
{
	struct boot_framebuffer fb = {0};
	const u8 *data = body.data;

	if (body.size < 30 || data[21] != FRAMEBUFFER_RGB)
		return NULL;
	fb.address = get64(data);
	fb.pitch = get32(data + 8);
	fb.width = get32(data + 12);
	fb.height = get32(data + 16);
	fb.bpp = data[20];
	fb.red_pos = data[24];
	fb.red_size = data[25];
	fb.green_pos = data[26];
	fb.green_size = data[27];
	fb.blue_pos = data[28];
	fb.blue_size = data[29];

	bool depth_known = fb.bpp == 15 || fb.bpp == 16 || fb.bpp == 24 || fb.bpp == 32;
	bool size_sane = fb.width >= 1 && fb.width <= 16384 && fb.height >= 1 && fb.height <= 16384 &&
			 fb.pitch >= fb.width * ((fb.bpp + 7u) / 8) && fb.pitch <= 16 * 16384;
	bool fields_sane = field_fits(fb.red_pos, fb.red_size, fb.bpp) &&
			   field_fits(fb.green_pos, fb.green_size, fb.bpp) &&
			   field_fits(fb.blue_pos, fb.blue_size, fb.bpp);

	if (!fb.address || !depth_known || !size_sane || !fields_sane ||
	    fb.address + (u64)fb.pitch * fb.height < fb.address)
		return NULL;
	fb.present = true;
	info->framebuffer = fb;
	return NULL;
}

static const char *parse_efi64(struct body body, struct boot_info *info)
{
	if (body.size < 8)
		return "multiboot2: the EFI system table tag is too short";
	info->efi.system_table = get64(body.data);
	return NULL;
}

/* u32 descriptor size, descriptor version; descriptors (3.6.17) */
static const char *parse_efi_memory(struct body body, struct boot_info *info)
{
	if (body.size < 8)
		return "multiboot2: the EFI memory map tag is too short";
	u32 desc_size = get32(body.data);
	u32 size = body.size - 8;

	if (desc_size < EFI_DESCRIPTOR_SIZE || desc_size % TAG_ALIGN || !size || size % desc_size ||
	    size > EFI_MEMORY_SIZE_MAX)
		return "multiboot2: the EFI memory map has a bad size";
	info->efi.memory_map = body.data + 8;
	info->efi.memory_map_size = size;
	info->efi.desc_size = desc_size;
	info->efi.desc_version = get32(body.data + 4);
	return NULL;
}

/* A copy of the RSDP (3.6.15, 3.6.16). A loader may give both versions: the newer counts. */
static const char *parse_rsdp(struct body body, u32 size, struct boot_info *info)
{
	if (body.size < size)
		return "multiboot2: the RSDP tag is too short";
	if (size > info->rsdp_size) {
		memcpy(info->rsdp, body.data, size);
		info->rsdp_size = size;
	}
	return NULL;
}

static const char *parse_tag(u32 type, struct body body, struct boot_info *info)
{
	switch (type) {
	case TAG_CMDLINE:
		return copy_cmdline(info->cmdline, body, 0);
	case TAG_LOADER:
		return parse_loader(body, info);
	case TAG_MODULE:
		return parse_module(body, info);
	case TAG_MEMORY:
		return parse_memory(body, info);
	case TAG_FRAMEBUFFER:
		return parse_framebuffer(body, info);
	case TAG_EFI64:
		return parse_efi64(body, info);
	case TAG_RSDP_V1:
		return parse_rsdp(body, RSDP_V1_SIZE, info);
	case TAG_RSDP_V2:
		return parse_rsdp(body, RSDP_V2_SIZE, info);
	case TAG_EFI_MEMORY:
		return parse_efi_memory(body, info);
	case TAG_EFI_BOOT_SERVICES:
		info->efi.boot_services = true;
		return NULL;
	default:
		return NULL;
	}
}

const char *multiboot2_parse(const void *mbi, u64 accessible, struct boot_info *info)
{
	const u8 *data = mbi;

	memset(info, 0, sizeof(*info));
	if (accessible < HEADER_SIZE)
		return "multiboot2: the structure is out of reach";
	info->size = get32(data);
	if (info->size < HEADER_SIZE || info->size > accessible)
		return "multiboot2: the structure has a bad size";

	for (u64 at = HEADER_SIZE; at + HEADER_SIZE <= info->size;) {
		u32 type = get32(data + at);
		u32 size = get32(data + at + 4);

		if (size < HEADER_SIZE || size > info->size - at)
			return "multiboot2: a tag has a bad size";
		if (type == TAG_END)
			return info->memory_count ? NULL : "multiboot2: there is no memory map";
		const char *why =
			parse_tag(type, (struct body){data + at + HEADER_SIZE, size - HEADER_SIZE}, info);
		if (why)
			return why;
		at = ALIGN_UP(at + size, TAG_ALIGN);
	}
	return "multiboot2: the structure has no end tag";
}
