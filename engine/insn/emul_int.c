/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer instructions of the one-byte opcode map, with a memory operand. */
#include "insn/emul.h"

int emul_load(struct emul *e, u32 size, u64 *value)
{
	*value = 0;
	return emul_read(e, e->in->seg, emul_address(e), size, 0, value);
}

/*
 * Reads an operand that will be written back. A locked one that turns out to be memory is written only if it
 * still holds what was read.
 */
int emul_load_rmw(struct emul *e, u32 size, u64 *value)
{
	int rc;

	*value = 0;
	e->address = emul_address(e);
	rc = emul_read(e, e->in->seg, e->address, size, INSN_ACCESS_WRITE, value);
	e->st->locked = e->in->lock;
	e->st->data_old = *value;
	return rc;
}

int emul_store(struct emul *e, u32 size, u64 value)
{
	return emul_write(e, e->in->seg, emul_address(e), size, &value);
}

static int alu_mem_reg(struct emul *e, enum alu_op op, u32 size, u64 src)
{
	u64 dst;
	int rc = op == ALU_CMP ? emul_load(e, size, &dst) : emul_load_rmw(e, size, &dst);

	if (rc)
		return rc;
	dst = alu(op, dst, src, size, &e->r->rflags);
	return op == ALU_CMP ? 0 : emul_store(e, size, dst);
}

static int alu_reg_mem(struct emul *e, enum alu_op op, u32 size)
{
	u64 src, dst = emul_get_reg(e, e->in->reg, size);
	int rc = emul_load(e, size, &src);

	if (rc)
		return rc;
	dst = alu(op, dst, src, size, &e->r->rflags);
	if (op != ALU_CMP)
		emul_set_reg(e, e->in->reg, size, dst);
	return 0;
}

static int test(struct emul *e, u32 size, u64 src)
{
	u64 dst;
	int rc = emul_load(e, size, &dst);

	if (!rc)
		alu(ALU_AND, dst, src, size, &e->r->rflags);
	return rc;
}

static int shift(struct emul *e, u32 size, u8 count)
{
	u64 dst;
	int rc = emul_load_rmw(e, size, &dst);

	if (rc)
		return rc;
	dst = alu_shift(e->in->reg & 7, dst, count, size, &e->r->rflags);
	return emul_store(e, size, dst);
}

static int multiply(struct emul *e, u32 size, bool is_signed)
{
	u64 src, low, high;
	int rc = emul_load(e, size, &src);

	if (rc)
		return rc;
	low = alu_mul(emul_get_reg(e, 0, size), src, size, is_signed, &high, &e->r->rflags);
	if (size == 1) {
		emul_set_reg(e, 0, 2, high << 8 | low);
	} else {
		emul_set_reg(e, 0, size, low);
		emul_set_reg(e, 2, size, high);
	}
	return 0;
}

static int divide(struct emul *e, u32 size, bool is_signed)
{
	u64 src, low, high, quotient, remainder;
	int rc = emul_load(e, size, &src);

	if (rc)
		return rc;
	low = emul_get_reg(e, 0, size);
	high = size == 1 ? emul_get_reg(e, 0, 2) >> 8 : emul_get_reg(e, 2, size);
	if (!alu_div(low, high, src, size, is_signed, &quotient, &remainder))
		return emul_raise(e, EXC_DE);
	if (size == 1) {
		emul_set_reg(e, 0, 2, remainder << 8 | quotient);
	} else {
		emul_set_reg(e, 0, size, quotient);
		emul_set_reg(e, 2, size, remainder);
	}
	return 0;
}

static int multiply_imm(struct emul *e)
{
	u32 size = e->in->op_size;
	u64 src, high;
	int rc = emul_load(e, size, &src);

	if (!rc)
		emul_set_reg(e, e->in->reg, size, alu_mul(src, e->in->imm, size, true, &high, &e->r->rflags));
	return rc;
}

/* F6 and F7. */
static int unary(struct emul *e, u32 size)
{
	u64 value;
	int rc;

	switch (e->in->reg & 7) {
	case 0:
	case 1:
		return test(e, size, e->in->imm);
	case 2:
		rc = emul_load_rmw(e, size, &value);
		return rc ? rc : emul_store(e, size, ~value);
	case 3:
		rc = emul_load_rmw(e, size, &value);
		if (rc)
			return rc;
		return emul_store(e, size, alu(ALU_SUB, 0, value, size, &e->r->rflags));
	case 4:
		return multiply(e, size, false);
	case 5:
		return multiply(e, size, true);
	case 6:
		return divide(e, size, false);
	default:
		return divide(e, size, true);
	}
}

static int inc_dec(struct emul *e, u32 size)
{
	u64 value;
	int rc = emul_load_rmw(e, size, &value);

	if (rc)
		return rc;
	value = e->in->reg & 1 ? alu_dec(value, size, &e->r->rflags) : alu_inc(value, size, &e->r->rflags);
	return emul_store(e, size, value);
}

/* Width of the stack pointer in bytes: SS.B tells, but in 64-bit mode it is always 8. */
static u32 stack_width(const struct emul *e)
{
	struct nxt_segment ss;

	if (e->in->mode == INSN_MODE_64)
		return 8;
	e->ctx->ops->segment(e->ctx->cpu, INSN_SS, &ss);
	return ss.attr & SEG_BIG ? 4 : 2;
}

static int push(struct emul *e, u64 value)
{
	u32 width = stack_width(e), size = e->in->op_size;

	emul_set_reg(e, 4, width, e->r->rsp - size);
	return emul_write(e, INSN_SS, e->r->rsp & size_mask(width), size, &value);
}

/* POP computes the address of its destination after it moved RSP (AMD APM vol. 3, POP). */
static int pop(struct emul *e)
{
	u32 width = stack_width(e), size = e->in->op_size;
	u64 value = 0;
	int rc = emul_read(e, INSN_SS, e->r->rsp & size_mask(width), size, 0, &value);

	if (rc)
		return rc;
	emul_set_reg(e, 4, width, e->r->rsp + size);
	return emul_store(e, size, value);
}

/* CALL and JMP through memory. */
static int branch(struct emul *e, bool call)
{
	struct nxt_segment cs;
	u64 target, link = e->r->rip;
	int rc = emul_load(e, e->in->op_size, &target);

	if (rc)
		return rc;
	if (e->in->mode == INSN_MODE_64) {
		if (!emul_canonical(e->ctx, target))
			return emul_raise(e, EXC_GP);
	} else {
		e->ctx->ops->segment(e->ctx->cpu, INSN_CS, &cs);
		if (target > cs.limit)
			return emul_raise(e, EXC_GP);
	}
	e->r->rip = target;
	return call ? push(e, link) : 0;
}

static int group_ff(struct emul *e, u32 size)
{
	u64 value;
	int rc;

	switch (e->in->reg & 7) {
	case 0:
	case 1:
		return inc_dec(e, size);
	case 2:
		return branch(e, true);
	case 4:
		return branch(e, false);
	case 6:
		rc = emul_load(e, size, &value);
		return rc ? rc : push(e, value);
	default:
		return INSN_UNHANDLED;
	}
}

static int exchange(struct emul *e, u32 size)
{
	u64 value, reg = emul_get_reg(e, e->in->reg, size);
	int rc = emul_load_rmw(e, size, &value);

	if (rc)
		return rc;
	/* XCHG with memory is locked with or without the prefix (AMD APM vol. 3, XCHG). */
	e->st->locked = true;
	emul_set_reg(e, e->in->reg, size, value);
	/* The address must not see the new register: XCHG RAX, [RAX]. */
	return emul_write(e, e->in->seg, e->address, size, &reg);
}

static int load_reg(struct emul *e, u32 reg, u32 size)
{
	u64 value;
	int rc = emul_load(e, size, &value);

	if (!rc)
		emul_set_reg(e, reg, size, value);
	return rc;
}

/*
 * MOVSXD reads 4 bytes, also where it then writes 4 or 2: so AMD's processors do. Intel's manual has it read
 * no more than it writes (SDM vol. 2, MOVSXD).
 */
static int movsxd(struct emul *e)
{
	u64 value;
	int rc;

	if (e->in->mode != INSN_MODE_64)
		return INSN_UNHANDLED; /* ARPL */
	rc = emul_load(e, 4, &value);
	if (!rc)
		emul_set_reg(e, e->in->reg, e->in->op_size, sign_extended(value, 4));
	return rc;
}

int emul_int(struct emul *e)
{
	const struct insn *in = e->in;
	u8 op = in->opcode;
	u32 size = op & 1 ? in->op_size : 1;

	if (op < 0x40 && (op & 7) < 4) {
		if (op & 2)
			return alu_reg_mem(e, op >> 3, size);
		return alu_mem_reg(e, op >> 3, size, emul_get_reg(e, in->reg, size));
	}

	switch (op) {
	case 0x63:
		return movsxd(e);
	case 0x69:
	case 0x6b:
		return multiply_imm(e);
	case 0x80 ... 0x83:
		return alu_mem_reg(e, in->reg & 7, size, in->imm);
	case 0x84:
	case 0x85:
		return test(e, size, emul_get_reg(e, in->reg, size));
	case 0x86:
	case 0x87:
		return exchange(e, size);
	case 0x88:
	case 0x89:
		return emul_store(e, size, emul_get_reg(e, in->reg, size));
	case 0x8a:
	case 0x8b:
		return load_reg(e, in->reg, size);
	case 0x8f:
		return pop(e);
	case 0xa0:
	case 0xa1:
		return load_reg(e, 0, size);
	case 0xa2:
	case 0xa3:
		return emul_store(e, size, emul_get_reg(e, 0, size));
	case 0xc0:
	case 0xc1:
		return shift(e, size, in->imm);
	case 0xc6:
	case 0xc7:
		return emul_store(e, size, in->imm);
	case 0xd0:
	case 0xd1:
		return shift(e, size, 1);
	case 0xd2:
	case 0xd3:
		return shift(e, size, emul_get_reg(e, 1, 1));
	case 0xf6:
	case 0xf7:
		return unary(e, size);
	case 0xfe:
		return inc_dec(e, size);
	case 0xff:
		return group_ff(e, size);
	default:
		return INSN_UNHANDLED;
	}
}
