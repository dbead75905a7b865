/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's local APIC in xAPIC mode. Kernels reach its page by a handful of plain MOVs, again and again. The
 * last few are remembered as they were decoded, with the walks of the guest's page tables that led to them
 * and to the page, and are carried out again from that, without the emulator.
 *
 * The outcome is the emulator's: the instruction's bytes are compared, the page tables' entries read again
 * (walk_memo.h), the operand's address computed. What the exit told of the access plays no part, because
 * another vCPU may have changed the instruction since.
 */
#include "cpu/bits.h"
#include "guest/vcpu.h"

#define OPCODE_STORE 0x89
#define OPCODE_LOAD 0x8b
#define OPCODE_STORE_IMM 0xc7 /* /0 */

static bool fits_page(u64 rip, u8 len)
{
	return (rip & ~PAGE_MASK) + len <= PAGE_SIZE;
}

/* 4 bytes between memory and a register or an immediate, in 64-bit mode, where these segments do nothing. */
static bool is_plain_move(const struct insn *insn)
{
	if (insn->mode != INSN_MODE_64 || insn->encoding != INSN_LEGACY || insn->map != INSN_MAP_1BYTE ||
	    !insn->has_modrm || !insn->has_mem || insn->op_size != 4 || insn->addr_size != 8 || insn->lock ||
	    insn->rep || insn->seg == INSN_FS || insn->seg == INSN_GS)
		return false;
	return insn->opcode == OPCODE_STORE || insn->opcode == OPCODE_LOAD ||
	       (insn->opcode == OPCODE_STORE_IMM && !(insn->reg & 7));
}

static u32 cs_attr(const struct vcpu *vcpu)
{
	struct nxt_segment cs;

	vendor->get_segment(&vcpu->ctx, INSN_CS, &cs);
	return cs.attr;
}

/* The emulator has just carried out the instruction at rip. */
static void remember(struct vcpu *vcpu, struct apic_move *move, u64 rip)
{
	const struct insn *insn = &vcpu->emul.insn;

	if (insn_in_flight(&vcpu->emul) || !is_plain_move(insn) || vcpu->ctx.regs.rip != rip + insn->len ||
	    !fits_page(rip, insn->len) || !vcpu->code.valid || vcpu->code.linear != (rip & PAGE_MASK) ||
	    !vcpu->code.page || !vcpu->operand.valid)
		return;
	*move = (struct apic_move){.valid = true,
				   .cs_attr = cs_attr(vcpu),
				   .insn = *insn,
				   .code = vcpu->code,
				   .operand = vcpu->operand};
	for (u32 i = 0; i < insn->len; i++)
		move->bytes[i] = vcpu->emul.bytes[i];
}

static bool is_still_there(const struct apic_move *move, u64 rip)
{
	const u8 *at = move->code.page + (rip & ~PAGE_MASK);

	for (u32 i = 0; i < move->insn.len; i++)
		if (READ_ONCE(at[i]) != move->bytes[i])
			return false;
	return true;
}

static s64 carry_out(struct vcpu *vcpu, const struct insn *insn, u32 offset)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;
	struct lapic_actions actions;
	s64 reason = CONTINUE;

	if (insn->opcode == OPCODE_LOAD) {
		*insn_reg(regs, insn->reg) = lapic_read(&vcpu->lapic, offset, vcpu_tsc(vcpu));
	} else {
		u64 value = insn->opcode == OPCODE_STORE ? *insn_reg(regs, insn->reg) : insn->imm;

		lapic_write(&vcpu->lapic, offset, (u32)value, vcpu_tsc(vcpu), &actions);
		reason = vcpu_apic_actions(vcpu, &actions);
	}
	regs->rip += insn->len;
	regs->rflags &= ~RFLAGS_RF;
	vendor->set_shadow(&vcpu->ctx, false);
	return reason;
}

/* Whether the guest executes the move again; then it is done, and *ret_reason is set. */
static bool repeat(struct vcpu *vcpu, const struct apic_move *move, s64 *ret_reason)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;
	u64 epoch = vcpu_map_epoch(vcpu), rip = regs->rip, gpa;
	struct paging_state paging;
	struct walk_mode mode;
	u32 user;

	if (!move->valid || (regs->rflags & RFLAGS_TF) || !fits_page(rip, move->insn.len) ||
	    cs_attr(vcpu) != move->cs_attr)
		return false;
	vendor->get_paging(&vcpu->ctx, &paging);
	mode = vcpu_walk_mode(vcpu, &paging);
	user = paging.cpl == 3 ? INSN_ACCESS_USER : 0;
	if (!walk_memo_find(&move->code, epoch, &mode, rip, INSN_ACCESS_FETCH | user, &gpa) ||
	    !is_still_there(move, rip))
		return false;
	if (!walk_memo_find(&move->operand, epoch, &mode, insn_address(&move->insn, regs, rip),
			    (move->insn.opcode == OPCODE_LOAD ? 0 : INSN_ACCESS_WRITE) | user, &gpa) ||
	    !vcpu_is_apic(vcpu, gpa) || (gpa & 3))
		return false;
	*ret_reason = carry_out(vcpu, &move->insn, (u32)(gpa & ~PAGE_MASK));
	return true;
}

s64 vcpu_apic_page(struct vcpu *vcpu)
{
	u64 rip = vcpu->ctx.regs.rip;
	struct apic_move *move = &vcpu->apic_move[(rip ^ rip >> 4) % APIC_MOVES];
	s64 reason;

	if (repeat(vcpu, move, &reason))
		return reason;
	reason = vcpu_emulate_start(vcpu);
	remember(vcpu, move, rip);
	return reason;
}
