/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's hypercalls. Engine answers none: they are the control domain's. A guest that came from a PC of
 * the other vendor may use that one's instruction, which is undefined here; it is then replaced in the
 * guest's memory, as KVM does. RSM comes here as well where it is undefined.
 */
#include "guest/vcpu.h"

#define OPCODE_GROUP_7 0x01
/* ModRM, the third byte of either instruction. */
#define VMCALL 0xc1
#define VMMCALL 0xd9

s64 vcpu_hypercall(struct vcpu *vcpu, const struct exit *exit)
{
	const struct nxt_regs *regs = &vcpu->ctx.regs;
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct nxt_run *run = vcpu->run;
	bool longmode = insn_mode_of(&ctx) == INSN_MODE_64;
	u64 mask = longmode ? ~0ull : 0xffffffff;

	vcpu->insn_len = exit->insn_len ? exit->insn_len : 3;
	run->hypercall.nr = regs->rax & mask;
	run->hypercall.args[0] = regs->rbx & mask;
	run->hypercall.args[1] = regs->rcx & mask;
	run->hypercall.args[2] = regs->rdx & mask;
	run->hypercall.args[3] = regs->rsi & mask;
	run->hypercall.longmode = longmode;
	run->hypercall.cpl = ctx.cpl;
	vcpu->pending = PENDING_HYPERCALL;
	return NXT_EXIT_HYPERCALL;
}

s64 vcpu_finish_hypercall(struct vcpu *vcpu)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;
	u64 answer = READ_ONCE(vcpu->run->hypercall.ret);

	regs->rax = vcpu->run->hypercall.longmode ? answer : (u32)answer;
	regs->rip += vcpu->insn_len;
	vendor->set_shadow(&vcpu->ctx, false);
	return vcpu_stepped(vcpu, CONTINUE);
}

static bool is_hypercall(const struct insn *insn, u8 modrm)
{
	return insn->encoding == INSN_LEGACY && insn->map == INSN_MAP_0F && insn->opcode == OPCODE_GROUP_7 &&
	       insn->has_modrm && (insn->mod << 6 | (insn->reg & 7) << 3 | (insn->rm & 7)) == modrm;
}

static s64 undefined(struct vcpu *vcpu)
{
	vcpu->unbacked = ~0ULL;
	vcpu_raise(vcpu, VECTOR_UD, false, 0);
	return CONTINUE;
}

static s64 need(struct vcpu *vcpu, u64 gpa)
{
	vcpu->npf_gpa = gpa;
	return vcpu_need_page(vcpu, vcpu->smm, gpa, PENDING_FIX);
}

/* Writes its last byte as the guest itself would, so that it faults where the guest may not write. */
static s64 replace(struct vcpu *vcpu, const struct insn_ctx *ctx, u8 length, u8 old, u8 new)
{
	struct insn_fault fault;
	struct nxt_segment cs;
	u64 linear = ctx->regs->rip + length - 1, gpa;

	vcpu_insn_ops.segment(vcpu, INSN_CS, &cs);
	if (insn_mode_of(ctx) != INSN_MODE_64)
		linear = (u32)(linear + cs.base);
	switch (vcpu_insn_ops.translate(
		vcpu, linear, INSN_ACCESS_WRITE | (ctx->cpl == 3 ? INSN_ACCESS_USER : 0), &gpa, &fault)) {
	case INSN_MEM_OK:
		break;
	case INSN_MEM_FAULT:
		if (fault.vector == 14)
			vendor->set_cr2(&vcpu->ctx, fault.cr2);
		vcpu_raise(vcpu, fault.vector, fault.has_error, fault.error);
		return CONTINUE;
	default:
		return need(vcpu, gpa);
	}
	switch (vcpu_insn_ops.ram_cmpxchg(vcpu, gpa, old, new, 1)) {
	case INSN_MEM_OK:
	case INSN_MEM_CHANGED:
		return CONTINUE; /* it executes what is there now */
	case INSN_MEM_RESIDENT:
		return need(vcpu, gpa);
	default:
		return undefined(vcpu);
	}
}

s64 vcpu_undefined(struct vcpu *vcpu)
{
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct insn insn;
	u8 others = vendor->hypercall == VMMCALL ? VMCALL : VMMCALL;
	u64 gpa;

	switch (vcpu_decode(vcpu, &ctx, &insn, &gpa)) {
	case INSN_MEM_OK:
		break;
	case INSN_MEM_RESIDENT:
		return need(vcpu, gpa);
	default:
		return undefined(vcpu);
	}
	/* VMX has no exit for it, nor has QEMU's emulation of SVM: see docs/decisions/0010. */
	if (vcpu->smm && vcpu_is_rsm(&insn))
		return vcpu_rsm(vcpu);
	if (vcpu->fixes_hypercall && is_hypercall(&insn, others))
		return replace(vcpu, &ctx, insn.len, others, vendor->hypercall);
	return undefined(vcpu);
}

void vcpu_finish_fix(struct vcpu *vcpu, u32 in_flags)
{
	if (in_flags & NXT_RUN_UNBACKED)
		vcpu->unbacked = vcpu->npf_gpa & PAGE_MASK;
}
