/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulator's registers: by number and size, addresses made of them, conditions, and the mode. */
#include "insn/emul.h"

_Static_assert(offsetof(struct nxt_regs, r15) == 15 * sizeof(u64),
	       "registers stand in the order of their numbers");

u64 *insn_reg(struct nxt_regs *regs, u32 index)
{
	return (u64 *)((u8 *)regs + (index & 15) * sizeof(u64));
}

/* Without REX the byte registers 4 to 7 are AH, CH, DH, BH (Intel SDM vol. 2, table 3-1). */
static bool is_high_byte(const struct emul *e, u32 index, u32 size)
{
	return size == 1 && !e->in->rex && index >= 4 && index < 8;
}

u64 emul_get_reg(const struct emul *e, u32 index, u32 size)
{
	if (is_high_byte(e, index, size))
		return (*insn_reg(e->r, index - 4) >> 8) & 0xff;
	return *insn_reg(e->r, index) & size_mask(size);
}

void emul_set_reg(struct emul *e, u32 index, u32 size, u64 value)
{
	u64 *reg = insn_reg(e->r, index);
	u64 mask = size_mask(size);

	if (is_high_byte(e, index, size)) {
		reg = insn_reg(e->r, index - 4);
		*reg = (*reg & ~0xff00ULL) | ((value & 0xff) << 8);
	} else if (size == 4) {
		*reg = value & mask;
	} else {
		*reg = (*reg & ~mask) | (value & mask);
	}
}

u64 insn_address(const struct insn *in, struct nxt_regs *regs, u64 rip)
{
	u64 addr = in->disp;

	if (in->base == INSN_REG_RIP)
		addr += rip + in->len;
	else if (in->base != INSN_REG_NONE)
		addr += *insn_reg(regs, in->base);
	if (in->index != INSN_REG_NONE)
		addr += *insn_reg(regs, in->index) * in->scale;
	return addr & size_mask(in->addr_size);
}

u64 emul_address(const struct emul *e)
{
	return insn_address(e->in, e->r, e->ctx->regs->rip);
}

bool emul_condition(u64 flags, u8 code)
{
	bool less = !(flags & FLAG_SF) != !(flags & FLAG_OF);
	bool yes;

	switch ((code >> 1) & 7) {
	case 0:
		yes = flags & FLAG_OF;
		break;
	case 1:
		yes = flags & FLAG_CF;
		break;
	case 2:
		yes = flags & FLAG_ZF;
		break;
	case 3:
		yes = flags & (FLAG_CF | FLAG_ZF);
		break;
	case 4:
		yes = flags & FLAG_SF;
		break;
	case 5:
		yes = flags & FLAG_PF;
		break;
	case 6:
		yes = less;
		break;
	default:
		yes = less || (flags & FLAG_ZF);
		break;
	}
	return yes != (code & 1);
}

int emul_raise(struct emul *e, enum exception vector)
{
	e->st->fault = (struct insn_fault){
		.vector = vector,
		.has_error = (vector == EXC_GP || vector == EXC_SS) && (e->ctx->cr0 & CR0_PE),
	};
	return INSN_FAULT;
}

enum insn_mode insn_mode_of(const struct insn_ctx *ctx)
{
	struct nxt_segment cs;

	ctx->ops->segment(ctx->cpu, INSN_CS, &cs);
	if ((ctx->efer & EFER_LMA) && (cs.attr & SEG_LONG))
		return INSN_MODE_64;
	/*
	 * Real and virtual-8086 mode have D clear as well, unless "unreal" mode left it set: then it counts
	 * there too.
	 */
	return cs.attr & SEG_BIG ? INSN_MODE_32 : INSN_MODE_16;
}
