/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the emulator share; nobody else includes it. */
#ifndef ENGINE_INSN_EMUL_H
#define ENGINE_INSN_EMUL_H

#include "insn/emulate.h"

/*
 * Functions that return int return 0 to go on, or an enum insn_result other than INSN_DONE (which is 0) that
 * ends this call of insn_emulate().
 */

enum emul_phase {
	PHASE_IDLE = 0,	 /* no instruction yet, or only some of its bytes */
	PHASE_EXEC = 1,	 /* decoded; nothing done that anybody can see, but for the device reads in the log */
	PHASE_WRITE = 2, /* the result is fixed in next, piece[] and data_out; it only has to go out */
};

/* One call of insn_emulate(): lives on the stack. */
struct emul {
	struct insn_emul *st;
	const struct insn_ctx *ctx;
	const struct insn *in;
	struct nxt_regs *r; /* &st->next: the registers while they change */
	u64 address;	    /* of the operand that emul_load_rmw() read */
	u32 align;	    /* not 0: the operand must be aligned to so many bytes, or #GP */
	u8 reads;	    /* entries of the log used by this execution so far */
};

enum exception {
	EXC_DE = 0,
	EXC_UD = 6,
	EXC_NM = 7,
	EXC_SS = 12,
	EXC_GP = 13,
};

#define FLAG_CF BIT(0)
#define FLAG_PF BIT(2)
#define FLAG_AF BIT(4)
#define FLAG_ZF BIT(6)
#define FLAG_SF BIT(7)
#define FLAG_TF BIT(8)
#define FLAG_DF BIT(10)
#define FLAG_OF BIT(11)
#define FLAG_RF BIT(16)
#define FLAG_VM BIT(17)
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define CR0_PE BIT(0)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR4_OSFXSR BIT(9)
#define CR4_LA57 BIT(12)
#define CR4_OSXSAVE BIT(18)
#define EFER_LMA BIT(10)
#define SEG_TYPE_WRITE BIT(1) /* data: writable; code: readable */
#define SEG_TYPE_DOWN BIT(2)  /* data: expand-down */
#define SEG_TYPE_CODE BIT(3)
#define SEG_PRESENT BIT(7)
#define SEG_LONG BIT(13)
#define SEG_BIG BIT(14)

/* The low size bytes (1, 2, 4, 8) of a 64-bit value. */
static inline u64 size_mask(u32 size)
{
	return ~0ULL >> (64 - 8 * size);
}

static inline u64 sign_of(u32 size)
{
	return 1ULL << (8 * size - 1);
}

static inline s64 sign_extended(u64 v, u32 size)
{
	return (s64)(v << (64 - 8 * size)) >> (64 - 8 * size);
}

/* emul_mem.c */

/* Is addr canonical, under the guest's CR4.LA57? */
bool emul_canonical(const struct insn_ctx *ctx, u64 addr);

/*
 * Segmentation: offset to linear address, with the checks of limit, type and canonical form for size bytes.
 * access: INSN_ACCESS_WRITE counts. Returns 0 or INSN_FAULT, with *fault set.
 */
int emul_linear(const struct insn_ctx *ctx, bool is64, enum insn_seg seg, u64 offset, u32 size, u32 access,
		u64 *linear, struct insn_fault *fault);

/* Paging for an access of size bytes at linear, up to 2 pages. Returns 0, INSN_FAULT or INSN_RESIDENT. */
int emul_translate(const struct insn_ctx *ctx, bool is64, u64 linear, u32 size, u32 access, u64 gpa[2],
		   u64 *resident, struct insn_fault *fault);

/* Fills st->insn from st->bytes, fetching what is missing. */
int emul_fetch(struct emul *e);

/* Reads size (<= 32) bytes. access: INSN_ACCESS_WRITE if the instruction will write them too. */
int emul_read(struct emul *e, enum insn_seg seg, u64 offset, u32 size, u32 access, void *buf);

/* Fixes the one memory result of the instruction; emul_flush() performs it. */
int emul_write(struct emul *e, enum insn_seg seg, u64 offset, u32 size, const void *buf);

/*
 * Performs the writes that are left. INSN_DONE here: all done; *changed: none, a locked operand changed
 * meanwhile.
 */
int emul_flush(struct emul *e, bool *changed);

/* emul_reg.c */

u64 emul_get_reg(const struct emul *e, u32 index, u32 size);
void emul_set_reg(struct emul *e, u32 index, u32 size, u64 value);
/* The offset of the ModRM or moffs operand in its segment. */
u64 emul_address(const struct emul *e);
/* Evaluates the condition in the low four bits of Jcc, SETcc and CMOVcc. */
bool emul_condition(u64 flags, u8 code);
int emul_raise(struct emul *e, enum exception vector);

/* emul_alu.c: results are of the given size, flags exactly those that the instruction defines. */

enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags);
u64 alu_inc(u64 a, u32 size, u64 *flags);
u64 alu_dec(u64 a, u32 size, u64 *flags);
/* op: ModRM.reg of the shift group. */
u64 alu_shift(u8 op, u64 a, u8 count, u32 size, u64 *flags);
/* *high: the upper half of the product. */
u64 alu_mul(u64 a, u64 b, u32 size, bool is_signed, u64 *high, u64 *flags);
/* Divides high:low by b. Returns false for #DE. */
bool alu_div(u64 low, u64 high, u64 b, u32 size, bool is_signed, u64 *quotient, u64 *remainder);

/*
 * emul_int.c, emul_int0f.c, emul_string.c, emul_sse.c: execute one instruction, or one element of a string.
 */

int emul_int(struct emul *e);
int emul_int0f(struct emul *e);
int emul_string(struct emul *e);
int emul_sse(struct emul *e);

/* Is it MOVS, CMPS, STOS, LODS or SCAS? */
bool emul_is_string(const struct insn *in);

/* Shared by emul_int.c and emul_int0f.c: the ModRM operand, and the lock of a read-modify-write. */
int emul_load(struct emul *e, u32 size, u64 *value);
int emul_load_rmw(struct emul *e, u32 size, u64 *value);
int emul_store(struct emul *e, u32 size, u64 value);

#endif
