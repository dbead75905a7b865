// SPDX-License-Identifier: GPL-2.0-only
/* KVM_RUN: entering the guest through Engine, until something is for user space. */
#include <linux/context_tracking.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/vtime.h>

#include "hypercall.h"
#include "internal.h"
#include "exit.h"
#include "msr_filter.h"
#include "state.h"
#include "stats.h"
#include "work.h"

static bool must_leave(const struct nxt_vcpu *vcpu)
{
	return vcpu->immediate_exit || signal_pending(current);
}

/* A vector of the PIC, or of user space's PIC, waits for this vCPU. */
static bool extint_pending(struct nxt_vcpu *vcpu)
{
	switch (nxt_irqchip_mode(vcpu->vm)) {
	case NXT_IRQCHIP_FULL:
		return nxt_pic_pending(vcpu->vm) && READ_ONCE(vcpu->run->extint_open);
	case NXT_IRQCHIP_SPLIT:
		return vcpu->extint >= 0 && READ_ONCE(vcpu->run->extint_open);
	default:
		return vcpu->extint >= 0;
	}
}

static int extint_ack(struct nxt_vcpu *vcpu)
{
	int vector = vcpu->extint;

	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_FULL)
		return nxt_pic_ack(vcpu->vm);
	vcpu->extint = -1;
	return vector;
}

/* User space has a PIC, and waits for the moment when it may inject. */
static bool wants_window(const struct nxt_vcpu *vcpu)
{
	return nxt_irqchip_mode(vcpu->vm) != NXT_IRQCHIP_FULL &&
	       READ_ONCE(vcpu->kvm_run->request_interrupt_window);
}

static bool window_open(struct nxt_vcpu *vcpu)
{
	struct nxt_run *run = vcpu->run;

	switch (nxt_irqchip_mode(vcpu->vm)) {
	case NXT_IRQCHIP_FULL:
		return true; /* as KVM says: nobody but the driver injects */
	case NXT_IRQCHIP_SPLIT:
		return READ_ONCE(run->irq_ready) && vcpu->extint < 0 && READ_ONCE(run->extint_open);
	default:
		return READ_ONCE(run->irq_ready) && vcpu->extint < 0;
	}
}

/* Interrupts are off, so a pending vector of the PIC stays pending until it is in Engine's hands. */
static void prepare_flags(struct nxt_vcpu *vcpu, bool leave)
{
	struct nxt_run *run = vcpu->run;
	u32 flags = vcpu->run_flags | nxt_msr_run_flags(vcpu->vm);
	int vector;

	vcpu->run_flags = 0;
	if (!(READ_ONCE(vcpu->vm->quirks_off) & KVM_X86_QUIRK_FIX_HYPERCALL_INSN))
		flags |= NXT_RUN_FIX_HYPERCALL;
	if (READ_ONCE(vcpu->vm->tells_all))
		flags |= NXT_RUN_TELL_ALL;
	if (READ_ONCE(vcpu->timer_near)) {
		WRITE_ONCE(vcpu->timer_near, false);
		flags |= NXT_RUN_AWAIT_TIMER;
	}
	if (leave) {
		flags |= NXT_RUN_IMMEDIATE;
	} else if (extint_pending(vcpu)) {
		/* An unfinished instruction may be the one that closes the window. */
		if (READ_ONCE(run->irq_ready) && !vcpu->unfinished) {
			vector = extint_ack(vcpu);
			if (vector >= 0) {
				WRITE_ONCE(run->extint_vector, vector);
				flags |= NXT_RUN_EXTINT;
			}
		} else {
			flags |= NXT_RUN_IRQ_WINDOW;
		}
	} else if (wants_window(vcpu)) {
		flags |= NXT_RUN_IRQ_WINDOW;
	}
	WRITE_ONCE(run->in_flags, flags);
	WRITE_ONCE(run->steal_ns, current->sched_info.run_delay);
}

/* The last look before the guest: 0, -EINTR or -EAGAIN (try again). Interrupts are off. */
static int may_enter(struct nxt_vcpu *vcpu)
{
	bool leave = must_leave(vcpu);

	if (need_resched() || (!leave && nxt_work_pending()))
		return -EAGAIN;
	/*
	 * What the guest has begun, it finishes: else its registers would show half an instruction. Nobody
	 * looks at those of a process that is being killed.
	 */
	if (leave && (!vcpu->unfinished || fatal_signal_pending(current))) {
		/* User space may change everything; what the flags answered will be asked again. */
		vcpu->run_flags = 0;
		return -EINTR;
	}
	prepare_flags(vcpu, leave);
	return 0;
}

/* One VCPU_RUN. Returns the exit reason, or -EINTR, -EAGAIN (try again), -EIO, or Engine's error. */
static long enter(struct nxt_vcpu *vcpu)
{
	long ret;

	cond_resched();
	nxt_work_do();
	local_irq_disable();
	WRITE_ONCE(vcpu->wake, false);
	nxt_kick_enter(vcpu);
	ret = may_enter(vcpu);
	if (READ_ONCE(vcpu->vm->dead))
		ret = -EIO;
	if (ret) {
		nxt_kick_leave(vcpu);
		local_irq_enable();
		return ret;
	}
	vcpu->unfinished = false;

	vtime_account_guest_enter();
	if (!context_tracking_guest_enter())
		rcu_virt_note_context_switch();
	ret = nxt_hc_vcpu_run(vcpu->vm->id, vcpu->id);
	context_tracking_guest_exit();
	nxt_kick_leave(vcpu);

	/* The interrupt that ended the run is taken here, and counts as the guest's time. */
	local_irq_enable();
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();
	return ret;
}

/* The vCPU waits for an interrupt, INIT or SIPI. */
static void sleep_halted(struct nxt_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->run->irq_ready) && extint_pending(vcpu))
		return;
	if (wants_window(vcpu) && window_open(vcpu))
		return;
	prepare_to_rcuwait(&vcpu->sleep);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(vcpu->wake) || signal_pending(current))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->sleep);
}

static int halted(struct nxt_vcpu *vcpu)
{
	if (nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE) {
		/* The instruction is over, and waiting is user space's affair. */
		vcpu->kvm_run->exit_reason = KVM_EXIT_HLT;
		return nxt_mp_set(vcpu, NXT_MP_RUNNABLE);
	}
	sleep_halted(vcpu);
	return 1;
}

/* 1: run on; 0: kvm_run says what user space has to do; or an errno. */
static int handle(struct nxt_vcpu *vcpu, long reason)
{
	int ret = reason == NXT_EXIT_HALTED ? halted(vcpu) : nxt_exit_handle(vcpu, reason);

	if (ret == 1 && !vcpu->unfinished && wants_window(vcpu) && window_open(vcpu)) {
		vcpu->kvm_run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		return 0;
	}
	return ret;
}

static int run_loop(struct nxt_vcpu *vcpu)
{
	long reason;
	int ret;

	do {
		reason = enter(vcpu);
		if (reason == -EAGAIN) {
			ret = 1;
			continue;
		}
		if (reason < 0)
			return READ_ONCE(vcpu->vm->dead) ? -EIO : reason;

		vcpu->has_run = true;
		nxt_stats_count(vcpu, reason);
		nxt_vm_kick_mask(vcpu->vm, READ_ONCE(vcpu->run->kick_mask));
		nxt_timer_update(vcpu);
		ret = handle(vcpu, reason);
	} while (ret == 1);
	return ret;
}

/* Hands what user space read from its device, or as its MSR, to Engine. */
static void take_answer(struct nxt_vcpu *vcpu)
{
	if (vcpu->answer_len)
		memcpy(vcpu->run->data, vcpu->answer, vcpu->answer_len);
	vcpu->answer_len = 0;
	if (vcpu->msr_asked && !READ_ONCE(vcpu->kvm_run->msr.error))
		vcpu->run_flags |= NXT_RUN_MSR_DONE;
	vcpu->msr_asked = false;
}

int nxt_vcpu_run(struct nxt_vcpu *vcpu)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;
	sigset_t saved;
	int ret = 0;

	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &saved);

	ret = nxt_sync_regs_in(vcpu);
	/* Without a local APIC of the kernel's, CR8 is user space's to say. */
	if (!ret && nxt_irqchip_mode(vcpu->vm) == NXT_IRQCHIP_NONE &&
	    READ_ONCE(kvm_run->cr8) != READ_ONCE(vcpu->run->cr8))
		ret = nxt_cr8_set(vcpu, READ_ONCE(kvm_run->cr8));
	if (!ret) {
		vcpu->immediate_exit = READ_ONCE(kvm_run->immediate_exit__unsafe);
		take_answer(vcpu);
		ret = run_loop(vcpu);
		/* Who asked for an immediate exit still finds the reason from before, as with KVM. */
		if (ret == -EINTR && !vcpu->immediate_exit) {
			kvm_run->exit_reason = KVM_EXIT_INTR;
			WRITE_ONCE(vcpu->stats[NXT_STAT_SIGNAL], vcpu->stats[NXT_STAT_SIGNAL] + 1);
		}
	}

	kvm_run->flags = READ_ONCE(vcpu->run->smm) ? KVM_RUN_X86_SMM : 0;
	kvm_run->if_flag = READ_ONCE(vcpu->run->if_flag);
	kvm_run->cr8 = READ_ONCE(vcpu->run->cr8);
	kvm_run->apic_base = READ_ONCE(vcpu->run->apic_base);
	kvm_run->ready_for_interrupt_injection = window_open(vcpu);
	nxt_sync_regs_out(vcpu);

	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &saved, NULL);
	return ret;
}
