/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MSRs that hardware or the vCPU's own state holds, for guest/msr.c, and the guest's RDMSR and WRMSR. */
#include "cpu/bits.h"
#include "cpu/trap.h"
#include "guest/lapic_timer.h"
#include "guest/vcpu.h"
#include "lib/string.h"

static bool is_x2apic(u32 index)
{
	return index >= MSR_X2APIC_FIRST && index <= MSR_X2APIC_LAST;
}

/*
 * Reads of the x2APIC range and writes have effects that only a guest may cause; user space uses
 * NXT_STATE_LAPIC.
 */
static int hw_read(void *opaque, u32 index, bool host, u64 *value)
{
	struct vcpu *vcpu = opaque;

	if (is_x2apic(index))
		return lapic_msr_read(&vcpu->lapic, index, vcpu_tsc(vcpu), value);
	switch (index) {
	case MSR_TSC:
		*value = vcpu_tsc(vcpu);
		return 0;
	case MSR_TSC_ADJUST:
		*value = vcpu->tsc_adjust;
		return 0;
	case MSR_TSC_DEADLINE:
		*value = lapic_tsc_deadline_read(&vcpu->lapic, vcpu_tsc(vcpu));
		return 0;
	case MSR_APIC_BASE:
		*value = lapic_base(&vcpu->lapic);
		return 0;
	case MSR_TSC_AUX:
		*value = vcpu->tsc_aux;
		return 0;
	case MSR_SPEC_CTRL:
		*value = vcpu->spec_ctrl;
		return 0;
	case MSR_PRED_CMD:
	case MSR_FLUSH_CMD:
		*value = 0;
		return host ? 0 : -NXT_EINVAL;
	case MSR_DEBUGCTL:
		*value = 0;
		return 0;
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_SYSTEM_TIME:
		*value = vcpu->clock.msr;
		return 0;
	case MSR_KVM_STEAL_TIME:
		*value = vcpu->steal.msr;
		return 0;
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_WALL_CLOCK:
		*value = __atomic_load_n(&vcpu->vm->wall_clock_msr, __ATOMIC_RELAXED);
		return 0;
	default:
		return vendor->get_msr(&vcpu->ctx, index, value) ? 0 : -NXT_ENOENT;
	}
}

static bool valid_pat(u64 value)
{
	for (u32 i = 0; i < 8; i++) {
		u8 type = (u8)(value >> i * 8);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int write_efer(struct vcpu *vcpu, u64 value, bool host)
{
	const struct cpuid_table *cpuid = &vcpu->cpuid;
	struct paging_state paging;
	u64 allowed = 0;

	vendor->get_paging(&vcpu->ctx, &paging);
	if (host || cpuid_has(cpuid, CPUID_SYSCALL))
		allowed |= EFER_SCE;
	if (host || cpuid_has(cpuid, CPUID_LM))
		allowed |= EFER_LME | EFER_LMA;
	if (host || cpuid_has(cpuid, CPUID_NX))
		allowed |= EFER_NX;
	if (host || cpuid_has(cpuid, CPUID_FXSR_OPT))
		allowed |= EFER_FFXSR;
	if (value & ~allowed)
		return -NXT_EINVAL;
	if (!host && (paging.cr0 & CR0_PG) && ((value ^ paging.efer) & EFER_LME))
		return -NXT_EINVAL;
	/* LMA follows from the rest, whatever is written. */
	value &= ~EFER_LMA;
	if ((value & EFER_LME) && (paging.cr0 & CR0_PG))
		value |= EFER_LMA;
	return vendor->set_msr(&vcpu->ctx, MSR_EFER, value) ? 0 : -NXT_EINVAL;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static int write_x2apic(struct vcpu *vcpu, u32 index, u64 value)
{
	struct lapic_actions actions;
	int error = lapic_msr_write(&vcpu->lapic, index, value, vcpu_tsc(vcpu), &actions);

	if (!error)
		vcpu->msr_reason = vcpu_apic_actions(vcpu, &actions);
	return error;
}

/* Guest memory is written for the guest alone: what user space restores has it in memory already. */
static void write_wall_clock_msr(struct vcpu *vcpu, u64 value, bool host)
{
	if (host)
		__atomic_store_n(&vcpu->vm->wall_clock_msr, value, __ATOMIC_RELAXED);
	else
		vcpu->msr_reason = vcpu_ask_wall_clock(vcpu, value);
}

static int hw_write(void *opaque, u32 index, u64 value, bool host)
{
	struct vcpu *vcpu = opaque;

	if (is_x2apic(index))
		return write_x2apic(vcpu, index, value);
	switch (index) {
	case MSR_TSC:
		vcpu_write_tsc(vcpu, value, host);
		return 0;
	case MSR_TSC_ADJUST:
		if (!host)
			vcpu_set_tsc_offset(vcpu, vcpu->tsc_offset + value - vcpu->tsc_adjust);
		vcpu->tsc_adjust = value;
		return 0;
	case MSR_TSC_DEADLINE:
		lapic_tsc_deadline_write(&vcpu->lapic, value);
		vcpu->msr_reason = vcpu_apic_actions(vcpu, &(struct lapic_actions){.what = LAPIC_DO_TIMER});
		return 0;
	case MSR_APIC_BASE:
		return lapic_base_write(&vcpu->lapic, value, host);
	case MSR_TSC_AUX:
		if (value >> 32)
			return -NXT_EINVAL;
		vcpu->tsc_aux = (u32)value;
		return 0;
	case MSR_SPEC_CTRL:
		vcpu->spec_ctrl = value;
		return 0;
	case MSR_PRED_CMD:
	case MSR_FLUSH_CMD:
		if (!host && value && !wrmsr_safe(index, value))
			return -NXT_EINVAL;
		return 0;
	case MSR_DEBUGCTL:
		/* Last-branch recording and BTF are not offered. */
		return value && !host ? -NXT_EINVAL : 0;
	case MSR_KVM_SYSTEM_TIME_OLD:
	case MSR_KVM_SYSTEM_TIME:
		vcpu_set_clock_msr(vcpu, value);
		return 0;
	case MSR_KVM_WALL_CLOCK_OLD:
	case MSR_KVM_WALL_CLOCK:
		write_wall_clock_msr(vcpu, value, host);
		return 0;
	case MSR_KVM_STEAL_TIME:
		return vcpu_set_steal_msr(vcpu, value) ? 0 : -NXT_EINVAL;
	case MSR_PAT:
		if (!valid_pat(value))
			return -NXT_EINVAL;
		break;
	case MSR_EFER:
		return write_efer(vcpu, value, host);
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
		if (!canonical(value))
			return -NXT_EINVAL;
		break;
	case MSR_SFMASK:
		value = (u32)value;
		break;
	}
	return vendor->set_msr(&vcpu->ctx, index, value) ? 0 : -NXT_ENOENT;
}

struct msr_ctx vcpu_msr_ctx(struct vcpu *vcpu)
{
	return (struct msr_ctx){
		.msrs = &vcpu->msrs,
		.cpuid = &vcpu->cpuid,
		.vcpu = vcpu,
		.hw_read = hw_read,
		.hw_write = hw_write,
	};
}

static void finish(struct vcpu *vcpu, u64 read)
{
	struct nxt_regs *regs = &vcpu->ctx.regs;

	if (!vcpu->msr_write) {
		regs->rax = (u32)read;
		regs->rdx = read >> 32;
	}
	regs->rip += vcpu->insn_len;
	vendor->set_shadow(&vcpu->ctx, false);
}

static u64 operand(const struct vcpu *vcpu)
{
	return vcpu->ctx.regs.rdx << 32 | (u32)vcpu->ctx.regs.rax;
}

static s64 leave(struct vcpu *vcpu, enum nxt_msr_reason reason)
{
	struct nxt_run *run = vcpu->run;

	run->msr.index = (u32)vcpu->ctx.regs.rcx;
	run->msr.write = vcpu->msr_write;
	run->msr.reason = reason;
	run->msr.value = operand(vcpu);
	vcpu->pending = PENDING_MSR;
	return NXT_EXIT_MSR;
}

static s64 carry_out(struct vcpu *vcpu)
{
	struct msr_ctx ctx = vcpu_msr_ctx(vcpu);
	u32 index = (u32)vcpu->ctx.regs.rcx;
	u64 value = operand(vcpu);
	int error;

	vcpu->msr_reason = CONTINUE;
	error = vcpu->msr_write ? msr_write(&ctx, index, value, false) : msr_read(&ctx, index, false, &value);
	if (error && (vcpu->msr_exits & NXT_RUN_TELL_MSR))
		return leave(vcpu, error == -NXT_ENOENT ? NXT_MSR_UNKNOWN : NXT_MSR_INVALID);
	if (error) {
		vcpu_raise(vcpu, VECTOR_GP, true, 0);
		return CONTINUE;
	}
	if (vcpu->msr_write)
		vcpu_wrote_msr(index, value);
	finish(vcpu, value);
	return vcpu_stepped(vcpu, vcpu->msr_reason);
}

s64 vcpu_msr_exit(struct vcpu *vcpu, const struct exit *exit)
{
	vcpu->insn_len = exit->insn_len ? exit->insn_len : 2;
	vcpu->msr_write = exit->msr.write;
	if ((vcpu->msr_exits & NXT_RUN_ASK_MSR) && !is_x2apic((u32)vcpu->ctx.regs.rcx))
		return leave(vcpu, NXT_MSR_ASKED);
	return carry_out(vcpu);
}

s64 vcpu_finish_msr(struct vcpu *vcpu, u32 in_flags)
{
	u64 value;
	s64 reason;

	if (in_flags & NXT_RUN_MSR_DONE) {
		memcpy(&value, vcpu->run->data, sizeof(value));
		finish(vcpu, value);
		return vcpu_stepped(vcpu, CONTINUE);
	}
	if (in_flags & NXT_RUN_MSR_GO) {
		/* It may be one that the CPU holds while the vCPU is loaded. */
		vendor->cd_save(&vcpu->ctx);
		reason = carry_out(vcpu);
		vendor->cd_load(&vcpu->ctx);
		return reason;
	}
	vcpu_raise(vcpu, VECTOR_GP, true, 0);
	return CONTINUE;
}
