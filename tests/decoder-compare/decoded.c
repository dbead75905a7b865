/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder's fields against Zydis' operands. */
#include "compare.h"

u32 register_number(ZydisRegister reg)
{
	u32 id = (u32)ZydisRegisterGetId(reg);

	/* Zydis counts AL .. BH, SPL .. DIL, R8B .. R15B through. */
	return ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR8 && id >= 8 ? id - 4 : id;
}

static bool same_register(u8 ours, ZydisRegister theirs)
{
	if (theirs == ZYDIS_REGISTER_NONE)
		return ours == INSN_REG_NONE;
	if (theirs == ZYDIS_REGISTER_RIP || theirs == ZYDIS_REGISTER_EIP)
		return ours == INSN_REG_RIP;
	/* What EVEX gathers by: a vector register, of which there are 32. */
	return ours == (register_number(theirs) & 15);
}

static u64 low_bytes(u64 v, u32 size)
{
	return size ? v << (64 - 8 * size) : 0;
}

static const char *compare_memory(const struct insn *in, const ZydisDecodedInstruction *z,
				  const ZydisDecodedOperand *op)
{
	static const ZydisRegister seg[] = {ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS, ZYDIS_REGISTER_SS,
					    ZYDIS_REGISTER_DS, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};
	bool moffs = op->encoding >= ZYDIS_OPERAND_ENCODING_DISP8 &&
		     op->encoding <= ZYDIS_OPERAND_ENCODING_DISP16_32_32;

	/* The others are implied, by strings and by the stack: the emulator's affair. */
	if (op->encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM && !moffs)
		return NULL;
	if (!in->has_mem)
		return "memory operand";
	if (!same_register(in->base, op->mem.base))
		return "base register";
	/* MPX reads base and index of BNDLDX and BNDSTX as two values, gathers have a vector for an index. */
	if (op->mem.type == ZYDIS_MEMOP_TYPE_MIB || op->mem.type == ZYDIS_MEMOP_TYPE_VSIB)
		return NULL;
	if (!same_register(in->index, op->mem.index))
		return "index register";
	if (op->mem.index != ZYDIS_REGISTER_NONE && in->addr_size != 2 && in->scale != op->mem.scale)
		return "scale";
	/* Zydis does not sign-extend a displacement without a base, and scales EVEX's. */
	if (in->encoding != INSN_EVEX &&
	    low_bytes((u64)in->disp ^ (u64)(op->mem.disp.has_displacement ? op->mem.disp.value : 0),
		      in->addr_size))
		return "displacement";
	/* Address generation (LEA, NOP) has no segment. */
	if (op->mem.type == ZYDIS_MEMOP_TYPE_MEM && seg[in->seg] != op->mem.segment)
		return "segment";
	(void)z;
	return NULL;
}

static const char *compare_register(const struct insn *in, const ZydisDecodedOperand *op)
{
	u32 number = register_number(op->reg.value);
	u32 known =
		in->encoding == INSN_EVEX ? 15 : 31; /* EVEX's fifth bits are not decoded: never emulated */

	switch (ZydisRegisterGetClass(op->reg.value)) {
	case ZYDIS_REGCLASS_SEGMENT: /* these ignore the extension bits */
	case ZYDIS_REGCLASS_MMX:
	case ZYDIS_REGCLASS_X87:
	case ZYDIS_REGCLASS_MASK:
		known = 7;
		break;
	default:
		break;
	}
	switch (op->encoding) {
	case ZYDIS_OPERAND_ENCODING_MODRM_REG:
		return (in->reg ^ number) & known ? "register in ModRM.reg" : NULL;
	case ZYDIS_OPERAND_ENCODING_MODRM_RM:
		return in->mod != 3 || ((in->rm ^ number) & known) ? "register in ModRM.rm" : NULL;
	case ZYDIS_OPERAND_ENCODING_OPCODE:
		return (in->rm ^ number) & known ? "register in the opcode" : NULL;
	case ZYDIS_OPERAND_ENCODING_NDSNDD:
		/* Outside 64-bit mode the top bit of a register that is there is ignored. */
		return (in->vex_v ^ number) & (in->mode == INSN_MODE_64 ? known : 7) ? "register in vvvv"
										     : NULL;
	default:
		return NULL;
	}
}

static const char *compare_immediates(const struct insn *in, const struct theirs *t)
{
	u32 bytes = 0;
	u64 ours = in->imm;

	for (u32 i = 0; i < 2; i++)
		bytes += t->z.raw.imm[i].size / 8;
	if (bytes != (u32)in->imm_size + in->imm2_size)
		return "size of the immediates";
	if (!bytes)
		return NULL;
	/* EXTRQ and INSERTQ: two immediate bytes, which are one value here. */
	if (t->z.raw.imm[0].size == 8 && in->imm_size == 2)
		return (ours & 0xff) != (t->z.raw.imm[0].value.u & 0xff) ||
				       (ours >> 8 & 0xff) != (t->z.raw.imm[1].value.u & 0xff)
			       ? "immediate"
			       : NULL;
	if (t->z.raw.imm[0].size != 8 * in->imm_size ||
	    low_bytes(ours ^ t->z.raw.imm[0].value.u, in->imm_size))
		return "immediate";
	if (in->imm2_size && low_bytes(in->imm2 ^ t->z.raw.imm[1].value.u, in->imm2_size))
		return "second immediate";
	/* Where it is signed, it has been extended to the operand's size. */
	if (t->z.raw.imm[0].is_signed && !t->z.raw.imm[0].is_relative &&
	    low_bytes(ours ^ (u64)t->z.raw.imm[0].value.s, in->op_size))
		return "sign of the immediate";
	return NULL;
}

static bool has_memory(const struct theirs *t)
{
	for (u32 i = 0; i < t->z.operand_count; i++)
		if (t->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			return true;
	return false;
}

/*
 * Ours is what the prefixes say, whatever the opcode makes of it, which is the emulator's affair: a byte, a
 * vector, or a size of its own. So it is compared where the instruction is one with general registers that
 * is emulated.
 */
static bool has_operand_size(const struct theirs *t)
{
	const char *why;

	if (t->z.operand_width == 8 || !documented_emulated(t, &why))
		return false;
	/* By REX.W alone, whatever the mode and 66 say. */
	if (t->z.mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B || t->z.mnemonic == ZYDIS_MNEMONIC_MOVNTI)
		return false;
	for (u32 i = 0; i < t->z.operand_count; i++)
		if (t->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (ZydisRegisterGetClass(t->op[i].reg.value) == ZYDIS_REGCLASS_XMM ||
		     ZydisRegisterGetClass(t->op[i].reg.value) == ZYDIS_REGCLASS_YMM))
			return false;
	return true;
}

const char *compare_decoded(const struct insn *in, const struct theirs *t)
{
	const char *differs;

	if (in->len != t->z.length)
		return "length";
	/* Without an operand in memory it is of no use, and some have one of their own. */
	if (has_memory(t) && 8 * in->addr_size != t->z.address_width)
		return "address size";
	if (has_operand_size(t) && 8 * in->op_size != t->z.operand_width)
		return "operand size";
	if (!!(t->z.attributes & ZYDIS_ATTRIB_HAS_LOCK) != in->lock)
		return "LOCK";
	for (u32 i = 0; i < t->z.operand_count; i++) {
		const ZydisDecodedOperand *op = &t->op[i];

		differs = NULL;
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
			differs = compare_memory(in, &t->z, op);
		else if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
			differs = compare_register(in, op);
		if (differs)
			return differs;
	}
	return compare_immediates(in, t);
}
