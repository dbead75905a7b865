/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few ACPI tables that Engine needs, read in place (ACPI 6.5, chapter 5). No AML is interpreted.
 *
 * Functions that can fail return NULL, or the reason as a constant text for people.
 */
#ifndef ENGINE_BOOT_ACPI_H
#define ENGINE_BOOT_ACPI_H

#include "lib/types.h"

/*
 * How tables are reached. map returns a pointer to len bytes at the physical address, or NULL if they are not
 * all readable memory. The pointer stays valid and writable: tables lie in RAM, which Engine maps as a whole.
 */
struct acpi_memory {
	void *(*map)(void *context, u64 address, u64 len);
	void *context;
};

/* Where the root table is. */
struct acpi_root {
	struct acpi_memory memory;
	u64 table;	/* physical address of the XSDT, or of the RSDT where there is no XSDT */
	u32 entry_size; /* 8: XSDT, 4: RSDT */
	u32 count;	/* tables that it lists */
};

/* Generic address (ACPI 6.5, 5.2.3.2). */
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1
#define ACPI_SPACE_PCI 2
struct acpi_address {
	u8 space; /* ACPI_SPACE_* */
	u8 bit_width;
	u8 bit_offset;
	u8 access_size; /* 0: not said, 1: byte, 2: word, 3: dword, 4: qword */
	u64 address;	/* 0: there is no such register */
};

#define ACPI_CPUS_MAX 256
struct acpi_cpu {
	u32 apic_id;
	bool enabled;	     /* can be started now */
	bool online_capable; /* not now, but it may be plugged in later */
};

struct acpi_madt {
	u64 lapic; /* physical address of the local APICs' registers */
	bool pic;  /* the PC also has a pair of 8259 PICs */
	u32 cpu_count;
	struct acpi_cpu cpu[ACPI_CPUS_MAX]; /* in the table's order, no APIC ID twice */
	u32 cpu_lost;			    /* entries that did not fit */
};

struct acpi_fadt {
	u8 revision;
	u32 flags;
	bool has_reset; /* write reset_value to reset */
	struct acpi_address reset;
	u8 reset_value;
	struct acpi_address pm1a_control;
	struct acpi_address pm1b_control;
	u64 dsdt;   /* physical addresses; 0: none */
	u64 dsdt32; /* the 32-bit field, if it differs from dsdt: broken firmware; else 0 */
	u64 facs;
};

/* Checks the RSDP (a copy, 20 or 36 bytes) and the root table it names. root->memory must be filled in. */
const char *acpi_open(struct acpi_root *root, const void *rsdp, u32 rsdp_size);

/*
 * Finds the n-th (from 0) table with the signature (4 characters) in the root table. Returns a pointer to the
 * whole table and its length, or NULL if there is none; damaged tables (length, checksum) are passed over.
 */
void *acpi_find(const struct acpi_root *root, const char *signature, u32 n, u32 *len);

/* Reads the MADT: which CPUs there are. */
const char *acpi_read_madt(const struct acpi_root *root, struct acpi_madt *madt);

/* Reads the FADT: how to reset, where the DSDT is. */
const char *acpi_read_fadt(const struct acpi_root *root, struct acpi_fadt *fadt);

/*
 * Takes suspend to RAM (S3) away: Engine could not resume. Every definition Name (_S3, Package ...) in the
 * DSDT and the SSDTs gets another name, in place, and the checksums are put right, so that Linux does not
 * offer the state. S4, S5 and suspend-to-idle are untouched. Returns how many definitions were renamed: 0 is
 * normal where the firmware offers none. A _S3 that is a method, or comes from a table loaded later, is not
 * found.
 */
u32 acpi_hide_s3(const struct acpi_root *root);

/* Engine's own checks as well as ACPI's: the sum of all bytes, 0 for a table that is whole. */
u8 acpi_checksum(const void *data, u32 len);

#endif
