/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Encodings with known meaning, in the three modes. Lengths of millions more are compared with an independent
 * disassembler by tests/decoder-compare.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/hypercall.h"
#include "insn/decode.h"

#define NONE INSN_REG_NONE
#define RIP INSN_REG_RIP

/* Bytes in hexadecimal, and what they must decode to; base NONE and index NONE with has_mem: disp alone. */
static const struct known {
	u8 mode;
	const char *hex;
	u8 len, op_size, addr_size;
	u8 reg, base, index, scale, seg;
	bool has_mem;
	s64 disp;
	u64 imm;
} knowns[] = {
	/* mov eax, [rbx] and its relatives */
	{64, "8b03", 2, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "488b03", 3, 8, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "668b03", 3, 2, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "66488b03", 4, 8, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "4d8b5efc", 4, 8, 8, 11, 14, NONE, 1, INSN_DS, true, -4, 0},
	{64, "678b03", 3, 4, 4, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{32, "8b03", 2, 4, 4, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{32, "668b03", 3, 2, 4, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{16, "668b03", 3, 4, 2, 0, 5, 7, 1, INSN_SS, true, 0, 0}, /* [bp + di] */
	{16, "67668b03", 4, 4, 4, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	/* SIB, RIP, no base; RBP and RSP mean SS, R12 and R13 do not */
	{64, "8b448b10", 4, 4, 8, 0, 3, 1, 4, INSN_DS, true, 16, 0},
	{64, "8b0424", 3, 4, 8, 0, 4, NONE, 1, INSN_SS, true, 0, 0},
	{64, "418b0424", 4, 4, 8, 0, 12, NONE, 1, INSN_DS, true, 0, 0},
	{64, "8b4500", 3, 4, 8, 0, 5, NONE, 1, INSN_SS, true, 0, 0},
	{64, "418b4500", 4, 4, 8, 0, 13, NONE, 1, INSN_DS, true, 0, 0},
	{64, "428b0423", 4, 4, 8, 0, 3, 12, 1, INSN_DS, true, 0, 0},
	{64, "8b0578563412", 6, 4, 8, 0, RIP, NONE, 1, INSN_DS, true, 0x12345678, 0},
	{64, "8b042500f0ffff", 7, 4, 8, 0, NONE, NONE, 1, INSN_DS, true, -4096, 0},
	{32, "8b0578563412", 6, 4, 4, 0, NONE, NONE, 1, INSN_DS, true, 0x12345678, 0},
	{16, "8b063412", 4, 2, 2, 0, NONE, NONE, 1, INSN_DS, true, 0x1234, 0},
	{16, "8b46fe", 3, 2, 2, 0, 5, NONE, 1, INSN_SS, true, -2, 0},
	{16, "8b40fe", 3, 2, 2, 0, 3, 6, 1, INSN_DS, true, -2, 0},
	/* segment overrides; four of them mean nothing in 64-bit mode; the last counts */
	{64, "2e8b03", 3, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "658b03", 3, 4, 8, 0, 3, NONE, 1, INSN_GS, true, 0, 0},
	{32, "2e8b03", 3, 4, 4, 0, 3, NONE, 1, INSN_CS, true, 0, 0},
	{32, "2e648b03", 4, 4, 4, 0, 3, NONE, 1, INSN_FS, true, 0, 0},
	{32, "3e8b4500", 4, 4, 4, 0, 5, NONE, 1, INSN_DS, true, 0, 0},
	/* a REX that is not last has no effect */
	{64, "48668b03", 4, 2, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	/* immediates */
	{64, "c70305000000", 6, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 5},
	{64, "48c703ffffffff", 7, 8, 8, 0, 3, NONE, 1, INSN_DS, true, 0, ~0ULL},
	{64, "66c7030500", 5, 2, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 5},
	{64, "8303fe", 3, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, -2ULL},
	{64, "f60301", 3, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 1},
	{64, "f613", 2, 4, 8, 2, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "f70301000000", 6, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 1},
	{64, "48b88877665544332211", 10, 8, 8, 0, NONE, NONE, 1, INSN_DS, false, 0, 0x1122334455667788},
	{32, "9a785634122301", 7, 4, 4, 0, NONE, NONE, 1, INSN_DS, false, 0, 0x12345678},
	{16, "9a34122301", 5, 2, 2, 0, NONE, NONE, 1, INSN_DS, false, 0, 0x1234},
	{64, "c8100001", 4, 8, 8, 0, NONE, NONE, 1, INSN_DS, false, 0, 16},
	/* moffs: as wide as an address */
	{64, "a18877665544332211", 9, 4, 8, 0, NONE, NONE, 1, INSN_DS, true, 0x1122334455667788, 0},
	{64, "67a144332211", 6, 4, 4, 0, NONE, NONE, 1, INSN_DS, true, 0x11223344, 0},
	{32, "a144332211", 5, 4, 4, 0, NONE, NONE, 1, INSN_DS, true, 0x11223344, 0},
	{16, "a12211", 3, 2, 2, 0, NONE, NONE, 1, INSN_DS, true, 0x1122, 0},
	/* operand sizes that are 64 bits by default, or always */
	{64, "ff33", 2, 8, 8, 6, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "66ff33", 3, 2, 8, 6, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "66ff13", 3, 8, 8, 2, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "e801000000", 5, 8, 8, 0, NONE, NONE, 1, INSN_DS, false, 0, 1},
	/* the other maps */
	{64, "0fb603", 3, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "0fba2b05", 4, 4, 8, 5, 3, NONE, 1, INSN_DS, true, 0, 5},
	{64, "0f38f003", 4, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "660f3a0f0305", 6, 2, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 5},
	{64, "0f2003", 3, 4, 8, 0, NONE, NONE, 1, INSN_DS, false, 0,
	 0}, /* mov rbx, cr0: mod does not count */
	/* VEX, EVEX, XOP, and what they are in other modes */
	{64, "c5fe6f0b", 4, 4, 8, 1, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "c4417e6f0b", 5, 4, 8, 9, 11, NONE, 1, INSN_DS, true, 0, 0},
	{64, "c4e37d3903 01", 6, 4, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 1},
	{64, "62f17c48100b", 6, 4, 8, 1, 3, NONE, 1, INSN_DS, true, 0, 0},
	{64, "8fe978c20b", 5, 4, 8, 1, 3, NONE, 1, INSN_DS, true, 0, 0},
	{32, "c50b", 2, 4, 4, 1, 3, NONE, 1, INSN_DS, true, 0, 0}, /* lds */
	{32, "c5fe6f0b", 4, 4, 4, 1, 3, NONE, 1, INSN_DS, true, 0, 0},
	{32, "620b", 2, 4, 4, 1, 3, NONE, 1, INSN_DS, true, 0, 0}, /* bound */
	{64, "8f03", 2, 8, 8, 0, 3, NONE, 1, INSN_DS, true, 0, 0},
	{32, "40", 1, 4, 4, 0, NONE, NONE, 1, INSN_DS, false, 0, 0}, /* inc eax */
};

static u32 from_hex(const char *hex, u8 *bytes)
{
	u32 n = 0;

	while (*hex) {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		bytes[n++] = strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
		hex += 2;
	}
	return n;
}

static void test_known(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(knowns); i++) {
		const struct known *k = &knowns[i];
		u8 bytes[INSN_MAX_LEN];
		struct insn in;
		u32 n = from_hex(k->hex, bytes);
		int rc = insn_decode(&in, bytes, n, k->mode);

		if (rc || in.len != k->len || n != k->len || in.op_size != k->op_size ||
		    in.addr_size != k->addr_size || in.reg != k->reg || in.base != k->base ||
		    in.index != k->index || in.scale != k->scale || in.seg != k->seg ||
		    in.has_mem != k->has_mem || in.disp != k->disp || in.imm != k->imm)
			fail_msg("%s in mode %u: rc %d, len %u, op %u, addr %u, reg %u, base %u, index %u, "
				 "seg %u",
				 k->hex, k->mode, rc, in.len, in.op_size, in.addr_size, in.reg, in.base,
				 in.index, in.seg);
		/* Every part of it is too little, whatever the missing bytes are. */
		for (u32 part = 0; part < n; part++)
			assert_int_equal(insn_decode(&in, bytes, part, k->mode), -NXT_EAGAIN);
	}
}

static void expect(u32 mode, const char *hex, int rc)
{
	u8 bytes[32];
	struct insn in;

	if (insn_decode(&in, bytes, from_hex(hex, bytes), mode) != rc)
		fail_msg("%s in mode %u: not %d", hex, mode, rc);
}

static void test_refused(void **state)
{
	(void)state;
	expect(64, "06", -NXT_EINVAL); /* push es */
	expect(32, "06", 0);
	expect(64, "9a0000000000", -NXT_EINVAL);
	expect(64, "0f0400", -NXT_EINVAL);
	expect(64, "8dc0", -NXT_EINVAL);     /* lea with a register */
	expect(64, "8f4b00", -NXT_EINVAL);   /* 8F /1 */
	expect(64, "fe1b", -NXT_EINVAL);     /* FE /3 */
	expect(64, "0fba0305", -NXT_EINVAL); /* BA /0 */
	expect(64, "66c5fe6f0b", -NXT_EINVAL);
	expect(64, "48c5fe6f0b", -NXT_EINVAL);
	expect(64, "f0c5fe6f0b", -NXT_EINVAL);
	expect(64, "c4e07d3903", -NXT_EINVAL); /* map 0 */
	expect(64, "62f97c48100b", -NXT_EINVAL);
	/* 15 bytes are an instruction, 16 are not, and more need not be there to know. */
	expect(64, "6666666666666666666666666690", 0);
	expect(64, "666666666666666666666666666690", 0);
	expect(64, "66666666666666666666666666666690", -NXT_E2BIG);
	expect(64, "666666666666666666666666666666", -NXT_E2BIG);
	expect(64, "6666666666666666666666668b0425", -NXT_E2BIG);
	expect(64, "66666666666666666666666666", -NXT_EAGAIN);
	expect(64, "", -NXT_EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
