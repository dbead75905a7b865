/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's writes of CR8 while an interrupt waits. At other times they do not exit: a processor keeps CR8 in
 * V_TPR (AMD APM vol. 2, 15.21.2), or a back end in what is its like.
 */
#include "guest/vcpu.h"

#define OPCODE_MOV_TO_CR 0x22
#define LOWER_4 0xfull

/* MOV to CR8, or in its other form, LOCK MOV to CR0 (AMD APM vol. 3, MOV CRn). */
static bool writes_cr8(const struct insn *insn)
{
	return insn->encoding == INSN_LEGACY && insn->map == INSN_MAP_0F &&
	       insn->opcode == OPCODE_MOV_TO_CR && insn->reg == (insn->lock ? 0 : 8);
}

s64 vcpu_write_cr8(struct vcpu *vcpu)
{
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct insn insn;
	u64 value, gpa;

	/* Its page was taken away, or its bytes were changed meanwhile: it executes what is there now. */
	if (vcpu_decode(vcpu, &ctx, &insn, &gpa) != INSN_MEM_OK || !writes_cr8(&insn))
		return CONTINUE;
	value = *insn_reg(ctx.regs, insn.rm);
	if (insn.mode != INSN_MODE_64)
		value = (u32)value;
	if (value & ~LOWER_4) {
		vcpu_raise(vcpu, VECTOR_GP, true, 0);
		return CONTINUE;
	}
	lapic_cr8_set(&vcpu->lapic, (u8)value);
	ctx.regs->rip += insn.len;
	vendor->set_shadow(&vcpu->ctx, false);
	return vcpu_stepped(vcpu, CONTINUE);
}
