/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the bytes come from that the comparison is made on. All of it repeats exactly with the same seed. */
#ifndef DECODER_COMPARE_BYTES_H
#define DECODER_COMPARE_BYTES_H

#include "insn/decode.h"

/* One byte more than an instruction may have, so that a longer one can be told from one that was cut off. */
#define BYTES (INSN_MAX_LEN + 1)

/* The next number of a generator whose state, never 0, is *state. */
u32 bytes_rng(u64 *state);

/* Random bytes, most of them shaped so that no part of the encoding space is rare. */
void bytes_random(u64 *rng, u8 b[BYTES], enum insn_mode *ret_mode);

/*
 * Every combination of mode, usual prefixes, REX or VEX, opcode map, opcode and ModRM; SIB, displacement and
 * immediate are random. index: 0 .. bytes_systematic_count() - 1.
 */
u64 bytes_systematic_count(void);
void bytes_systematic(u64 *rng, u64 index, u8 b[BYTES], enum insn_mode *ret_mode);

/*
 * Calls each() for every executable section of a 64-bit ELF file. Returns 0, or a negative errno: -ENOEXEC
 * if it is none.
 */
int bytes_code(const char *path, void (*each)(void *arg, const u8 *code, size_t n), void *arg);

#endif
