/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What enters a guest beside its own instructions: what was raised, SMIs, NMIs, interrupts, INIT and SIPI. */
#include "cpu/bits.h"
#include "guest/vcpu.h"

static void inject(struct vcpu *vcpu, enum event_type type, u8 vector)
{
	vendor->inject(&vcpu->ctx, &(struct event){.type = type, .vector = vector});
}

static void inject_nmi(struct vcpu *vcpu)
{
	vcpu->nmi_pending = false;
	vcpu->nmi_masked = true;
	vendor->intercept_iret(&vcpu->ctx, true);
	inject(vcpu, EVENT_NMI, 2);
}

static void want_window(struct vcpu *vcpu, u32 priority)
{
	if (!priority && !vcpu->window)
		return; /* as it mostly is */
	vcpu->window = (u8)priority;
	vendor->want_window(&vcpu->ctx, priority);
}

/* Exceptions of real mode have no error code (SDM vol. 3, 21.1.4). */
static void inject_raised(struct vcpu *vcpu)
{
	struct paging_state paging;

	if (vcpu->event.has_error) {
		vendor->get_paging(&vcpu->ctx, &paging);
		vcpu->event.has_error = paging.cr0 & CR0_PE;
	}
	vendor->inject(&vcpu->ctx, &vcpu->event);
	if (vcpu->event.type == EVENT_NMI)
		vendor->intercept_iret(&vcpu->ctx, true);
	vcpu->event.type = EVENT_NONE;
}

/* At most one event enters at a time; for the next, the guest exits as soon as it can take it. */
static NOINLINE s64 inject_waiting(struct vcpu *vcpu)
{
	bool open = vendor->irq_open(&vcpu->ctx), smi = vcpu_smi_due(vcpu);
	bool injected = false;
	u32 window = 0;
	int vector, irr;

	if (vcpu->triple_fault)
		return NXT_EXIT_SHUTDOWN;
	/*
	 * No processor begins to deliver an interrupt that is not open: user space got a vector that waits as
	 * one that was injected (state.c), and has set it. It goes on waiting.
	 */
	if (vcpu->event.type == EVENT_INTR && !open)
		vcpu_put_back(vcpu);
	/* A vector that was acknowledged and can go in does: the handler of an SMI knows nothing of it. */
	if (smi && vcpu->event.type == EVENT_NONE && !vendor->get_shadow(&vcpu->ctx) &&
	    !(vcpu->extint && open))
		return vcpu_enter_smm(vcpu);
	if (vcpu->event.type != EVENT_NONE) {
		inject_raised(vcpu);
		injected = true;
	} else if (vcpu->nmi_pending && !vcpu->nmi_masked && !vendor->get_shadow(&vcpu->ctx)) {
		inject_nmi(vcpu);
		injected = true;
	}

	irr = lapic_highest_irr(&vcpu->lapic);
	vector = irr < 0 ? -1 : lapic_pending(&vcpu->lapic);
	if (vcpu->extint && open && !injected) {
		vcpu->extint = false;
		inject(vcpu, EVENT_INTR, vcpu->extint_vector);
		injected = true;
	} else if (vector >= 0 && open && !injected) {
		lapic_accept(&vcpu->lapic, (u8)vector);
		inject(vcpu, EVENT_INTR, (u8)vector);
		injected = true;
		irr = lapic_highest_irr(&vcpu->lapic);
		vector = lapic_pending(&vcpu->lapic);
	} else if (vcpu->wants_window && open && !injected) {
		vcpu->wants_window = false;
		want_window(vcpu, 0);
		return NXT_EXIT_IRQ_WINDOW;
	}

	/* An NMI or SMI in a shadow waits for the shadow's end like an interrupt. */
	if (vcpu->extint || vcpu->wants_window || (vcpu->nmi_pending && !vcpu->nmi_masked) || smi)
		window = 16;
	else if (vector >= 0)
		window = (u32)vector >> 4;
	else if (irr >= 0 && irr >> 4 > lapic_highest_isr(&vcpu->lapic) >> 4)
		window = (u32)irr >> 4; /* CR8 can unmask it without an exit */
	want_window(vcpu, window);
	return CONTINUE;
}

/* Every exit that Engine answers passes here, and mostly nothing waits. */
s64 vcpu_inject(struct vcpu *vcpu)
{
	if (vcpu->event.type != EVENT_NONE || vcpu->nmi_pending || vcpu->extint || vcpu->wants_window ||
	    vcpu->triple_fault || vcpu_smi_due(vcpu) || lapic_highest_irr(&vcpu->lapic) >= 0)
		return inject_waiting(vcpu);
	want_window(vcpu, 0);
	return CONTINUE;
}

/* The vCPU is loaded: part of what a reset changes is in the CPU, beside what it leaves as it is. */
static void reset_loaded(struct vcpu *vcpu, bool power_on, u8 sipi_vector)
{
	vendor->cd_save(&vcpu->ctx);
	vcpu_reset(vcpu, power_on, sipi_vector);
	vendor->cd_load(&vcpu->ctx);
}

void vcpu_take_signals(struct vcpu *vcpu)
{
	u32 events = vcpu_events(vcpu);

	if (!events)
		return;
	/* In SMM, INIT waits, and SIPI is for nobody (APM vol. 2, 10.3.3). */
	events = vcpu_take_events(vcpu,
				  LAPIC_EVENT_NMI | LAPIC_EVENT_SIPI | (vcpu->smm ? 0 : LAPIC_EVENT_INIT));
	if (events & LAPIC_EVENT_INIT) {
		lapic_init_signal(&vcpu->lapic);
		reset_loaded(vcpu, true, 0);
		vcpu->mp_state = vcpu->lapic.bsp ? NXT_MP_RUNNABLE : NXT_MP_INIT_RECEIVED;
	}
	if ((events & LAPIC_EVENT_SIPI) && vcpu->mp_state == NXT_MP_INIT_RECEIVED) {
		reset_loaded(vcpu, false, lapic_sipi_vector(&vcpu->lapic));
		vcpu->mp_state = NXT_MP_RUNNABLE;
	}
	if (events & LAPIC_EVENT_NMI)
		vcpu->nmi_pending = true;
}
