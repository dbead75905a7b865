/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NXT_HC_VCPU_RUN: the loop around the guest, from the hypercall to the exit that needs the control domain.
 */
#include "cpu/asm.h"
#include "cpu/bits.h"
#include "cpu/kick.h"
#include "guest/lapic_timer.h"
#include "guest/vcpu.h"

#define ASID_FIRST 2 /* below are the host's and the control domain's */

/* A tag for the guest's TLB entries, of which none that is not this guest's of today is left on this CPU. */
static void choose_asid(struct cpu *cpu, struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	u64 epoch = __atomic_load_n(&vm->epoch, __ATOMIC_SEQ_CST);
	bool stale = vcpu->cpu != cpu->index || vcpu->asid_epoch != cpu->asid_epoch ||
		     vcpu->asid_vm_epoch != epoch;

	if (stale) {
		if (cpu->asid_next >= cpu->asid_count) {
			cpu->asid_next = ASID_FIRST;
			cpu->asid_epoch++;
			cpu->flush_guests = true;
		}
		vcpu->ctx.asid = cpu->asid_next++;
		vcpu->cpu = cpu->index;
		vcpu->asid_epoch = cpu->asid_epoch;
		vcpu->asid_vm_epoch = epoch;
	}
	/* From here on, whoever revoked something before knows that this vCPU has let go of it. */
	__atomic_store_n(&vcpu->epoch, epoch, __ATOMIC_SEQ_CST);
}

/*
 * All tags of this CPU were given out again. Whoever enters first flushes for all: the vCPU that got the
 * first of them may leave without entering, and enter elsewhere.
 */
static void flush_if_due(struct cpu *cpu, struct vcpu *vcpu)
{
	if (!cpu->flush_guests)
		return;
	vcpu->ctx.flush = true;
	cpu->flush_guests = false;
}

static bool runnable(struct vcpu *vcpu)
{
	if (vcpu->mp_state == NXT_MP_HALTED &&
	    (vcpu->nmi_pending || vcpu_smi_due(vcpu) || vcpu->extint || vcpu->event.type != EVENT_NONE ||
	     ((vcpu->ctx.regs.rflags & RFLAGS_IF) && lapic_pending(&vcpu->lapic) >= 0)))
		vcpu->mp_state = NXT_MP_RUNNABLE;
	return vcpu->mp_state == NXT_MP_RUNNABLE;
}

/*
 * The control domain has set its alarm ahead: the timer is about to fire. It does so now, and its last ticks
 * pass just before the guest is entered, so that the way there does not make it late. The wait is short,
 * whatever the control domain says.
 */
static void expect_timer(struct vcpu *vcpu)
{
	u64 deadline = vcpu_deadline(vcpu);
	s64 early = (s64)(deadline - rdtsc());

	if (!deadline || early > NXT_AWAIT_TICKS)
		return;
	vcpu->await = deadline;
	if (early > 0)
		lapic_timer_poll(&vcpu->lapic, deadline + vcpu->tsc_offset);
}

static void await_timer(struct vcpu *vcpu)
{
	if (!vcpu->await)
		return;
	vcpu->run->timer_early = (s64)(vcpu->await - rdtsc());
	while ((s64)(vcpu->await - rdtsc()) > 0)
		pause();
	vcpu->await = 0;
}

/* Enters the guest until an exit is not Engine's own business. */
static s64 loop(struct cpu *cpu, struct vcpu *vcpu)
{
	struct exit exit;
	s64 reason;
	u8 cr8;

	for (;;) {
		choose_asid(cpu, vcpu);
		lapic_timer_poll(&vcpu->lapic, vcpu_tsc(vcpu));
		vcpu_take_signals(vcpu);
		if (!runnable(vcpu))
			return NXT_EXIT_HALTED;
		if (vcpu_clock_due(vcpu)) {
			reason = vcpu_write_clock(vcpu);
			if (reason != CONTINUE)
				return reason;
		}
		if (vcpu->steal.due) {
			reason = vcpu_write_steal(vcpu);
			if (reason != CONTINUE)
				return reason;
		}
		vendor->set_tpr(&vcpu->ctx, lapic_cr8_get(&vcpu->lapic));
		reason = vcpu_inject(vcpu);
		if (reason != CONTINUE)
			return reason;

		flush_if_due(cpu, vcpu);
		await_timer(vcpu);
		vendor->run(&vcpu->ctx, &exit);

		cpu->exits[EXIT_FROM_VM][exit.kind]++;
		cr8 = vendor->get_tpr(&vcpu->ctx);
		if (cr8 != lapic_cr8_get(&vcpu->lapic))
			lapic_cr8_set(&vcpu->lapic, cr8);
		vendor->pending(&vcpu->ctx, &vcpu->event);
		if (exit.kind == EXIT_NMI) {
			if (!kick_is_ours(cpu))
				return NXT_EXIT_NMI; /* still pending: the control domain gets it */
			vendor->consume_nmi();
			continue;
		}
		reason = vcpu_exit(vcpu, &exit);
		if (reason != CONTINUE)
			return reason;
		if (vcpu->kick_mask)
			return NXT_EXIT_KICK;
	}
}

/* What every exit tells the control domain. */
static void publish(struct vcpu *vcpu, s64 reason)
{
	struct nxt_run *run = vcpu->run;

	run->exit_reason = (u32)reason;
	run->irq_ready = vendor->irq_open(&vcpu->ctx) && !vcpu->extint && vcpu->event.type == EVENT_NONE;
	run->if_flag = !!(vcpu->ctx.regs.rflags & RFLAGS_IF);
	run->cr8 = lapic_cr8_get(&vcpu->lapic);
	run->mp_state = (u8)vcpu->mp_state;
	run->extint_open = lapic_takes_extint(&vcpu->lapic);
	run->apic_base = lapic_base(&vcpu->lapic);
	vcpu->armed = vcpu_deadline(vcpu);
	run->timer_deadline = vcpu->armed;
	run->kick_mask = vcpu->kick_mask;
	vcpu->kick_mask = 0;
}

static void take_input(struct vcpu *vcpu, u32 flags)
{
	if (flags & NXT_RUN_EXTINT) {
		vcpu->extint_vector = READ_ONCE(vcpu->run->extint_vector);
		vcpu->extint = true;
	}
	vcpu->wants_window = flags & NXT_RUN_IRQ_WINDOW;
	if (vcpu->fixes_hypercall != !!(flags & NXT_RUN_FIX_HYPERCALL)) {
		vcpu->fixes_hypercall = flags & NXT_RUN_FIX_HYPERCALL;
		vcpu_intercept_exceptions(vcpu);
	}
	vcpu->msr_exits = flags & (NXT_RUN_ASK_MSR | NXT_RUN_TELL_MSR);
	vendor->intercept_msrs(&vcpu->ctx, flags & NXT_RUN_ASK_MSR);
	vcpu->tells_all = flags & NXT_RUN_TELL_ALL;
	vcpu->run->timer_early = 0;
}

s64 vcpu_run(struct vcpu *vcpu)
{
	struct cpu *cpu = this_cpu();
	u32 flags = READ_ONCE(vcpu->run->in_flags);
	s64 reason;

	vcpu->run->in_flags = 0;
	take_input(vcpu, flags);
	vcpu_take_steal(vcpu);
	vendor->load(&cpu->cd, &vcpu->ctx);
	vcpu_load_extra(vcpu, cpu);
	reason = vcpu_finish(vcpu, flags);
	if (reason == CONTINUE && (flags & NXT_RUN_IMMEDIATE))
		reason = NXT_EXIT_INTR;
	if (reason == CONTINUE && vcpu->kick_mask)
		reason = NXT_EXIT_KICK; /* of the instruction that was finished */
	if (reason == CONTINUE && (flags & NXT_RUN_AWAIT_TIMER))
		expect_timer(vcpu);
	if (reason == CONTINUE)
		reason = loop(cpu, vcpu);
	await_timer(vcpu); /* it has fired, so the time must pass, also if the guest was not entered */
	vcpu_unload_extra(vcpu, cpu);
	vendor->unload(&cpu->cd, &vcpu->ctx);
	publish(vcpu, reason);
	return reason;
}
