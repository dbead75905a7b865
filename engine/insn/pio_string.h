/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INS and OUTS: moves elements between guest memory and a buffer, as many as one exit to the control domain
 * carries.
 *
 * OUTS: pio_string_out() fills the buffer; hand it to the device; pio_string_commit().
 *
 * INS: pio_string_in_begin() says how many elements to ask the device for, having checked that memory can
 * take them; fill the buffer; pio_string_in() stores them; pio_string_commit().
 *
 * RIP moves only when the count is used up, so what is left runs again. With RFLAGS.DF set, a round is one
 * element.
 */
#ifndef ENGINE_INSN_PIO_STRING_H
#define ENGINE_INSN_PIO_STRING_H

#include "insn/emulate.h"

/* One round of an INS or OUTS; plain data, belongs to the vCPU. count and size are for the caller to read. */
struct pio_string {
	/* Set by the caller, from the exit information or from insn_decode(): */
	u8 size;      /* of an element: 1, 2, 4 */
	u8 addr_size; /* 2, 4, 8 */
	u8 seg;	      /* enum insn_seg: OUTS's source; INS always uses ES */
	u8 insn_len;
	bool in;
	bool rep;
	/* Results: */
	u32 count; /* elements of this round; 0: RCX is 0, only commit */
	u32 moved; /* bytes that pio_string_in() has stored so far, private */
	u64 gpa;   /* INSN_RESIDENT: the page */
	struct insn_fault fault;
};

/*
 * All three return INSN_DONE, INSN_FAULT (p->fault), INSN_RESIDENT (p->gpa; call again) or INSN_UNHANDLED
 * (the operand is no memory). Nothing the guest can see changes before pio_string_in() and
 * pio_string_commit(). buf has NXT_RUN_DATA bytes; p->size * p->count of them are used.
 */
enum insn_result pio_string_out(struct pio_string *p, const struct insn_ctx *ctx, u8 *buf);
enum insn_result pio_string_in_begin(struct pio_string *p, const struct insn_ctx *ctx);
enum insn_result pio_string_in(struct pio_string *p, const struct insn_ctx *ctx, const u8 *buf);

/* Moves RSI or RDI, RCX, and RIP if nothing is left. Cannot fail. */
void pio_string_commit(const struct pio_string *p, const struct insn_ctx *ctx);

#endif
