/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See bytes.h. */
#include "bytes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64};

u32 bytes_rng(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (u32)(*state >> 16);
}

static void fill(u64 *rng, u8 b[BYTES])
{
	for (u32 i = 0; i < BYTES; i++)
		b[i] = (u8)bytes_rng(rng);
}

static void make_vex(u64 *rng, u8 b[BYTES], u8 first, enum insn_mode mode)
{
	b[0] = first;
	if (first == 0xc4)
		b[1] = (b[1] & 0xe0) | (bytes_rng(rng) % 4);
	if (first == 0x62) {
		b[1] = (b[1] & 0xf0) | (bytes_rng(rng) % 7);
		b[2] |= 4;
	}
	if (first == 0x8f)
		b[1] = (b[1] & 0xe0) | (8 + bytes_rng(rng) % 3);
	if (mode != INSN_MODE_64 && first != 0x8f)
		b[1] |= 0xc0;
}

void bytes_random(u64 *rng, u8 b[BYTES], enum insn_mode *ret_mode)
{
	static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x26};
	static const u8 vex[] = {0xc4, 0xc5, 0x62, 0x8f};
	u32 shape = bytes_rng(rng) % 16, n = 0, count;
	enum insn_mode mode = modes[bytes_rng(rng) % 3];

	*ret_mode = mode;
	fill(rng, b);
	if (shape == 0)
		return;
	if (shape >= 13) {
		make_vex(rng, b, vex[bytes_rng(rng) % 4], mode);
		return;
	}

	/* Sometimes so many prefixes that the instruction may be too long. */
	count = shape == 1 ? bytes_rng(rng) % BYTES : bytes_rng(rng) % 4;
	while (count-- > 0)
		b[n++] = prefixes[bytes_rng(rng) % sizeof(prefixes)];
	if (mode == INSN_MODE_64 && n < BYTES && bytes_rng(rng) % 2)
		b[n++] = 0x40 | (bytes_rng(rng) & 15);
	if (shape >= 7 && n < BYTES)
		b[n++] = 0x0f;
	if (shape == 12 && n < BYTES)
		b[n] = bytes_rng(rng) % 2 ? 0x38 : 0x3a;
}

/* Prefixes of the systematic part: how many, and which. */
static const u8 prefix_sets[][3] = {
	{0},
	{1, 0x66},
	{1, 0x67},
	{1, 0xf2},
	{1, 0xf3},
	{1, 0xf0},
	{1, 0x2e},
	{1, 0x64},
	{2, 0x66, 0x67},
	{2, 0x66, 0xf2},
	{2, 0xf3, 0x66},
	{2, 0x67, 0xf3},
	{2, 0xf0, 0x66},
	{2, 0xf0, 0xf3},
	{2, 0x36, 0x67},
	{2, 0x65, 0x66},
};
static const u8 rex_set[] = {0, 0x40, 0x41, 0x42, 0x44, 0x48, 0x4d, 0x4f};
static const u8 map_bytes[][3] = {{0}, {1, 0x0f}, {2, 0x0f, 0x38}, {2, 0x0f, 0x3a}};

#define OPCODES (256u * 256u) /* opcode and ModRM */
#define LEGACY_ROWS (ARRAY_SIZE(map_bytes) * ARRAY_SIZE(prefix_sets) * (2 + ARRAY_SIZE(rex_set)))
/* Modes, maps, and: W, L, pp; vvvv is unused or random. */
#define VEX_ROWS (3u * 3u * 32u)

u64 bytes_systematic_count(void)
{
	return (LEGACY_ROWS + VEX_ROWS) * (u64)OPCODES;
}

/* Takes a digit of the given base off *index. */
static u32 digit(u64 *index, u32 base)
{
	u32 d = (u32)(*index % base);

	*index /= base;
	return d;
}

static void put(u8 *b, u32 *n, const u8 *counted)
{
	memcpy(b + *n, counted + 1, counted[0]);
	*n += counted[0];
}

void bytes_systematic(u64 *rng, u64 index, u8 b[BYTES], enum insn_mode *ret_mode)
{
	u32 opcode = digit(&index, 256), modrm = digit(&index, 256), n = 0;
	bool legacy = index < LEGACY_ROWS;

	fill(rng, b);
	if (legacy) {
		u32 map = digit(&index, ARRAY_SIZE(map_bytes));
		u32 prefixes = digit(&index, ARRAY_SIZE(prefix_sets));
		u8 rex = index < 2 ? 0 : rex_set[index - 2];

		*ret_mode = index < 2 ? modes[index] : INSN_MODE_64;
		put(b, &n, prefix_sets[prefixes]);
		if (rex)
			b[n++] = rex;
		put(b, &n, map_bytes[map]);
	} else {
		u32 bits, map;

		index -= LEGACY_ROWS;
		*ret_mode = modes[digit(&index, 3)];
		map = digit(&index, 3);
		bits = (u32)index;
		b[n++] = 0xc4;
		b[n] = (b[n] & 0xe0) | (map + 1);
		if (*ret_mode != INSN_MODE_64)
			b[n] |= 0xc0;
		n++;
		/* W, vvvv, L, pp */
		b[n] = (bits & 8) << 4 | (bits & 16 ? 0x78 : b[n] & 0x78) | (bits & 7);
		n++;
	}
	b[n++] = (u8)opcode;
	b[n] = (u8)modrm;
}

static int elf_sections(const u8 *file, size_t size, void (*each)(void *, const u8 *, size_t), void *arg)
{
	Elf64_Ehdr header;

	if (size < sizeof(header))
		return -ENOEXEC;
	memcpy(&header, file, sizeof(header));
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shoff > size ||
	    header.e_shnum > (size - header.e_shoff) / sizeof(Elf64_Shdr))
		return -ENOEXEC;
	for (u32 i = 0; i < header.e_shnum; i++) {
		Elf64_Shdr section;

		memcpy(&section, file + header.e_shoff + i * sizeof(section), sizeof(section));
		if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR))
			continue;
		if (section.sh_offset > size || section.sh_size > size - section.sh_offset)
			return -ENOEXEC;
		each(arg, file + section.sh_offset, section.sh_size);
	}
	return 0;
}

int bytes_code(const char *path, void (*each)(void *arg, const u8 *code, size_t n), void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	void *file;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_size == 0) {
		rc = st.st_size == 0 ? -ENOEXEC : -errno;
		close(fd);
		return rc;
	}
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	rc = file == MAP_FAILED ? -errno : 0;
	close(fd);
	if (rc)
		return rc;
	rc = elf_sections(file, (size_t)st.st_size, each, arg);
	munmap(file, (size_t)st.st_size);
	return rc;
}
