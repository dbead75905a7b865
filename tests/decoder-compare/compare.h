/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the comparison share. Zydis' side of an instruction, and the questions asked about it.
 * Those that return a string return NULL for agreement, or what differs.
 */
#ifndef DECODER_COMPARE_COMPARE_H
#define DECODER_COMPARE_COMPARE_H

#include <Zydis/Zydis.h>

#include "bytes.h"

struct theirs {
	ZydisDecodedInstruction z;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* The number that stands for a register in an encoding, 0 .. 31; extensions included. */
u32 register_number(ZydisRegister reg);

/* decoded.c: the fields of struct insn. */
const char *compare_decoded(const struct insn *in, const struct theirs *t);

/*
 * emulated.c: executes the instruction in both of the senses that this has: ours by the emulator, theirs by
 * what Zydis says that its operands are. t is NULL if Zydis refuses it. *ret_done: the emulator knows it.
 */
const char *compare_emulated(const struct insn *in, const u8 b[BYTES], const struct theirs *t,
			     bool *ret_done);

/* documented.c: what is agreed to differ, and what the emulator knows. */

/* Why the two may decode this differently, or NULL: then they may not. */
const char *documented_difference(const struct insn *in, const u8 b[BYTES], const struct theirs *t);

/* Must the emulator execute it? *ret_why: the reason if not. */
bool documented_emulated(const struct theirs *t, const char **ret_why);

#endif
