/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer instructions of the opcode maps 0F and 0F38, with a memory operand. */
#include "insn/emul.h"
#include "lib/string.h"

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

/* Of an operand of size bytes at address. Only CF is defined, and on the CPUs of today only CF changes. */
static int bit_operate(struct emul *e, enum bit_op op, u64 address, u32 bit)
{
	u32 size = e->in->op_size;
	u64 value = 0, mask = 1ULL << bit;
	int rc = emul_read(e, e->in->seg, address, size, op == BIT_TEST ? 0 : INSN_ACCESS_WRITE, &value);

	if (rc)
		return rc;
	e->st->locked = e->in->lock;
	e->st->data_old = value;
	e->r->rflags &= ~FLAG_CF;
	if (value & mask)
		e->r->rflags |= FLAG_CF;

	switch (op) {
	case BIT_TEST:
		return 0;
	case BIT_SET:
		value |= mask;
		break;
	case BIT_RESET:
		value &= ~mask;
		break;
	case BIT_COMPLEMENT:
		value ^= mask;
		break;
	}
	return emul_write(e, e->in->seg, address, size, &value);
}

/* A bit number in a register is signed and reaches beyond the operand (Intel SDM vol. 2, table 3-2). */
static int bit_by_register(struct emul *e, enum bit_op op)
{
	u32 size = e->in->op_size;
	s64 bit = sign_extended(emul_get_reg(e, e->in->reg, size), size);
	s64 unit = bit >> (size == 8 ? 6 : size == 4 ? 5 : 4);
	u64 address = (emul_address(e) + (u64)unit * size) & size_mask(e->in->addr_size);

	return bit_operate(e, op, address, bit & (8 * size - 1));
}

static int bit_by_imm(struct emul *e)
{
	return bit_operate(e, e->in->reg & 3, emul_address(e), e->in->imm & (8 * e->in->op_size - 1));
}

static int cmpxchg(struct emul *e, u32 size)
{
	u64 dst, acc = emul_get_reg(e, 0, size);
	u64 src = emul_get_reg(e, e->in->reg, size);
	int rc = emul_load_rmw(e, size, &dst);

	if (rc)
		return rc;
	alu(ALU_CMP, acc, dst, size, &e->r->rflags);
	/*
	 * The operand is written in any case, with its own value if it is another (AMD APM vol. 3,
	 * CMPXCHG).
	 */
	if (acc == dst)
		return emul_store(e, size, src);
	emul_set_reg(e, 0, size, dst);
	return emul_write(e, e->in->seg, e->address, size, &dst);
}

/* CMPXCHG8B and CMPXCHG16B: RDX:RAX against memory, RCX:RBX goes there. */
static int cmpxchg_pair(struct emul *e)
{
	u32 half = e->in->rex_w ? 8 : 4;
	u64 low = 0, high = 0, address = emul_address(e);
	u8 buf[16];
	int rc;

	e->align = half == 8 ? 16 : 0;
	rc = emul_read(e, e->in->seg, address, 2 * half, INSN_ACCESS_WRITE, buf);
	if (rc)
		return rc;
	memcpy(&low, buf, half);
	memcpy(&high, buf + half, half);
	if (half == 4) {
		e->st->locked = e->in->lock;
		memcpy(&e->st->data_old, buf, 8);
	}

	if (low == emul_get_reg(e, 0, half) && high == emul_get_reg(e, 2, half)) {
		e->r->rflags |= FLAG_ZF;
		low = emul_get_reg(e, 3, half);
		high = emul_get_reg(e, 1, half);
		memcpy(buf, &low, half);
		memcpy(buf + half, &high, half);
	} else {
		e->r->rflags &= ~FLAG_ZF;
		emul_set_reg(e, 0, half, low);
		emul_set_reg(e, 2, half, high);
	}
	return emul_write(e, e->in->seg, address, 2 * half, buf);
}

static int exchange_add(struct emul *e, u32 size)
{
	u64 dst, sum, src = emul_get_reg(e, e->in->reg, size);
	int rc = emul_load_rmw(e, size, &dst);

	if (rc)
		return rc;
	sum = alu(ALU_ADD, dst, src, size, &e->r->rflags);
	emul_set_reg(e, e->in->reg, size, dst);
	return emul_write(e, e->in->seg, e->address, size, &sum);
}

static int move_extend(struct emul *e, u32 from, bool is_signed)
{
	u64 value;
	int rc = emul_load(e, from, &value);

	if (!rc)
		emul_set_reg(e, e->in->reg, e->in->op_size,
			     is_signed ? (u64)sign_extended(value, from) : value);
	return rc;
}

/* CMOVcc reads its operand, and zero-extends a 32-bit destination, whether the condition holds or not. */
static int move_if(struct emul *e, u32 size)
{
	u64 value;
	int rc = emul_load(e, size, &value);

	if (rc)
		return rc;
	if (!emul_condition(e->r->rflags, e->in->opcode))
		value = emul_get_reg(e, e->in->reg, size);
	emul_set_reg(e, e->in->reg, size, value);
	return 0;
}

static int multiply_reg(struct emul *e, u32 size)
{
	u64 value, high;
	int rc = emul_load(e, size, &value);

	if (!rc)
		emul_set_reg(e, e->in->reg, size,
			     alu_mul(emul_get_reg(e, e->in->reg, size), value, size, true, &high,
				     &e->r->rflags));
	return rc;
}

static u64 swap_bytes(u64 value, u32 size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

static int emul_movbe(struct emul *e)
{
	u32 size = e->in->op_size;
	u64 value;
	int rc;

	if (e->in->rep || (e->in->opcode != 0xf0 && e->in->opcode != 0xf1))
		return INSN_UNHANDLED;
	if (e->in->opcode == 0xf1)
		return emul_store(e, size, swap_bytes(emul_get_reg(e, e->in->reg, size), size));
	rc = emul_load(e, size, &value);
	if (!rc)
		emul_set_reg(e, e->in->reg, size, swap_bytes(value, size));
	return rc;
}

/* MOVNTI moves 4 bytes or 8, never 2: not in 16-bit mode either (AMD APM vol. 3, MOVNTI). */
static int move_non_temporal(struct emul *e)
{
	u32 size = e->in->op_size == 8 ? 8 : 4;

	return e->in->prefix ? INSN_UNHANDLED : emul_store(e, size, emul_get_reg(e, e->in->reg, size));
}

int emul_int0f(struct emul *e)
{
	const struct insn *in = e->in;
	u8 op = in->opcode;
	u32 size = op & 1 ? in->op_size : 1;

	if (in->map == INSN_MAP_0F38)
		return emul_movbe(e);

	switch (op) {
	case 0x40 ... 0x4f:
		return move_if(e, in->op_size);
	case 0x90 ... 0x9f:
		return emul_store(e, 1, emul_condition(e->r->rflags, op));
	case 0xa3:
		return bit_by_register(e, BIT_TEST);
	case 0xab:
		return bit_by_register(e, BIT_SET);
	case 0xb3:
		return bit_by_register(e, BIT_RESET);
	case 0xbb:
		return bit_by_register(e, BIT_COMPLEMENT);
	case 0xba:
		return bit_by_imm(e);
	case 0xaf:
		return multiply_reg(e, in->op_size);
	case 0xb0:
	case 0xb1:
		return cmpxchg(e, size);
	case 0xb6:
		return move_extend(e, 1, false);
	case 0xb7:
		return move_extend(e, 2, false);
	case 0xbe:
		return move_extend(e, 1, true);
	case 0xbf:
		return move_extend(e, 2, true);
	case 0xc0:
	case 0xc1:
		return exchange_add(e, size);
	case 0xc3:
		return move_non_temporal(e);
	case 0xc7:
		return (in->reg & 7) == 1 ? cmpxchg_pair(e) : INSN_UNHANDLED;
	default:
		return INSN_UNHANDLED;
	}
}
