/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/acpi.h"

#include "lib/string.h"

/* ACPI 6.5, 5.2.5.3: the RSDP. */
#define RSDP_V1_SIZE 20
#define RSDP_V2_SIZE 36
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define RSDP_XSDT 24

/* ACPI 6.5, 5.2.6: the header that every table but the FACS starts with. */
#define HEADER_SIZE 36
#define HEADER_LENGTH 4
#define HEADER_REVISION 8
#define HEADER_CHECKSUM 9

/* Real tables, DSDTs with all, are well below; a larger length is damage. */
#define TABLE_MAX MIB(4)
#define ROOT_TABLES_MAX 512

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

u8 acpi_checksum(const void *data, u32 len)
{
	const u8 *bytes = data;
	u8 sum = 0;

	for (u32 i = 0; i < len; i++)
		sum += bytes[i];
	return sum;
}

static u8 *map(const struct acpi_memory *memory, u64 address, u64 len)
{
	if (!address || address + len < address)
		return NULL;
	return memory->map(memory->context, address, len);
}

/* Maps a whole table, if it has the signature, a possible length and a right checksum. */
static u8 *map_table(const struct acpi_memory *memory, u64 address, const char *signature, u32 *len)
{
	u8 *table = map(memory, address, HEADER_SIZE);

	if (!table || memcmp(table, signature, 4))
		return NULL;
	*len = get32(table + HEADER_LENGTH);
	if (*len < HEADER_SIZE || *len > TABLE_MAX)
		return NULL;
	table = map(memory, address, *len);
	if (!table || acpi_checksum(table, *len))
		return NULL;
	return table;
}

const char *acpi_open(struct acpi_root *root, const void *rsdp, u32 rsdp_size)
{
	const u8 *data = rsdp;
	u64 xsdt = 0;
	u32 len;

	if (rsdp_size < RSDP_V1_SIZE || memcmp(data, "RSD PTR ", 8) || acpi_checksum(data, RSDP_V1_SIZE))
		return "acpi: the RSDP is damaged";
	if (data[RSDP_REVISION] >= 2 && rsdp_size >= RSDP_V2_SIZE) {
		if (acpi_checksum(data, RSDP_V2_SIZE))
			return "acpi: the RSDP is damaged";
		xsdt = get64(data + RSDP_XSDT);
	}
	/* As Linux does: the XSDT if there is one, and never both. */
	root->table = xsdt ? xsdt : get32(data + RSDP_RSDT);
	root->entry_size = xsdt ? 8 : 4;
	if (!map_table(&root->memory, root->table, xsdt ? "XSDT" : "RSDT", &len))
		return "acpi: the root table is damaged";
	root->count = MIN((len - HEADER_SIZE) / root->entry_size, ROOT_TABLES_MAX);
	return NULL;
}

/* Finds the next good table with the signature, from entry *index of the root table on; *index moves past it.
 */
static u8 *find_next(const struct acpi_root *root, const char *signature, u32 *index, u32 *len)
{
	const u8 *entries =
		map(&root->memory, root->table, HEADER_SIZE + (u64)root->count * root->entry_size);

	if (!entries)
		return NULL;
	entries += HEADER_SIZE;
	while (*index < root->count) {
		const u8 *entry = entries + (u64)(*index)++ * root->entry_size;
		u64 address = root->entry_size == 8 ? get64(entry) : get32(entry);
		u8 *table = map_table(&root->memory, address, signature, len);

		if (table)
			return table;
	}
	return NULL;
}

void *acpi_find(const struct acpi_root *root, const char *signature, u32 n, u32 *len)
{
	u32 index = 0;
	u8 *table;

	do {
		table = find_next(root, signature, &index, len);
	} while (table && n--);
	return table;
}

/* ACPI 6.5, 5.2.12: the MADT. */
#define MADT_LAPIC 36
#define MADT_FLAGS 40
#define MADT_ENTRIES 44
#define MADT_PCAT_COMPAT BIT(0)

enum {
	MADT_CPU = 0,		/* u8 uid, apic id; u32 flags */
	MADT_LAPIC_ADDRESS = 5, /* u16 reserved; u64 address */
	MADT_X2APIC_CPU = 9,	/* u16 reserved; u32 apic id, flags, uid */
};

#define CPU_ENABLED BIT(0)
#define CPU_ONLINE_CAPABLE BIT(1)

static void add_cpu(struct acpi_madt *madt, u32 apic_id, u32 flags)
{
	bool enabled = flags & CPU_ENABLED;
	bool online_capable = flags & CPU_ONLINE_CAPABLE;

	if (!enabled && !online_capable)
		return;
	/* Firmware may list a CPU as local APIC and again as x2APIC. */
	for (u32 i = 0; i < madt->cpu_count; i++) {
		if (madt->cpu[i].apic_id != apic_id)
			continue;
		madt->cpu[i].enabled |= enabled;
		madt->cpu[i].online_capable |= online_capable;
		return;
	}
	if (madt->cpu_count == ACPI_CPUS_MAX) {
		madt->cpu_lost++;
		return;
	}
	madt->cpu[madt->cpu_count++] = (struct acpi_cpu){apic_id, enabled, online_capable};
}

const char *acpi_read_madt(const struct acpi_root *root, struct acpi_madt *madt)
{
	u32 len;
	const u8 *table = acpi_find(root, "APIC", 0, &len);

	memset(madt, 0, sizeof(*madt));
	if (!table)
		return "acpi: there is no MADT";
	if (len < MADT_ENTRIES)
		return "acpi: the MADT is too short";
	madt->lapic = get32(table + MADT_LAPIC);
	madt->pic = get32(table + MADT_FLAGS) & MADT_PCAT_COMPAT;

	for (u32 at = MADT_ENTRIES; at + 2 <= len;) {
		const u8 *entry = table + at;
		u32 size = entry[1];

		if (size < 2 || size > len - at)
			return "acpi: a MADT entry has a bad size";
		/* An APIC ID of all ones names no CPU. */
		if (entry[0] == MADT_CPU && size >= 8 && entry[3] != UINT8_MAX)
			add_cpu(madt, entry[3], get32(entry + 4));
		else if (entry[0] == MADT_X2APIC_CPU && size >= 16 && get32(entry + 4) != UINT32_MAX)
			add_cpu(madt, get32(entry + 4), get32(entry + 8));
		else if (entry[0] == MADT_LAPIC_ADDRESS && size >= 12)
			madt->lapic = get64(entry + 4);
		at += size;
	}
	return madt->cpu_count ? NULL : "acpi: the MADT has no CPU";
}

/* ACPI 6.5, 5.2.9: the FADT. Older revisions are shorter; what they do not have is absent. */
#define FADT_FACS 36
#define FADT_DSDT 40
#define FADT_PM1A_CONTROL 64
#define FADT_PM1B_CONTROL 68
#define FADT_PM1_CONTROL_LEN 89
#define FADT_FLAGS 112
#define FADT_V1_SIZE 116
#define FADT_RESET 116
#define FADT_RESET_VALUE 128
#define FADT_X_FACS 132
#define FADT_X_DSDT 140
#define FADT_X_PM1A_CONTROL 172
#define FADT_X_PM1B_CONTROL 184
#define FADT_RESET_SUPPORTED BIT(10)

#define ADDRESS_SIZE 12

static bool has_field(u32 len, u32 offset, u32 size)
{
	return offset + size <= len;
}

static struct acpi_address get_address(const u8 *data)
{
	return (struct acpi_address){
		.space = data[0],
		.bit_width = data[1],
		.bit_offset = data[2],
		.access_size = data[3],
		.address = get64(data + 4),
	};
}

/* The extended field counts if it is there and not 0, else the 32-bit one. */
static u64 table_address(const u8 *fadt, u32 len, u32 field, u32 extended)
{
	if (has_field(len, extended, 8) && get64(fadt + extended))
		return get64(fadt + extended);
	return get32(fadt + field);
}

static struct acpi_address register_address(const u8 *fadt, u32 len, u32 field, u32 extended)
{
	if (has_field(len, extended, ADDRESS_SIZE) && get_address(fadt + extended).address)
		return get_address(fadt + extended);
	return (struct acpi_address){
		.space = ACPI_SPACE_IO,
		.bit_width = fadt[FADT_PM1_CONTROL_LEN] * 8,
		.address = get32(fadt + field),
	};
}

const char *acpi_read_fadt(const struct acpi_root *root, struct acpi_fadt *fadt)
{
	u32 len;
	const u8 *table = acpi_find(root, "FACP", 0, &len);

	memset(fadt, 0, sizeof(*fadt));
	if (!table)
		return "acpi: there is no FADT";
	if (len < FADT_V1_SIZE)
		return "acpi: the FADT is too short";
	fadt->revision = table[HEADER_REVISION];
	fadt->flags = get32(table + FADT_FLAGS);
	fadt->facs = table_address(table, len, FADT_FACS, FADT_X_FACS);
	fadt->dsdt = table_address(table, len, FADT_DSDT, FADT_X_DSDT);
	if (get32(table + FADT_DSDT) != fadt->dsdt)
		fadt->dsdt32 = get32(table + FADT_DSDT);
	fadt->pm1a_control = register_address(table, len, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
	fadt->pm1b_control = register_address(table, len, FADT_PM1B_CONTROL, FADT_X_PM1B_CONTROL);
	if ((fadt->flags & FADT_RESET_SUPPORTED) && has_field(len, FADT_RESET_VALUE, 1)) {
		fadt->reset = get_address(table + FADT_RESET);
		fadt->reset_value = table[FADT_RESET_VALUE];
		fadt->has_reset = fadt->reset.address != 0;
	}
	return NULL;
}

/* ACPI 6.5, 20.2: AML's encodings. */
#define AML_NAME_OP 0x08
#define AML_ROOT_CHAR 0x5c /* '\' */
#define AML_PACKAGE_OP 0x12

/* If a definition Name (_S3, Package ...), or Name (\_S3, Package ...), starts here: the bytes up to its
 * name. */
static u32 s3_prefix(const u8 *aml, u32 len)
{
	u32 at = 1;

	if (aml[0] != AML_NAME_OP)
		return 0;
	if (len > at && aml[at] == AML_ROOT_CHAR)
		at++;
	if (len < at + 5 || memcmp(aml + at, "_S3_", 4) || aml[at + 4] != AML_PACKAGE_OP)
		return 0;
	return at;
}

static u32 hide_s3_in(u8 *table, u32 len)
{
	u32 found = 0;

	for (u32 i = HEADER_SIZE; i < len; i++) {
		u32 prefix = s3_prefix(table + i, len - i);

		if (!prefix)
			continue;
		memcpy(table + i + prefix, "XS3_", 4);
		found++;
	}
	table[HEADER_CHECKSUM] -= acpi_checksum(table, len);
	return found;
}

u32 acpi_hide_s3(const struct acpi_root *root)
{
	struct acpi_fadt fadt;
	u32 found = 0;
	u32 index = 0;
	u32 len;
	u8 *table;

	if (!acpi_read_fadt(root, &fadt)) {
		const u64 dsdt[] = {fadt.dsdt, fadt.dsdt32};

		for (u32 i = 0; i < ARRAY_SIZE(dsdt); i++) {
			table = map_table(&root->memory, dsdt[i], "DSDT", &len);
			if (table)
				found += hide_s3_in(table, len);
		}
	}
	while ((table = find_next(root, "SSDT", &index, &len)))
		found += hide_s3_in(table, len);
	return found;
}
