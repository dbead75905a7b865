/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a Linux kernel by the Linux/x86 boot protocol (Documentation/arch/x86/boot.rst in Linux), through
 * its 32-bit entry. Functions that can fail return NULL, or the reason as a constant text for people.
 *
 * The order: linux_check_kernel, linux_check_initrd, linux_place; the caller copies image.kernel_size bytes
 * at image.kernel_offset of the module to the load address, then calls linux_build_params, then enters with
 *
 *	protected mode without paging (CR0.PE = 1, CR0.PG = 0), RFLAGS = 2 (interrupts off), EFER.LME = 0;
 *	EIP = linux_entry.entry32, ESI = linux_entry.params, EBP = EDI = EBX = 0;
 *	CS = 0x10: flat 4 GiB, 32-bit code, execute and read; DS = ES = SS = 0x18: flat 4 GiB data, read and
 *	write. The protocol wants these two selectors in a loaded GDT. The kernel's first instructions use
 *	ESI's page as their stack and load a GDT of the kernel's own before any segment register, so segments
 *	that were set without a GDT in memory (as the VMCB and the VMCS can) do as well.
 *
 * What the zero page points to (command line, EFI memory map, RSDP, extra) and the zero page itself must lie
 * in memory that the control domain can read but takes for reserved (memmap_reserve, and efimap_reserve after
 * EFI): Linux moves itself about at random while it starts (KASLR) and looks at the memory map to do so.
 */
#ifndef ENGINE_BOOT_LINUX_H
#define ENGINE_BOOT_LINUX_H

#include "boot/memmap.h"
#include "boot/multiboot2.h"

struct linux_image {
	u32 version;	   /* of the boot protocol, 0x020c and up */
	u32 kernel_offset; /* of the protected-mode part in the module, bytes */
	u32 kernel_size;   /* bytes of it */
	u32 init_size;	   /* bytes that the kernel needs from its load address on */
	u32 alignment;
	u64 pref_address;
	bool relocatable;
	bool initrd_high; /* the initrd may lie anywhere */
	u32 initrd_max;	  /* else: highest address that its last byte may have */
	u32 cmdline_max;  /* characters, without the NUL */
	bool crc_checked; /* the checksum was there and right. Linux 6.16 and later carry none */
	char release[65]; /* "6.12.57+deb13-amd64", or "" */
	const u8 *setup;  /* the setup header, inside the module, for linux_build_params */
	u32 setup_size;
};

/* Checks a bzImage of size bytes: magic, protocol, sizes against the size, checksum. */
const char *linux_check_kernel(const void *module, u64 size, struct linux_image *image);

/*
 * Checks that the module looks like an initrd that Linux can unpack: plain cpio archives are walked from
 * header to header, a compressed one is known by its magic only.
 */
const char *linux_check_initrd(const void *module, u64 size);

/*
 * Chooses where the kernel goes: where it prefers to be, or else the lowest place above that. Keeps off the
 * busy ranges (the modules, the multiboot2 structure, Engine). Stores the load address.
 */
const char *linux_place(const struct linux_image *image, const struct memmap *map,
			const struct phys_range *busy, u32 busy_count, u64 *load);

#define LINUX_PARAMS_SIZE 4096
#define LINUX_E820_MAX 128 /* entries in the zero page; the rest goes through struct linux_setup.extra */

/* What goes into the zero page. Addresses are physical. */
struct linux_setup {
	u64 params;	  /* of the zero page, below 4 GiB, page aligned */
	u64 load;	  /* of the kernel, from linux_place */
	u64 cmdline;	  /* of the NUL-terminated text */
	u32 cmdline_size; /* characters, without the NUL */
	u64 initrd;	  /* size 0: none */
	u64 initrd_size;
	const struct memmap *map; /* with Engine's memory reserved */
	u64 extra;		  /* of LINUX_EXTRA_SIZE bytes for the memory map past its 128th entry */
	void *extra_data;	  /* the same, to write to; NULL: none, more entries are refused */
	const struct boot_framebuffer *framebuffer; /* NULL: none */
	u64 efi_system_table;			    /* 0: started by BIOS; the next four are 0 as well then */
	u64 efi_memory_map; /* of the copy with Engine's memory reserved; must stay until Linux has it */
	u32 efi_memory_map_size;
	u32 efi_desc_size;
	u32 efi_desc_version;
	u64 rsdp; /* of the ACPI root pointer; 0: Linux looks for it */
};

#define LINUX_EXTRA_SIZE (16 + 20 * (MEMMAP_MAX - LINUX_E820_MAX))

struct linux_entry {
	u64 entry32; /* EIP for the 32-bit protocol */
	u64 params;  /* ESI */
};

/*
 * Builds the zero page at params (LINUX_PARAMS_SIZE bytes, written whole). Refuses what the kernel could not
 * take: an address that is out of its reach, a command line that is too long.
 */
const char *linux_build_params(void *params, const struct linux_image *image, const struct linux_setup *setup,
			       struct linux_entry *entry);

#endif
