/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 instruction decoder: bytes in, a plain description out. It knows the length of every instruction
 * (legacy, VEX, EVEX, XOP), and where the memory operand is; what an opcode does is not its business.
 * A pure function over hostile bytes.
 */
#ifndef ENGINE_INSN_DECODE_H
#define ENGINE_INSN_DECODE_H

#include "lib/types.h"

/* No instruction is longer; a longer one raises #GP (Intel SDM vol. 2, 2.3.11). */
#define INSN_MAX_LEN 15

/* Default operand and address size of the code segment. 64 is CS.L in long mode. */
enum insn_mode {
	INSN_MODE_16 = 16,
	INSN_MODE_32 = 32,
	INSN_MODE_64 = 64,
};

enum insn_encoding {
	INSN_LEGACY,
	INSN_VEX,
	INSN_EVEX,
	INSN_XOP,
};

/* Opcode maps. 0 to 3 are numbered as VEX.mmmmm has them; 5 and 6 are EVEX only, 8 to 10 XOP only. */
enum insn_map {
	INSN_MAP_1BYTE = 0,
	INSN_MAP_0F = 1,
	INSN_MAP_0F38 = 2,
	INSN_MAP_0F3A = 3,
	INSN_MAP_EVEX5 = 5,
	INSN_MAP_EVEX6 = 6,
	INSN_MAP_XOP8 = 8,
	INSN_MAP_XOP9 = 9,
	INSN_MAP_XOPA = 10,
};

/* Segment registers, in the order of the instruction encoding. */
enum insn_seg {
	INSN_ES = 0,
	INSN_CS = 1,
	INSN_SS = 2,
	INSN_DS = 3,
	INSN_FS = 4,
	INSN_GS = 5,
	INSN_SEGS = 6,
};

/* Values of insn.base and insn.index besides the numbers 0 to 15. */
#define INSN_REG_NONE 0xffu
#define INSN_REG_RIP 0xfeu

struct insn {
	u8 len;	     /* of the whole instruction in bytes, 1 .. 15 */
	u8 mode;     /* enum insn_mode it was decoded for */
	u8 encoding; /* enum insn_encoding */
	u8 map;	     /* enum insn_map */
	u8 opcode;
	u8 op_size;   /* operand size attribute in bytes: 2, 4 or 8. Byte-sized opcodes do not show here */
	u8 addr_size; /* address size in bytes: 2, 4 or 8 */
	u8 prefix;    /* mandatory prefix that selects among SSE forms: 0, 0x66, 0xf3 or 0xf2 */
	u8 rex;	      /* REX byte, or 0: tells AH..BH from SPL..DIL */
	u8 rep;	      /* last of 0xf2 and 0xf3, or 0 */
	bool lock;
	bool opsize_override; /* 0x66 is there, whether it had an effect or not */
	bool rex_w;	      /* REX.W, VEX.W, ... */

	bool has_modrm;
	bool has_mem; /* the operand is in memory: ModRM with mod != 3, or moffs */
	u8 mod;	      /* 0 .. 3 */
	u8 reg;	      /* ModRM.reg with its extension bit; opcode extension: reg & 7 */
	u8 rm;	      /* ModRM.rm with its extension bit; a register if mod is 3 */

	u8 base;  /* 0 .. 15, INSN_REG_NONE, INSN_REG_RIP (RIP of the next instruction) */
	u8 index; /* 0 .. 15, INSN_REG_NONE */
	u8 scale; /* 1, 2, 4, 8 */
	u8 seg;	  /* enum insn_seg that addresses the memory operand (for strings: the source) */
	bool seg_override;
	u8 vex_v; /* VEX.vvvv, not inverted any more: 0 if there is none, all 4 bits in every mode */
	u8 vex_l; /* vector length: 0 is 128, 1 is 256, 2 is 512 bits */

	u8 imm_size;  /* bytes of imm: 0, 1, 2, 4, 8 */
	u8 imm2_size; /* bytes of imm2: ENTER's level, a far pointer's selector */
	s64 disp;     /* displacement, sign-extended (EVEX's 8-bit one is not scaled); moffs: the offset */
	u64 imm;      /* immediate, sign-extended from imm_size bytes */
	u16 imm2;
};

/*
 * Decodes the instruction that starts at bytes, of which n are there. Reads no byte past n, nor past 15.
 * Returns 0; -NXT_EAGAIN: all n bytes are part of an instruction that goes on (fetch more, try again);
 * -NXT_EINVAL: no instruction, #UD; -NXT_E2BIG: longer than 15 bytes, #GP(0). *out counts only after 0.
 */
int insn_decode(struct insn *out, const u8 *bytes, size_t n, enum insn_mode mode);

#endif
