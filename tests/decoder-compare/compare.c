/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares Engine's instruction decoder with Zydis (Debian: libzydis-dev), which shares no code with it, on
 * random and on structured bytes in all three modes. Build and run it with the script "run" beside it.
 *
 * What counts as agreement:
 *  - both decode, and agree on the length and on the memory operand (base, index, scale, displacement,
 * segment);
 *  - both refuse;
 *  - only Zydis refuses: an opcode that is not defined, or a combination that is #UD. Engine's decoder does
 * not judge opcodes (the emulator does not know them either), it only has to find lengths of real ones. Known
 * disagreements (they are counted apart) are in known(), each with its reason.
 */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "insn/decode.h"

static u64 rng_state = 0x9e3779b97f4a7c15;

static u32 rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state >> 16;
}

/* Random bytes; mostly shaped so that the interesting parts of the encoding space come up often. */
static void make(u8 *b, enum insn_mode mode)
{
	static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x64, 0x65, 0x26};
	u32 shape = rng() % 8, n = 0;

	for (u32 i = 0; i < INSN_MAX_LEN; i++)
		b[i] = rng();
	if (shape == 0)
		return;
	if (shape < 5) {
		for (u32 i = rng() % 4; i > 0; i--)
			b[n++] = prefixes[rng() % sizeof(prefixes)];
		if (mode == INSN_MODE_64 && rng() % 2)
			b[n++] = 0x40 | (rng() & 15);
		if (shape >= 2)
			b[n++] = 0x0f;
		if (shape == 4)
			b[n++] = rng() % 2 ? 0x38 : 0x3a;
		return;
	}
	b[0] = shape == 5 ? 0xc4 : shape == 6 ? 0xc5 : rng() % 4 ? 0x62 : 0x8f;
	if (b[0] == 0xc4)
		b[1] = (b[1] & 0xe0) | (rng() % 4);
	if (b[0] == 0x62) {
		b[1] = (b[1] & 0xf0) | (rng() % 7);
		b[2] |= 4;
	}
	if (b[0] == 0x8f)
		b[1] = (b[1] & 0xe0) | (8 + rng() % 3);
	if (mode != INSN_MODE_64 && b[0] != 0x8f)
		b[1] |= 0xc0;
}

static ZydisRegister large(ZydisRegister r)
{
	if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15W)
		return ZYDIS_REGISTER_RAX + (r - ZYDIS_REGISTER_AX);
	if (r >= ZYDIS_REGISTER_EAX && r <= ZYDIS_REGISTER_R15D)
		return ZYDIS_REGISTER_RAX + (r - ZYDIS_REGISTER_EAX);
	if (r == ZYDIS_REGISTER_EIP)
		return ZYDIS_REGISTER_RIP;
	return r;
}

static bool same_register(u8 ours, ZydisRegister theirs)
{
	theirs = large(theirs);
	if (ours == INSN_REG_NONE)
		return theirs == ZYDIS_REGISTER_NONE;
	if (ours == INSN_REG_RIP)
		return theirs == ZYDIS_REGISTER_RIP;
	return theirs == (ZydisRegister)(ZYDIS_REGISTER_RAX + ours);
}

/* The operand that ModRM addresses, if the instruction has one that Zydis describes in the same terms. */
static const ZydisDecodedOperand *modrm_operand(const ZydisDecodedInstruction *z,
						const ZydisDecodedOperand *op)
{
	for (u32 i = 0; i < z->operand_count; i++)
		if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    op[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM &&
		    op[i].mem.type == ZYDIS_MEMOP_TYPE_MEM)
			return &op[i];
	return NULL;
}

static bool same_memory(const struct insn *in, const ZydisDecodedInstruction *z,
			const ZydisDecodedOperand *op)
{
	static const ZydisRegister seg[] = {ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS, ZYDIS_REGISTER_SS,
					    ZYDIS_REGISTER_DS, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};
	const ZydisDecodedOperand *m = modrm_operand(z, op);

	if (!m)
		return true;
	if (!in->has_mem || !same_register(in->base, m->mem.base) || !same_register(in->index, m->mem.index))
		return false;
	if (m->mem.index != ZYDIS_REGISTER_NONE && in->addr_size != 2 && in->scale != m->mem.scale)
		return false;
	/* Zydis does not sign-extend a displacement without a base; equal is what is equal as an address. */
	if (in->encoding != INSN_EVEX && m->mem.disp.has_displacement &&
	    ((u64)(in->disp ^ m->mem.disp.value) << (64 - 8 * in->addr_size)) != 0)
		return false;
	return seg[in->seg] == m->mem.segment;
}

/* Why a disagreement is none to worry about, or NULL. */
static const char *known(const struct insn *in, const u8 *b, const ZydisDecodedInstruction *z)
{
	/*
	 * ModRM.mod 0 with SIB.base 101b has no base whatever REX.B says; Zydis takes R13D with 32-bit
	 * addresses. (GNU objdump agrees with Engine, and so does the CPU: see emulate_native_test.c.)
	 */
	if (in->len && in->len == z->length && in->addr_size == 4 && in->has_mem && in->mod == 0 &&
	    (in->rm & 7) == 4 && (b[in->len - in->imm_size - 5] & 7) == 5 && in->base == INSN_REG_NONE)
		return "mod 0, SIB.base 101b, REX.B, address size 32";
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX)
		return "Knights Corner's vector encoding, EVEX with a bit that must be 1 cleared";
	/* Before indirect branches 3E is NOTRACK too (Intel SDM vol. 1, 17.3.1), but still selects DS. */
	if (in->len == z->length && (z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK) && in->seg == INSN_DS)
		return "3E after another segment prefix";
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

static void show(const char *what, enum insn_mode mode, const u8 *b, int rc, const struct insn *in,
		 const ZydisDecodedInstruction *z)
{
	printf("%s, mode %d:", what, mode);
	for (u32 i = 0; i < INSN_MAX_LEN; i++)
		printf(" %02x", b[i]);
	printf("  ours rc %d len %d, theirs len %d %s\n", rc, in->len, z->length,
	       ZydisMnemonicGetString(z->mnemonic));
}

int main(int argc, char **argv)
{
	static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64};
	static const ZydisMachineMode zmodes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32,
						  ZYDIS_MACHINE_MODE_LONG_64};
	static const ZydisStackWidth widths[] = {ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32,
						 ZYDIS_STACK_WIDTH_64};
	u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	u64 both = 0, lenient = 0, refused = 0, excused = 0, wrong = 0;
	ZydisDecoder decoder[3];

	if (argc > 2)
		rng_state ^= strtoull(argv[2], NULL, 0) * 0x2545f4914f6cdd1d;
	for (u32 i = 0; i < 3; i++) {
		ZydisDecoderInit(&decoder[i], zmodes[i], widths[i]);
		/* Undefined parts of the space, which these would give a meaning. */
		ZydisDecoderEnableMode(&decoder[i], ZYDIS_DECODER_MODE_KNC, ZYAN_FALSE);
		ZydisDecoderEnableMode(&decoder[i], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
	}

	for (u64 i = 0; i < count; i++) {
		ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
		ZydisDecodedInstruction z = {0};
		struct insn in;
		u32 m = i % 3;
		u8 b[INSN_MAX_LEN];
		bool theirs, same;
		int rc;

		make(b, modes[m]);
		theirs = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder[m], b, sizeof(b), &z, op));
		rc = insn_decode(&in, b, sizeof(b), modes[m]);
		same = theirs && !rc && in.len == z.length && same_memory(&in, &z, op);

		if (!theirs && rc)
			refused++;
		else if (!theirs)
			lenient++;
		else if (same)
			both++;
		else if (known(&in, b, &z))
			excused++;
		else if (wrong++ < 30)
			show(rc ? "refused" : "differs", modes[m], b, rc, &in, &z);
	}
	printf("%llu tried: %llu agree, %llu refused by both, %llu only by Zydis, %llu known differences, "
	       "%llu wrong\n",
	       (unsigned long long)count, (unsigned long long)both, (unsigned long long)refused,
	       (unsigned long long)lenient, (unsigned long long)excused, (unsigned long long)wrong);
	return wrong != 0;
}
