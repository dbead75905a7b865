/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See decode_table.h. One line holds 8 opcodes. */
#include "insn/decode_table.h"

/* Names short enough that a line stays a line. */
#define __ 0
#define P_ OP_PREFIX
#define M_ OP_MODRM
#define MR (OP_MODRM | OP_REG_ONLY)
#define M8 (OP_MODRM | IMM_8)
#define MZ (OP_MODRM | IMM_Z)
#define MX (OP_MODRM | OP_BAD64)
#define MD (OP_MODRM | OP_D64)
#define I8 IMM_8
#define IZ IMM_Z
#define IV IMM_V
#define IO IMM_MOFFS
#define IF (IMM_FAR | OP_BAD64)
#define J8 (IMM_8 | OP_F64)
#define JZ (IMM_Z | OP_F64)
#define D_ OP_D64
#define D8 (IMM_8 | OP_D64)
#define DZ (IMM_Z | OP_D64)
#define DE (IMM_ENTER | OP_D64)
#define R_ OP_F64
#define RI (IMM_16 | OP_F64)
#define W_ IMM_16
#define X_ OP_BAD
#define X6 OP_BAD64
#define X8 (IMM_8 | OP_BAD64)
#define Y8 (OP_MODRM | IMM_8 | OP_BAD64)

/* clang-format off */
const u16 insn_table_1byte[256] = {
	/* 00 */ M_, M_, M_, M_, I8, IZ, X6, X6,  M_, M_, M_, M_, I8, IZ, X6, P_,
	/* 10 */ M_, M_, M_, M_, I8, IZ, X6, X6,  M_, M_, M_, M_, I8, IZ, X6, X6,
	/* 20 */ M_, M_, M_, M_, I8, IZ, P_, X6,  M_, M_, M_, M_, I8, IZ, P_, X6,
	/* 30 */ M_, M_, M_, M_, I8, IZ, P_, X6,  M_, M_, M_, M_, I8, IZ, P_, X6,
	/* 40 */ __, __, __, __, __, __, __, __,  __, __, __, __, __, __, __, __,
	/* 50 */ D_, D_, D_, D_, D_, D_, D_, D_,  D_, D_, D_, D_, D_, D_, D_, D_,
	/* 60 */ X6, X6, MX, M_, P_, P_, P_, P_,  DZ, MZ, D8, M8, __, __, __, __,
	/* 70 */ J8, J8, J8, J8, J8, J8, J8, J8,  J8, J8, J8, J8, J8, J8, J8, J8,
	/* 80 */ M8, MZ, Y8, M8, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, MD,
	/* 90 */ __, __, __, __, __, __, __, __,  __, __, IF, __, D_, D_, __, __,
	/* a0 */ IO, IO, IO, IO, __, __, __, __,  I8, IZ, __, __, __, __, __, __,
	/* b0 */ I8, I8, I8, I8, I8, I8, I8, I8,  IV, IV, IV, IV, IV, IV, IV, IV,
	/* c0 */ M8, M8, RI, R_, MX, MX, M8, MZ,  DE, D_, W_, __, __, I8, X6, __,
	/* d0 */ M_, M_, M_, M_, X8, X8, X6, __,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* e0 */ J8, J8, J8, J8, I8, I8, I8, I8,  JZ, JZ, IF, J8, __, __, __, __,
	/* f0 */ P_, __, P_, P_, __, __, M_, M_,  __, __, __, __, __, __, M_, M_,
};

const u16 insn_table_0f[256] = {
	/* 00 */ M_, M_, M_, M_, X_, __, __, __,  __, __, X_, __, X_, M_, __, M8,
	/* 10 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* 20 */ MR, MR, MR, MR, X_, X_, X_, X_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* 30 */ __, __, __, __, __, __, X_, __,  P_, X_, P_, X_, X_, X_, X_, X_,
	/* 40 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* 50 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* 60 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* 70 */ M8, M8, M8, M8, M_, M_, M_, __,  M_, M_, X_, X_, M_, M_, M_, M_,
	/* 80 */ JZ, JZ, JZ, JZ, JZ, JZ, JZ, JZ,  JZ, JZ, JZ, JZ, JZ, JZ, JZ, JZ,
	/* 90 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* a0 */ D_, D_, __, M_, M8, M_, X_, X_,  D_, D_, __, M_, M8, M_, M_, M_,
	/* b0 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M8, M_, M_, M_, M_, M_,
	/* c0 */ M_, M_, M8, M_, M8, M8, M8, M_,  __, __, __, __, __, __, __, __,
	/* d0 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* e0 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
	/* f0 */ M_, M_, M_, M_, M_, M_, M_, M_,  M_, M_, M_, M_, M_, M_, M_, M_,
};
/* clang-format on */
