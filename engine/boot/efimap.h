/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copy of EFI's memory map that the control domain gets (UEFI 2.10, 7.2.3
 * EFI_BOOT_SERVICES.GetMemoryMap). */
#ifndef ENGINE_BOOT_EFIMAP_H
#define ENGINE_BOOT_EFIMAP_H

#include "boot/memmap.h"

/* Each reservation that does not fit descriptor borders adds at most this many descriptors. */
#define EFIMAP_GROWTH 2

struct efimap {
	void *data;    /* the descriptors, writable */
	u32 size;      /* bytes in use, a multiple of desc_size */
	u32 capacity;  /* bytes that data can hold */
	u32 desc_size; /* from firmware: >= 40, a multiple of 8 */
	u32 desc_version;
};

/*
 * Gives the range (page aligned) the type EfiReservedMemoryType, and splits descriptors where needed, so that
 * Linux neither uses nor maps it. Refused when any byte of it is not described, or is something that the
 * firmware still needs at run time; a refusal changes nothing. Returns NULL, or the reason for people.
 */
const char *efimap_reserve(struct efimap *map, struct phys_range range);

#endif
