/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's exits: most end here, some must go to the control domain. */
#include "guest/vcpu.h"
#include "cpu/asm.h"
#include "cpu/bits.h"
#include "cpu/trap.h"

#define VECTOR_DB 1
#define VECTOR_MC 18

static void skip(struct vcpu *vcpu, const struct exit *exit, u8 length)
{
	vcpu->ctx.regs.rip += exit->insn_len ? exit->insn_len : length;
	vendor->set_shadow(&vcpu->ctx, false);
}

static void raise_gp(struct vcpu *vcpu)
{
	vcpu_raise(vcpu, VECTOR_GP, true, 0);
}

static u8 cpl(const struct vcpu *vcpu)
{
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	return paging.cpl;
}

/* Caches are coherent with everything a guest can see. */
static s64 on_cache(struct vcpu *vcpu, const struct exit *exit)
{
	if (cpl(vcpu)) {
		raise_gp(vcpu);
		return CONTINUE;
	}
	skip(vcpu, exit, 2);
	return vcpu_stepped(vcpu, CONTINUE);
}

static s64 on_cpuid(struct vcpu *vcpu, const struct exit *exit)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;
	struct cpuid_state state = vcpu_cpuid_state(vcpu);
	struct cpuid_regs out;

	cpuid_lookup(&vcpu->cpuid, (u32)regs->rax, (u32)regs->rcx, &state, &out);
	regs->rax = out.eax;
	regs->rbx = out.ebx;
	regs->rcx = out.ecx;
	regs->rdx = out.edx;
	skip(vcpu, exit, 2);
	return vcpu_stepped(vcpu, CONTINUE);
}

static s64 on_xsetbv(struct vcpu *vcpu, const struct exit *exit)
{
	const struct nxt_regs *regs = &vcpu->ctx.regs;
	u64 value = regs->rdx << 32 | (u32)regs->rax;
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	if (!(paging.cr4 & CR4_OSXSAVE)) {
		vcpu_raise(vcpu, VECTOR_UD, false, 0);
		return CONTINUE;
	}
	if (paging.cpl || (u32)regs->rcx || !vcpu_set_xcr0(vcpu, value)) {
		raise_gp(vcpu);
		return CONTINUE;
	}
	xsetbv0(vcpu->xcr0);
	skip(vcpu, exit, 3);
	return vcpu_stepped(vcpu, CONTINUE);
}

static s64 on_npf(struct vcpu *vcpu, const struct exit *exit)
{
	struct npt_mapping mapping;

	vcpu->npf_gpa = exit->npf.gpa;
	if (vcpu_is_apic(vcpu, exit->npf.gpa))
		return vcpu_apic_page(vcpu);
	switch (npt_lookup(&vcpu->vm->npt[vcpu->smm], exit->npf.gpa, &mapping)) {
	case NPT_MMIO:
		return exit->npf.walk || exit->npf.fetch ? vcpu_emulation_failed(vcpu, exit->npf.gpa)
							 : vcpu_emulate_start(vcpu);
	case NPT_PRESENT:
		if (!exit->npf.write || mapping.writable)
			return CONTINUE; /* mapped meanwhile */
		break;
	default:
		break;
	}
	vcpu->pending = PENDING_NPF;
	vcpu->npf_walk = exit->npf.walk || exit->npf.fetch;
	vcpu->run->npf.gpa = vcpu_named(vcpu->smm, exit->npf.gpa);
	vcpu->run->npf.write = exit->npf.write;
	vcpu->run->npf.fetch = exit->npf.fetch;
	vcpu->run->npf.present = exit->npf.present;
	return NXT_EXIT_NPF;
}

static s64 on_exception(struct vcpu *vcpu, const struct exit *exit)
{
	u8 vector = exit->exception.vector;
	u32 debug = vcpu->debug.flags;

	if (vector == VECTOR_DB && (debug & (NXT_DEBUG_STEP | NXT_DEBUG_HW_BP)))
		return vcpu_debug_exit(vcpu, vector, exit->exception.dr6);
	if (vector == VECTOR_BP && (debug & NXT_DEBUG_SW_BP))
		return vcpu_debug_exit(vcpu, vector, 0);
	if (vector == VECTOR_MC) {
		/*
		 * The physical machine's: the control domain handles it as the processor would have raised it
		 * there.
		 */
		vendor->inject(&this_cpu()->cd,
			       &(struct event){.type = EVENT_EXCEPTION, .vector = VECTOR_MC});
		return NXT_EXIT_INTR;
	}
	if (vector == VECTOR_UD && (vcpu->fixes_hypercall || vcpu->smm))
		return vcpu_undefined(vcpu);
	vcpu_raise(vcpu, vector, exit->exception.has_error, exit->exception.error);
	return CONTINUE;
}

/* The first use of a debug register: from now on they are switched with the vCPU, and accesses are native. */
static s64 on_dr(struct vcpu *vcpu)
{
	struct cpu *cpu = this_cpu();

	if (vcpu->debug.flags & NXT_DEBUG_HW_BP)
		return vcpu_emulation_failed(vcpu, 0);
	vcpu_unload_extra(vcpu, cpu);
	vcpu->db_live = true;
	vcpu_load_extra(vcpu, cpu);
	vendor->intercept_dr(&vcpu->ctx, false);
	return CONTINUE;
}

s64 vcpu_exit(struct vcpu *vcpu, const struct exit *exit)
{
	switch (exit->kind) {
	case EXIT_INTR:
		return NXT_EXIT_INTR;
	case EXIT_CPUID:
		return on_cpuid(vcpu, exit);
	case EXIT_MSR:
		return vcpu_msr_exit(vcpu, exit);
	case EXIT_NPF:
		return on_npf(vcpu, exit);
	case EXIT_IO:
		return vcpu_pio(vcpu, exit);
	case EXIT_HLT:
		skip(vcpu, exit, 1);
		if (vcpu->ctx.regs.rflags & RFLAGS_TF)
			return vcpu_stepped(vcpu, CONTINUE); /* the trap wakes it up at once */
		vcpu->mp_state = NXT_MP_HALTED;
		return CONTINUE; /* the loop finds out whether there is something to wake up for */
	case EXIT_IRQ_WINDOW:
		return CONTINUE;
	case EXIT_RSM:
		return vcpu_rsm(vcpu);
	case EXIT_IRET:
		vcpu->nmi_masked = false;
		vendor->intercept_iret(&vcpu->ctx, false);
		return CONTINUE;
	case EXIT_EXCEPTION:
		return on_exception(vcpu, exit);
	case EXIT_XSETBV:
		return on_xsetbv(vcpu, exit);
	case EXIT_HYPERCALL:
		return vcpu_hypercall(vcpu, exit);
	case EXIT_CACHE:
		return on_cache(vcpu, exit);
	case EXIT_DR:
		return on_dr(vcpu);
	case EXIT_CR8:
		return vcpu_write_cr8(vcpu);
	case EXIT_UNDEFINED:
		vcpu_raise(vcpu, VECTOR_UD, false, 0);
		return CONTINUE;
	case EXIT_RDPMC:
		raise_gp(vcpu);
		return CONTINUE;
	case EXIT_SHUTDOWN:
		/* What could not be delivered is over: it is no concern of whom user space starts next. */
		vcpu->event.type = EVENT_NONE;
		return NXT_EXIT_SHUTDOWN;
	case EXIT_INVALID:
		vcpu->run->fail.reason = exit->code;
		return NXT_EXIT_FAIL;
	default:
		return vcpu_emulation_failed(vcpu, 0);
	}
}

s64 vcpu_finish(struct vcpu *vcpu, u32 flags)
{
	enum vcpu_pending pending = vcpu->pending;

	vcpu->pending = PENDING_NONE;
	switch (pending) {
	case PENDING_NPF:
		if (!(flags & NXT_RUN_EMULATE))
			return CONTINUE; /* mapped: the guest tries again */
		if (vcpu->npf_walk)
			return vcpu_emulation_failed(vcpu, vcpu->npf_gpa);
		return vcpu_emulate_start(vcpu);
	case PENDING_MMIO_READ: {
		u64 data;

		__builtin_memcpy(&data, vcpu->run->data, sizeof(data));
		insn_complete_read(&vcpu->emul, data);
		return vcpu_emulate(vcpu);
	}
	case PENDING_EMULATION:
		if (flags & NXT_RUN_UNBACKED)
			vcpu->unbacked = vcpu->emul.gpa & PAGE_MASK;
		return vcpu_emulate(vcpu);
	case PENDING_CLOCK:
		vcpu_finish_clock(vcpu, flags);
		return CONTINUE;
	case PENDING_STEAL:
		vcpu_finish_steal(vcpu, flags);
		return CONTINUE;
	case PENDING_HYPERCALL:
		return vcpu_finish_hypercall(vcpu);
	case PENDING_FIX:
		vcpu_finish_fix(vcpu, flags);
		return CONTINUE;
	case PENDING_MSR:
		return vcpu_finish_msr(vcpu, flags);
	case PENDING_WALL_CLOCK:
		return vcpu_finish_wall_clock(vcpu);
	case PENDING_WALL_WRITE:
		return vcpu_finish_wall_write(vcpu, flags);
	case PENDING_PIO:
	case PENDING_PIO_IN:
	case PENDING_PIO_OUT:
	case PENDING_PIO_START:
		vcpu->pending = pending;
		return vcpu_pio_finish(vcpu, flags);
	default:
		return CONTINUE;
	}
}
