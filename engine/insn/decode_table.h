/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What follows each opcode of the two legacy maps that are not uniform (Intel SDM vol. 2, appendix A; AMD APM
 * vol. 3, appendix A). In the other maps every opcode has ModRM, and the immediate follows from the map
 * alone.
 */
#ifndef ENGINE_INSN_DECODE_TABLE_H
#define ENGINE_INSN_DECODE_TABLE_H

#include "lib/types.h"

enum opcode_bits {
	OP_IMM = 0xf,	      /* mask: one of enum opcode_imm */
	OP_MODRM = 1 << 4,    /* has a ModRM byte */
	OP_REG_ONLY = 1 << 5, /* ModRM.mod is ignored: moves to and from control and debug registers */
	OP_BAD = 1 << 6,      /* #UD in every mode */
	OP_BAD64 = 1 << 7,    /* #UD in 64-bit mode */
	OP_D64 = 1 << 8,      /* 64-bit mode: operand size is 8 by default; there is no 4 */
	OP_F64 = 1 << 9,      /* 64-bit mode: operand size is always 8 (near branches) */
	OP_PREFIX = 1 << 10,  /* a prefix or an escape; never looked up as an opcode */
};

enum opcode_imm {
	IMM_NONE,
	IMM_8,
	IMM_16,
	IMM_Z,	   /* 2 bytes with operand size 2, else 4 */
	IMM_V,	   /* as the operand size */
	IMM_ENTER, /* 2 bytes, 1 byte */
	IMM_FAR,   /* an offset as IMM_Z, 2 bytes selector */
	IMM_MOFFS, /* as the address size; addresses memory */
};

extern const u16 insn_table_1byte[256];
extern const u16 insn_table_0f[256];

#endif
