/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/linux.h"

#include "boot/crc32.h"
#include "boot/linux_params.h"
#include "lib/string.h"

#define HEADER_START offsetof(struct linux_params, header)
#define HEADER_LIMIT (HEADER_START + sizeof(((struct linux_params *)0)->header_bytes))
#define JUMP_END 0x202 /* what jump_offset counts from */
#define VERSION_MIN 0x020c
#define SECTOR 512

/*
 * The checksum. The kernel's build appends the CRC-32 of the whole image, so that the remainder over image
 * and checksum is 0. Signing for Secure Boot comes after that: it sets two fields of the PE header, which are
 * 0 for the checksum, and appends the signature behind the image (PE format: checksum, and certificate table
 * entry of the optional header, at these offsets from the PE signature for PE32+).
 */
#define PE_OFFSET_FIELD 0x3c
#define PE_CHECKSUM 0x58
#define PE_CERTIFICATES 0xa8

static u32 image_crc(const u8 *image, u32 size, u32 pe)
{
	static const u8 zeros[8];
	struct crc32 crc;
	u32 remainder = 0xffffffff;
	const struct {
		u32 at;
		u32 size;
	} skip[] = {{pe + PE_CHECKSUM, 4}, {pe + PE_CERTIFICATES, 8}};
	u32 at = 0;

	crc32_init(&crc);
	for (u32 i = 0; pe && i < ARRAY_SIZE(skip); i++) {
		remainder = crc32_update(&crc, remainder, image + at, skip[i].at - at);
		remainder = crc32_update(&crc, remainder, zeros, skip[i].size);
		at = skip[i].at + skip[i].size;
	}
	return crc32_update(&crc, remainder, image + at, size - at);
}

/* Where the PE header is, if the kernel has one and it lies in the setup part; else 0. */
static u32 find_pe(const u8 *image, u32 setup_end)
{
	u32 pe;

	memcpy(&pe, image + PE_OFFSET_FIELD, sizeof(pe));
	if (image[0] != 'M' || image[1] != 'Z' || pe < PE_OFFSET_FIELD + 4 ||
	    pe > setup_end - (PE_CERTIFICATES + 8) || memcmp(image + pe, "PE\0", 4))
		return 0;
	return pe;
}

static const char *number(const char *text, u32 *value)
{
	*value = 0;
	while (*text >= '0' && *text <= '9' && *value < 1000)
		*value = *value * 10 + (*text++ - '0');
	return text;
}

/* Linux 6.16 dropped the checksum. The release text is all there is to tell, and is believed although
 * unchecked. */
static bool is_without_crc(const char *release)
{
	u32 major, minor;
	const char *rest = number(release, &major);

	if (*rest != '.')
		return false;
	number(rest + 1, &minor);
	return major > 6 || (major == 6 && minor >= 16);
}

/* The first word of the text that the header points to, as far as it lies in the setup part and is printable.
 */
static void copy_release(struct linux_image *image, const u8 *module, const struct linux_setup_header *header)
{
	u32 at = header->kernel_version + 0x200;
	u32 len = 0;

	while (header->kernel_version && len < sizeof(image->release) - 1 && at < image->kernel_offset &&
	       module[at] > ' ' && module[at] <= '~')
		image->release[len++] = module[at++];
	image->release[len] = '\0';
}

static const char *check_header(const struct linux_setup_header *header)
{
	if (header->boot_flag != LINUX_BOOT_FLAG || header->magic != LINUX_HEADER_MAGIC)
		return "kernel: not a Linux kernel image (bzImage)";
	if (header->version < VERSION_MIN)
		return "kernel: too old, boot protocol 2.12 is needed";
	if (!(header->loadflags & LINUX_LOADED_HIGH) || !(header->xloadflags & LINUX_XLF_KERNEL_64))
		return "kernel: not a 64-bit kernel";
	u32 header_end = JUMP_END + header->jump_offset;
	if (header_end < HEADER_START + sizeof(*header) || header_end > HEADER_LIMIT)
		return "kernel: the setup header has a bad size";
	u32 alignment = header->kernel_alignment;
	if (alignment < PAGE_SIZE || (alignment & (alignment - 1)) ||
	    !IS_ALIGNED(header->pref_address, alignment) || header->pref_address < MIB(1) ||
	    header->pref_address >= GIB(4) || !header->init_size)
		return "kernel: it asks for an impossible place in memory";
	return NULL;
}

const char *linux_check_kernel(const void *module, u64 size, struct linux_image *image)
{
	const u8 *data = module;
	struct linux_setup_header header;

	memset(image, 0, sizeof(*image));
	if (size < HEADER_LIMIT)
		return "kernel: not a Linux kernel image (bzImage)";
	memcpy(&header, data + HEADER_START, sizeof(header));
	const char *why = check_header(&header);
	if (why)
		return why;

	/* 0 stands for 4, for old times' sake. */
	u32 setup_sects = header.setup_sects ? header.setup_sects : 4;
	u64 kernel_size = (u64)header.syssize * 16;

	image->kernel_offset = (setup_sects + 1) * SECTOR;
	if (!kernel_size || kernel_size > UINT32_MAX - image->kernel_offset)
		return "kernel: the setup header has a bad size";
	if (image->kernel_offset + kernel_size > size)
		return "kernel: the image is cut short";
	image->version = header.version;
	image->kernel_size = kernel_size;
	image->init_size = header.init_size;
	image->alignment = header.kernel_alignment;
	image->pref_address = header.pref_address;
	image->relocatable = header.relocatable_kernel;
	image->initrd_high = header.xloadflags & LINUX_XLF_ABOVE_4G;
	image->initrd_max = header.initrd_addr_max;
	image->cmdline_max = header.cmdline_size;
	image->setup = data + HEADER_START;
	image->setup_size = JUMP_END + header.jump_offset - HEADER_START;
	copy_release(image, data, &header);

	image->crc_checked = !image_crc(data, image->kernel_offset + image->kernel_size,
					find_pe(data, image->kernel_offset));
	if (!image->crc_checked && !is_without_crc(image->release))
		return "kernel: the image is damaged (checksum)";
	return NULL;
}

const char *linux_place(const struct linux_image *image, const struct memmap *map,
			const struct phys_range *busy, u32 busy_count, u64 *load)
{
	struct memmap_request request = {
		.size = MAX(image->init_size, image->kernel_size),
		.align = image->alignment,
		.min = image->pref_address, /* a relocatable kernel below that moves itself there */
		.max = GIB(4),		    /* entered in 32-bit mode */
	};

	if (!image->relocatable)
		request.max = MIN(request.max, request.min + request.size);
	if (!memmap_find(map, &request, busy, busy_count, load))
		return "kernel: there is no free memory where it could be loaded";
	return NULL;
}

/* The place of the bits of a pixel that no colour uses; Linux' simple framebuffer wants to know. */
static void set_reserved_bits(struct linux_screen_info *screen, const struct boot_framebuffer *fb)
{
	u32 used = ((BIT(fb->red_size) - 1) << fb->red_pos) | ((BIT(fb->green_size) - 1) << fb->green_pos) |
		   ((BIT(fb->blue_size) - 1) << fb->blue_pos);
	u32 unused = ~used & (BIT(fb->bpp) - 1);

	while (unused && !(unused & BIT(screen->reserved_pos)))
		screen->reserved_pos++;
	while (unused & BIT(screen->reserved_pos + screen->reserved_size))
		screen->reserved_size++;
}

/* A screen that the 16-bit fields cannot describe is left out. */
static void set_screen(struct linux_screen_info *screen, const struct boot_framebuffer *fb, bool efi)
{
	u64 size = (u64)fb->pitch * fb->height;

	if (!fb->present || fb->pitch > UINT16_MAX || fb->width > UINT16_MAX || fb->height > UINT16_MAX ||
	    size > UINT32_MAX - 0xffff)
		return;
	screen->columns = 80;
	screen->lines = 25;
	screen->type = efi ? LINUX_VIDEO_EFI : LINUX_VIDEO_VESA;
	screen->lfb_width = fb->width;
	screen->lfb_height = fb->height;
	screen->lfb_depth = fb->bpp;
	screen->lfb_base = fb->address;
	screen->ext_lfb_base = fb->address >> 32;
	screen->capabilities = screen->ext_lfb_base ? LINUX_VIDEO_64BIT_BASE : 0;
	screen->lfb_size = efi ? size : ALIGN_UP(size, KIB(64)) / KIB(64);
	screen->lfb_linelength = fb->pitch;
	screen->red_size = fb->red_size;
	screen->red_pos = fb->red_pos;
	screen->green_size = fb->green_size;
	screen->green_pos = fb->green_pos;
	screen->blue_size = fb->blue_size;
	screen->blue_pos = fb->blue_pos;
	set_reserved_bits(screen, fb);
}

static void set_efi(struct linux_efi_info *efi, const struct linux_setup *setup)
{
	efi->signature = LINUX_EFI64_SIGNATURE;
	efi->system_table = setup->efi_system_table;
	efi->system_table_high = setup->efi_system_table >> 32;
	efi->memory_map = setup->efi_memory_map;
	efi->memory_map_high = setup->efi_memory_map >> 32;
	efi->memory_map_size = setup->efi_memory_map_size;
	efi->desc_size = setup->efi_desc_size;
	efi->desc_version = setup->efi_desc_version;
}

static const char *set_memory(struct linux_params *params, const struct linux_setup *setup)
{
	const struct memmap *map = setup->map;
	struct linux_setup_data *extra = setup->extra_data;
	u32 here = MIN(map->count, LINUX_E820_MAX);

	if (map->count > here && !extra)
		return "kernel: the memory map has too many entries";
	params->e820_count = here;
	for (u32 i = 0; i < map->count; i++) {
		struct linux_e820 *entry = i < here ? &params->e820[i] : &extra->entry[i - here];

		*entry = (struct linux_e820){map->entry[i].base, map->entry[i].size, map->entry[i].type};
	}
	if (map->count > here) {
		extra->next = 0;
		extra->type = LINUX_SETUP_E820;
		extra->len = (map->count - here) * sizeof(struct linux_e820);
		params->header.setup_data = setup->extra;
	}
	return NULL;
}

static const char *check_reach(const struct linux_image *image, const struct linux_setup *setup)
{
	u64 initrd_end = setup->initrd + setup->initrd_size;

	if (setup->params >= GIB(4) || !IS_ALIGNED(setup->params, PAGE_SIZE) || setup->load >= GIB(4))
		return "kernel: it cannot be entered at this address";
	if (setup->cmdline_size > image->cmdline_max)
		return "kernel: the command line is too long";
	if (setup->cmdline >= GIB(4) && !image->initrd_high)
		return "kernel: the command line is out of its reach";
	if (initrd_end < setup->initrd ||
	    (setup->initrd_size && !image->initrd_high && initrd_end - 1 > image->initrd_max))
		return "kernel: the initrd is out of its reach";
	return NULL;
}

const char *linux_build_params(void *page, const struct linux_image *image, const struct linux_setup *setup,
			       struct linux_entry *entry)
{
	struct linux_params *params = page;
	const char *why = check_reach(image, setup);

	if (why)
		return why;
	memset(params, 0, sizeof(*params));
	memcpy(params->header_bytes, image->setup, image->setup_size);
	params->header.type_of_loader = LINUX_LOADER_UNDEFINED;
	params->header.code32_start = setup->load;
	params->header.cmd_line_ptr = setup->cmdline;
	params->ext_cmd_line_ptr = setup->cmdline >> 32;
	params->header.setup_data = 0;
	params->header.ramdisk_image = setup->initrd_size ? setup->initrd : 0;
	params->header.ramdisk_size = setup->initrd_size;
	params->ext_ramdisk_image = setup->initrd_size ? setup->initrd >> 32 : 0;
	params->ext_ramdisk_size = setup->initrd_size >> 32;
	params->rsdp = setup->rsdp;
	if (setup->framebuffer)
		set_screen(&params->screen, setup->framebuffer, setup->efi_system_table);
	if (setup->efi_system_table)
		set_efi(&params->efi, setup);
	why = set_memory(params, setup);
	if (why)
		return why;

	entry->entry32 = setup->load;
	entry->params = setup->params;
	return NULL;
}
