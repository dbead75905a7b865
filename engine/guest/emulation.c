/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carrying out a guest's instruction whose operand is a device, or the local APIC's page. */
#include "cpu/asm.h"
#include "cpu/bits.h"
#include "cpu/init_state.h"
#include "guest/lapic_ipi.h"
#include "guest/vcpu.h"
#include "lib/string.h"

#define VECTOR_DB 1
#define VECTOR_UD 6

struct insn_ctx vcpu_insn_ctx(struct vcpu *vcpu)
{
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	return (struct insn_ctx){
		.ops = &vcpu_insn_ops,
		.cpu = vcpu,
		.regs = &vcpu->ctx.regs,
		.cr0 = paging.cr0,
		.cr4 = paging.cr4,
		.efer = paging.efer,
		.xcr0 = vcpu->xcr0,
		.cpl = paging.cpl,
	};
}

s64 vcpu_debug_exit(struct vcpu *vcpu, u8 vector, u64 dr6)
{
	struct nxt_segment cs;

	vendor->get_segment(&vcpu->ctx, INSN_CS, &cs);
	vcpu->run->debug.exception = vector;
	vcpu->run->debug.pc = cs.base + vcpu->ctx.regs.rip;
	vcpu->run->debug.dr6 = dr6;
	vcpu->run->debug.dr7 = vendor->get_dr(&vcpu->ctx, 7);
	/*
	 * The processor only ever sets these bits. They are the debugger's: left there, each later exit would
	 * tell of them again, and the guest would see them.
	 */
	if (vector == VECTOR_DB)
		vendor->set_dr(&vcpu->ctx, 6, (dr6 & ~(u64)(DR6_BS | DR6_B0_3)) | INIT_DR6);
	return NXT_EXIT_DEBUG;
}

s64 vcpu_stepped(struct vcpu *vcpu, s64 reason)
{
	u64 dr6;

	if (!(vcpu->ctx.regs.rflags & RFLAGS_TF))
		return reason;
	if (vcpu->debug.flags & NXT_DEBUG_STEP)
		return reason == CONTINUE ? vcpu_debug_exit(vcpu, VECTOR_DB, INIT_DR6 | DR6_BS) : reason;
	dr6 = vendor->get_dr(&vcpu->ctx, 6);
	vendor->set_dr(&vcpu->ctx, 6, dr6 | DR6_BS);
	vcpu_raise(vcpu, VECTOR_DB, false, 0);
	return reason;
}

/*
 * A program in the guest must not end the guest by an instruction that Engine does not know, so there it is
 * #UD, as with KVM (CVE-2014-7842).
 */
s64 vcpu_emulation_failed(struct vcpu *vcpu, u64 gpa)
{
	struct nxt_run *run = vcpu->run;
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	if (paging.cpl && !vcpu->tells_all) {
		insn_start(&vcpu->emul, NULL, 0);
		vcpu_raise(vcpu, VECTOR_UD, false, 0);
		return CONTINUE;
	}
	run->emulation.insn_len = vcpu->emul.nbytes;
	memcpy(run->emulation.insn, vcpu->emul.bytes, sizeof(run->emulation.insn));
	run->emulation.gpa = gpa;
	insn_start(&vcpu->emul, NULL, 0);
	return NXT_EXIT_EMULATION;
}

s64 vcpu_apic_actions(struct vcpu *vcpu, const struct lapic_actions *actions)
{
	u64 deadline;

	if (actions->what & LAPIC_DO_IPI) {
		const struct vm *vm = vcpu->vm;

		lapic_deliver(vm->lapics, READ_ONCE(vm->vcpu_limit), &actions->msg, &vcpu->lapic,
			      &vcpu->kick_mask);
	}
	if (actions->what & LAPIC_DO_EOI) {
		vcpu->run->eoi.vector = actions->eoi_vector;
		return NXT_EXIT_EOI;
	}
	/*
	 * A timer that fires later than the control domain's alarm needs no new alarm yet: the old one brings
	 * it up to date.
	 */
	deadline = actions->what & LAPIC_DO_TIMER ? vcpu_deadline(vcpu) : 0;
	if (deadline && (!vcpu->armed || deadline < vcpu->armed || vcpu->armed <= rdtsc()))
		return NXT_EXIT_TIMER;
	return CONTINUE;
}

static s64 device(struct vcpu *vcpu, bool write)
{
	struct insn_emul *emul = &vcpu->emul;
	struct nxt_run *run = vcpu->run;

	run->mmio.gpa = emul->gpa;
	run->mmio.len = emul->len;
	run->mmio.write = write;
	memset(run->data, 0, sizeof(u64));
	if (write)
		memcpy(run->data, &emul->data, emul->len);
	vcpu->pending = write ? PENDING_EMULATION : PENDING_MMIO_READ;
	return NXT_EXIT_MMIO;
}

s64 vcpu_emulate(struct vcpu *vcpu)
{
	struct insn_emul *emul = &vcpu->emul;
	struct insn_ctx ctx = vcpu_insn_ctx(vcpu);
	struct lapic_actions actions;
	s64 reason = CONTINUE;

	for (;;) {
		switch (insn_emulate(emul, &ctx)) {
		case INSN_DONE:
			vendor->set_shadow(&vcpu->ctx, false);
			vcpu->unbacked = ~0ULL;
			return vcpu_stepped(vcpu, reason);
		case INSN_READ:
			return device(vcpu, false);
		case INSN_WRITE:
			if (!vcpu_is_apic(vcpu, emul->gpa))
				return device(vcpu, true);
			lapic_write(&vcpu->lapic, (u32)(emul->gpa & 0xfff), (u32)emul->data, vcpu_tsc(vcpu),
				    &actions);
			reason = vcpu_apic_actions(vcpu, &actions);
			break;
		case INSN_FAULT:
			if (emul->fault.vector == 14)
				vendor->set_cr2(&vcpu->ctx, emul->fault.cr2);
			vcpu_raise(vcpu, emul->fault.vector, emul->fault.has_error, emul->fault.error);
			vcpu->unbacked = ~0ULL;
			return CONTINUE;
		case INSN_RESIDENT:
			return vcpu_need_page(vcpu, vcpu->smm, emul->gpa, PENDING_EMULATION);
		default:
			vcpu->unbacked = ~0ULL;
			return vcpu_emulation_failed(vcpu, vcpu->npf_gpa);
		}
	}
}

s64 vcpu_emulate_start(struct vcpu *vcpu)
{
	insn_start(&vcpu->emul, NULL, 0);
	vcpu->unbacked = ~0ULL;
	return vcpu_emulate(vcpu);
}
