/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instructions that emulate_native_test.c compares with the CPU; included there alone. */
#ifndef ENGINE_INSN_EMULATE_NATIVE_TABLE_H
#define ENGINE_INSN_EMULATE_NATIVE_TABLE_H

#include "lib/types.h"

#define CF BIT(0)
#define PF BIT(2)
#define AF BIT(4)
#define ZF BIT(6)
#define SF BIT(7)
#define DF BIT(10)
#define OF BIT(11)
#define ARITH (CF | PF | AF | ZF | SF | OF)

enum special {
	NOTHING,
	BYTE_FORM = 1 << 0, /* opcode | 1 is the form of 2 to 8 bytes: pick either */
	NO_66 = 1 << 1,
	LOCKS = 1 << 2, /* may have LOCK */
	STRING = 1 << 3,
	MATCH = 1 << 4,	  /* memory equals the accumulator half of the time */
	BIT_REG = 1 << 5, /* the register is a bit offset */
	BRANCH = 1 << 6,
	VEX = 1 << 7,
	FORCE_W = 1 << 8,
	SHIFT = 1 << 9, /* OF is defined for a count of 1 alone, CF up to the operand's size */
	MOFFS = 1 << 10,
	DIVIDE = 1 << 11,
};

struct template
{
	const char *name;
	u8 n;
	u8 op[4]; /* with mandatory prefix; for VEX: map, opcode, pp */
	s8 ext;	  /* ModRM.reg, or -1: any */
	u8 imm;	  /* bytes; 4: 2 with operand size 2 */
	u64 undefined;
	u32 special;
};

/* clang-format off */
static const struct template templates[] = {
/* The bitwise ones leave AF undefined. */
#define ALU_UNDEFINED(nr) ((nr) == 1 || (nr) == 4 || (nr) == 6 ? AF : 0)
#define ALU(nr, name, lock) \
	{name " m, r", 1, {nr * 8}, -1, 0, ALU_UNDEFINED(nr), BYTE_FORM | lock}, \
	{name " r, m", 1, {nr * 8 + 2}, -1, 0, ALU_UNDEFINED(nr), BYTE_FORM}, \
	{name " m8, imm", 1, {0x80}, nr, 1, ALU_UNDEFINED(nr), lock}, \
	{name " m, imm", 1, {0x81}, nr, 4, ALU_UNDEFINED(nr), lock}, \
	{name " m, simm", 1, {0x83}, nr, 1, ALU_UNDEFINED(nr), lock}
	ALU(0, "add", LOCKS),
	ALU(1, "or", LOCKS),
	ALU(2, "adc", LOCKS),
	ALU(3, "sbb", LOCKS),
	ALU(4, "and", LOCKS),
	ALU(5, "sub", LOCKS),
	ALU(6, "xor", LOCKS),
	ALU(7, "cmp", 0),
	{"test m, r", 1, {0x84}, -1, 0, AF, BYTE_FORM},
	{"test m8, imm", 1, {0xf6}, 0, 1, AF, 0},
	{"test m, imm", 1, {0xf7}, 1, 4, AF, 0},
	{"not", 1, {0xf6}, 2, 0, 0, BYTE_FORM | LOCKS},
	{"neg", 1, {0xf6}, 3, 0, 0, BYTE_FORM | LOCKS},
	{"mul", 1, {0xf6}, 4, 0, SF | ZF | AF | PF, BYTE_FORM},
	{"imul", 1, {0xf6}, 5, 0, SF | ZF | AF | PF, BYTE_FORM},
	{"div", 1, {0xf6}, 6, 0, ARITH, BYTE_FORM | DIVIDE},
	{"idiv", 1, {0xf6}, 7, 0, ARITH, BYTE_FORM | DIVIDE},
	{"imul r, m", 2, {0x0f, 0xaf}, -1, 0, SF | ZF | AF | PF, 0},
	{"imul r, m, imm", 1, {0x69}, -1, 4, SF | ZF | AF | PF, 0},
	{"imul r, m, imm8", 1, {0x6b}, -1, 1, SF | ZF | AF | PF, 0},
	{"inc", 1, {0xfe}, 0, 0, 0, BYTE_FORM | LOCKS},
	{"dec", 1, {0xfe}, 1, 0, 0, BYTE_FORM | LOCKS},
	{"xchg", 1, {0x86}, -1, 0, 0, BYTE_FORM | LOCKS},
	{"xadd", 2, {0x0f, 0xc0}, -1, 0, 0, BYTE_FORM | LOCKS},
	{"cmpxchg", 2, {0x0f, 0xb0}, -1, 0, 0, BYTE_FORM | LOCKS | MATCH},
	{"cmpxchg8b", 2, {0x0f, 0xc7}, 1, 0, 0, NO_66 | LOCKS | MATCH},
	{"bt", 2, {0x0f, 0xa3}, -1, 0, ARITH & ~(CF | ZF), BIT_REG},
	{"bts", 2, {0x0f, 0xab}, -1, 0, ARITH & ~(CF | ZF), BIT_REG | LOCKS},
	{"btr", 2, {0x0f, 0xb3}, -1, 0, ARITH & ~(CF | ZF), BIT_REG | LOCKS},
	{"btc", 2, {0x0f, 0xbb}, -1, 0, ARITH & ~(CF | ZF), BIT_REG | LOCKS},
	{"bt imm", 2, {0x0f, 0xba}, 4, 1, ARITH & ~(CF | ZF), 0},
	{"bts imm", 2, {0x0f, 0xba}, 5, 1, ARITH & ~(CF | ZF), LOCKS},
	{"btr imm", 2, {0x0f, 0xba}, 6, 1, ARITH & ~(CF | ZF), LOCKS},
	{"btc imm", 2, {0x0f, 0xba}, 7, 1, ARITH & ~(CF | ZF), LOCKS},
#define SHIFTS(nr, name) \
	{name " 1", 1, {0xd0}, nr, 0, (nr) >= 4 ? AF : 0, BYTE_FORM}, \
	{name " cl", 1, {0xd2}, nr, 0, (nr) >= 4 ? AF : 0, BYTE_FORM | SHIFT}, \
	{name " imm", 1, {0xc0}, nr, 1, (nr) >= 4 ? AF : 0, BYTE_FORM | SHIFT}
	SHIFTS(0, "rol"),
	SHIFTS(1, "ror"),
	SHIFTS(2, "rcl"),
	SHIFTS(3, "rcr"),
	SHIFTS(4, "shl"),
	SHIFTS(5, "shr"),
	SHIFTS(7, "sar"),
	{"mov m, r", 1, {0x88}, -1, 0, 0, BYTE_FORM},
	{"mov r, m", 1, {0x8a}, -1, 0, 0, BYTE_FORM},
	{"mov m8, imm", 1, {0xc6}, 0, 1, 0, 0},
	{"mov m, imm", 1, {0xc7}, 0, 4, 0, 0},
	{"mov a, moffs", 1, {0xa0}, 0, 0, 0, BYTE_FORM | MOFFS},
	{"mov moffs, a", 1, {0xa2}, 0, 0, 0, BYTE_FORM | MOFFS},
	{"movsxd", 1, {0x63}, -1, 0, 0, NO_66},
	{"movzx 8", 2, {0x0f, 0xb6}, -1, 0, 0, 0},
	{"movzx 16", 2, {0x0f, 0xb7}, -1, 0, 0, 0},
	{"movsx 8", 2, {0x0f, 0xbe}, -1, 0, 0, 0},
	{"movsx 16", 2, {0x0f, 0xbf}, -1, 0, 0, 0},
	{"movnti", 2, {0x0f, 0xc3}, -1, 0, 0, NO_66},
	{"movbe r, m", 3, {0x0f, 0x38, 0xf0}, -1, 0, 0, 0},
	{"movbe m, r", 3, {0x0f, 0x38, 0xf1}, -1, 0, 0, 0},
#define CONDITION(cc) \
	{"cmov " #cc, 2, {0x0f, 0x40 + (cc)}, -1, 0, 0, 0}, \
	{"set " #cc, 2, {0x0f, 0x90 + (cc)}, -1, 0, 0, 0}
	CONDITION(0), CONDITION(1), CONDITION(2), CONDITION(3), CONDITION(4), CONDITION(5),
	CONDITION(6), CONDITION(7), CONDITION(8), CONDITION(9), CONDITION(10), CONDITION(11),
	CONDITION(12), CONDITION(13), CONDITION(14), CONDITION(15),
	{"push", 1, {0xff}, 6, 0, 0, 0},
	{"pop", 1, {0x8f}, 0, 0, 0, 0},
	{"call", 1, {0xff}, 2, 0, 0, NO_66 | BRANCH},
	{"jmp", 1, {0xff}, 4, 0, 0, NO_66 | BRANCH},
	{"movs", 1, {0xa4}, 0, 0, 0, BYTE_FORM | STRING},
	{"cmps", 1, {0xa6}, 0, 0, 0, BYTE_FORM | STRING},
	{"stos", 1, {0xaa}, 0, 0, 0, BYTE_FORM | STRING},
	{"lods", 1, {0xac}, 0, 0, 0, BYTE_FORM | STRING},
	{"scas", 1, {0xae}, 0, 0, 0, BYTE_FORM | STRING},
#define SSE(name, prefix, map, opcode) \
	{name, prefix ? 3 : 2, {prefix ? prefix : 0x0f, prefix ? 0x0f : opcode, opcode}, -1, 0, 0, NO_66}, \
	{"v" name, 3, {map, opcode, prefix}, -1, 0, 0, NO_66 | VEX}
	SSE("movups load", 0, 1, 0x10),
	SSE("movups store", 0, 1, 0x11),
	SSE("movupd load", 0x66, 1, 0x10),
	SSE("movupd store", 0x66, 1, 0x11),
	SSE("movss load", 0xf3, 1, 0x10),
	SSE("movss store", 0xf3, 1, 0x11),
	SSE("movsd load", 0xf2, 1, 0x10),
	SSE("movsd store", 0xf2, 1, 0x11),
	SSE("movaps load", 0, 1, 0x28),
	SSE("movaps store", 0, 1, 0x29),
	SSE("movapd load", 0x66, 1, 0x28),
	SSE("movntps", 0, 1, 0x2b),
	SSE("movntpd", 0x66, 1, 0x2b),
	SSE("movd load", 0x66, 1, 0x6e),
	SSE("movd store", 0x66, 1, 0x7e),
	SSE("movdqa load", 0x66, 1, 0x6f),
	SSE("movdqu load", 0xf3, 1, 0x6f),
	SSE("movdqa store", 0x66, 1, 0x7f),
	SSE("movdqu store", 0xf3, 1, 0x7f),
	SSE("movq load", 0xf3, 1, 0x7e),
	SSE("movq store", 0x66, 1, 0xd6),
	SSE("movntdq", 0x66, 1, 0xe7),
	SSE("lddqu", 0xf2, 1, 0xf0),
	SSE("movlps store", 0, 1, 0x13),
	SSE("movhps store", 0, 1, 0x17),
	SSE("movhpd store", 0x66, 1, 0x17),
	{"movlps load", 2, {0x0f, 0x12}, -1, 0, 0, NO_66},
	{"movhps load", 2, {0x0f, 0x16}, -1, 0, 0, NO_66},
	{"movlpd load", 3, {0x66, 0x0f, 0x12}, -1, 0, 0, NO_66},
	{"movhpd load", 3, {0x66, 0x0f, 0x16}, -1, 0, 0, NO_66},
	{"movntdqa", 4, {0x66, 0x0f, 0x38, 0x2a}, -1, 0, 0, NO_66},
	{"vmovntdqa", 3, {2, 0x2a, 0x66}, -1, 0, 0, NO_66 | VEX},
	{"cmpxchg16b", 2, {0x0f, 0xc7}, 1, 0, 0, NO_66 | LOCKS | MATCH | FORCE_W},
};
/* clang-format on */

#endif
