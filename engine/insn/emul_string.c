/* SPDX-License-Identifier: GPL-2.0-or-later */
/* String instructions, one element at a time (Intel SDM vol. 2, REP; AMD APM vol. 3, 1.2.6). */
#include "insn/emul.h"

enum { RAX = 0, RCX = 1, RSI = 6, RDI = 7 };

enum string_op {
	STRING_MOVS = 0xa4,
	STRING_CMPS = 0xa6,
	STRING_STOS = 0xaa,
	STRING_LODS = 0xac,
	STRING_SCAS = 0xae,
};

bool emul_is_string(const struct insn *in)
{
	if (in->encoding != INSN_LEGACY || in->map != INSN_MAP_1BYTE)
		return false;
	return in->opcode >= 0xa4 && in->opcode <= 0xaf && in->opcode != 0xa8 && in->opcode != 0xa9;
}

static int read_source(struct emul *e, u32 size, u64 *value)
{
	return emul_read(e, e->in->seg, emul_get_reg(e, RSI, e->in->addr_size), size, 0, value);
}

/* The destination is in ES; no prefix overrides that. */
static int read_destination(struct emul *e, u32 size, u64 *value)
{
	return emul_read(e, INSN_ES, emul_get_reg(e, RDI, e->in->addr_size), size, 0, value);
}

static int write_destination(struct emul *e, u32 size, const u64 *value)
{
	return emul_write(e, INSN_ES, emul_get_reg(e, RDI, e->in->addr_size), size, value);
}

static void advance(struct emul *e, u32 reg, u32 size)
{
	u64 step = e->r->rflags & FLAG_DF ? -(u64)size : size;

	emul_set_reg(e, reg, e->in->addr_size, emul_get_reg(e, reg, e->in->addr_size) + step);
}

static int element(struct emul *e, enum string_op op, u32 size)
{
	u64 a = 0, b = 0;
	int rc;

	switch (op) {
	case STRING_MOVS:
		rc = read_source(e, size, &a);
		if (!rc)
			rc = write_destination(e, size, &a);
		break;
	case STRING_CMPS:
		rc = read_source(e, size, &a);
		if (!rc)
			rc = read_destination(e, size, &b);
		break;
	case STRING_STOS:
		a = emul_get_reg(e, RAX, size);
		rc = write_destination(e, size, &a);
		break;
	case STRING_LODS:
		rc = read_source(e, size, &a);
		break;
	default:
		a = emul_get_reg(e, RAX, size);
		rc = read_destination(e, size, &b);
		break;
	}
	if (rc)
		return rc;

	if (op == STRING_LODS)
		emul_set_reg(e, RAX, size, a);
	if (op == STRING_CMPS || op == STRING_SCAS)
		alu(ALU_CMP, a, b, size, &e->r->rflags);
	if (op != STRING_STOS && op != STRING_SCAS)
		advance(e, RSI, size);
	if (op != STRING_LODS)
		advance(e, RDI, size);
	return 0;
}

int emul_string(struct emul *e)
{
	const struct insn *in = e->in;
	enum string_op op = in->opcode & ~1;
	u32 size = in->opcode & 1 ? in->op_size : 1;
	bool compares = op == STRING_CMPS || op == STRING_SCAS;
	u64 count = emul_get_reg(e, RCX, in->addr_size);
	int rc;

	e->st->again = false;
	if (in->rep && count == 0)
		return 0;
	rc = element(e, op, size);
	if (rc || !in->rep)
		return rc;

	count--;
	emul_set_reg(e, RCX, in->addr_size, count);
	e->st->moved += size;
	if (count == 0 || (compares && !(e->r->rflags & FLAG_ZF) != (in->rep == 0xf2)))
		return 0;
	/* RIP stays on the instruction while there is more to do. */
	e->r->rip = e->ctx->regs->rip;
	e->st->again = true;
	return 0;
}
