/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one list of what is agreed: where Engine's decoder and Zydis differ, and rightly; and which
 * instructions Engine's emulator knows. What is in neither list is a mistake.
 */
#include "compare.h"

const char *documented_difference(const struct insn *in, const u8 b[BYTES], const struct theirs *t)
{
	const ZydisDecodedInstruction *z = &t->z;

	/*
	 * ModRM.mod 0 with SIB.base 101b has no base whatever REX.B says (Intel SDM vol. 2, table 2-5);
	 * Zydis takes R13D with 32-bit addresses. (GNU objdump agrees with Engine, and so does the CPU: see
	 * emulate_native_test.c.)
	 */
	if (in->len && in->len == z->length && in->addr_size == 4 && in->has_mem && in->mod == 0 &&
	    (in->rm & 7) == 4 && in->base == INSN_REG_NONE && (b[in->len - in->imm_size - 5] & 7) == 5)
		return "mod 0, SIB.base 101b, REX.B, address size 32";
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX)
		return "Knights Corner's vector encoding, EVEX with a bit that must be 1 cleared";
	/* Before indirect branches 3E is NOTRACK too (Intel SDM vol. 1, 17.3.1), but still selects DS. */
	if (in->len == z->length && (z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK) && in->seg == INSN_DS)
		return "3E after another segment prefix";
	/* Its opcode stands where an immediate would (AMD APM vol. 3, 1.6); long gone from the processors. */
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW && in->len == z->length)
		return "3DNow!";
	/* 64-bit mode ignores 67 here (Intel SDM vol. 2, BNDLDX); MPX is gone from today's processors. */
	if (z->meta.category == ZYDIS_CATEGORY_MPX && in->mode == INSN_MODE_64 && in->addr_size == 4)
		return "MPX with 67 in 64-bit mode";
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_JKZD:
	case ZYDIS_MNEMONIC_JKNZD:
		return "branches of Knights Corner, a coprocessor; VEX in place of other opcodes";
	case ZYDIS_MNEMONIC_MONTMUL:
	case ZYDIS_MNEMONIC_XSHA1:
	case ZYDIS_MNEMONIC_XSHA256:
	case ZYDIS_MNEMONIC_XSTORE:
	case ZYDIS_MNEMONIC_XCRYPT_ECB:
	case ZYDIS_MNEMONIC_XCRYPT_CBC:
	case ZYDIS_MNEMONIC_XCRYPT_CTR:
	case ZYDIS_MNEMONIC_XCRYPT_CFB:
	case ZYDIS_MNEMONIC_XCRYPT_OFB:
		return "VIA PadLock (0F A6, 0F A7): neither AMD nor Intel";
	default:
		return NULL;
	}
}

/* The instructions that the emulator knows, with a memory operand. */
/* clang-format off */
#define M(name) ZYDIS_MNEMONIC_##name
static const ZydisMnemonic emulated[] = {
	/* Moves and exchanges. */
	M(MOV), M(MOVZX), M(MOVSX), M(MOVSXD), M(MOVNTI), M(MOVBE), M(PUSH), M(POP),
	M(XCHG), M(XADD), M(CMPXCHG), M(CMPXCHG8B), M(CMPXCHG16B),
	/* Arithmetic and bits. */
	M(ADD), M(OR), M(ADC), M(SBB), M(AND), M(SUB), M(XOR), M(CMP), M(TEST),
	M(INC), M(DEC), M(NOT), M(NEG), M(MUL), M(IMUL), M(DIV), M(IDIV),
	M(ROL), M(ROR), M(RCL), M(RCR), M(SHL), M(SHR), M(SAR), M(BT), M(BTS), M(BTR), M(BTC),
	/* On a condition. */
	M(CMOVO), M(CMOVNO), M(CMOVB), M(CMOVNB), M(CMOVZ), M(CMOVNZ), M(CMOVBE), M(CMOVNBE),
	M(CMOVS), M(CMOVNS), M(CMOVP), M(CMOVNP), M(CMOVL), M(CMOVNL), M(CMOVLE), M(CMOVNLE),
	M(SETO), M(SETNO), M(SETB), M(SETNB), M(SETZ), M(SETNZ), M(SETBE), M(SETNBE),
	M(SETS), M(SETNS), M(SETP), M(SETNP), M(SETL), M(SETNL), M(SETLE), M(SETNLE),
	/* Branches through memory. */
	M(CALL), M(JMP),
	/* Strings. MOVSD is a string instruction and one of SSE; CMPSD too, but see below. */
	M(MOVSB), M(MOVSW), M(MOVSD), M(MOVSQ), M(CMPSB), M(CMPSW), M(CMPSD), M(CMPSQ),
	M(STOSB), M(STOSW), M(STOSD), M(STOSQ), M(LODSB), M(LODSW), M(LODSD), M(LODSQ),
	M(SCASB), M(SCASW), M(SCASD), M(SCASQ),
	/* Moves of vector registers. */
	M(MOVUPS), M(MOVUPD), M(MOVAPS), M(MOVAPD), M(MOVSS), M(MOVDQA), M(MOVDQU), M(LDDQU), M(MOVD), M(MOVQ),
	M(MOVLPS), M(MOVLPD), M(MOVHPS), M(MOVHPD), M(MOVNTPS), M(MOVNTPD), M(MOVNTDQ), M(MOVNTDQA),
	M(VMOVUPS), M(VMOVUPD), M(VMOVAPS), M(VMOVAPD), M(VMOVSS), M(VMOVSD), M(VMOVDQA), M(VMOVDQU), M(VLDDQU),
	M(VMOVD), M(VMOVQ), M(VMOVLPS), M(VMOVLPD), M(VMOVHPS), M(VMOVHPD), M(VMOVNTPS), M(VMOVNTPD),
	M(VMOVNTDQ), M(VMOVNTDQA),
};
#undef M
/* clang-format on */

static bool known_mnemonic(ZydisMnemonic mnemonic)
{
	static bool known[ZYDIS_MNEMONIC_MAX_VALUE + 1];

	if (!known[emulated[0]])
		for (u32 i = 0; i < ARRAY_SIZE(emulated); i++)
			known[emulated[i]] = true;
	return known[mnemonic];
}

static bool has_register_of(const struct theirs *t, ZydisRegisterClass class)
{
	for (u32 i = 0; i < t->z.operand_count_visible; i++)
		if (t->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ZydisRegisterGetClass(t->op[i].reg.value) == class)
			return true;
	return false;
}

bool documented_emulated(const struct theirs *t, const char **ret_why)
{
	const ZydisDecodedInstruction *z = &t->z;
	bool visible = false, implied = false;

	for (u32 i = 0; i < z->operand_count; i++) {
		if (t->op[i].type != ZYDIS_OPERAND_TYPE_MEMORY || t->op[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (i < z->operand_count_visible)
			visible = true;
		else
			implied = true;
	}
	if (!visible && !implied)
		*ret_why = "no memory operand";
	else if (!known_mnemonic(z->mnemonic))
		*ret_why = "not in the emulator's set";
	else if (z->mnemonic == ZYDIS_MNEMONIC_CMPSD && z->meta.category != ZYDIS_CATEGORY_STRINGOP)
		*ret_why = "CMPSD of SSE";
	else if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX)
		*ret_why = "AVX-512";
	else if (!visible && z->meta.category != ZYDIS_CATEGORY_STRINGOP)
		*ret_why = "no memory but the stack's: a stack in a device is nobody's";
	else if (has_register_of(t, ZYDIS_REGCLASS_SEGMENT))
		*ret_why = "moves of segment registers";
	else if (has_register_of(t, ZYDIS_REGCLASS_MMX))
		*ret_why = "MMX";
	else if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		*ret_why = "far branches";
	else if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && z->operand_count_visible == 3)
		*ret_why = "VMOVLPS, VMOVHPS and their like as loads: three operands";
	else if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && z->raw.vex.L &&
		 (z->mnemonic == ZYDIS_MNEMONIC_VMOVSS || z->mnemonic == ZYDIS_MNEMONIC_VMOVSD))
		*ret_why = "VMOVSS and VMOVSD with VEX.L, which no assembler emits";
	else
		return true;
	return false;
}
