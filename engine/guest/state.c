/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NXT_HC_VCPU_GET and SET: a vCPU's state through its state page. The control domain can change the page at
 * any time, so a group is copied first, and the copy is checked and used. A GET, too, makes up its group
 * elsewhere, and only writes to the page.
 */
#include "cpu/bits.h"
#include "cpu/init_state.h"
#include "guest/lapic_timer.h"
#include "guest/vcpu.h"
#include "lib/string.h"

#define XSAVE_BV 512
#define XSAVE_XCOMP_BV 520
#define XSAVE_HEADER_END 576
#define XSAVE_MXCSR 24
#define XSAVE_MXCSR_MASK 28

/*
 * Anything in flight belongs to the instruction at the old RIP. A SET that does not move RIP lets it finish.
 */
static void forget_pending(struct vcpu *vcpu)
{
	vcpu->pending = PENDING_NONE;
	insn_start(&vcpu->emul, NULL, 0);
}

static s64 set_regs(struct vcpu *vcpu, const struct nxt_regs *regs)
{
	if (regs->rip != vcpu->ctx.regs.rip)
		forget_pending(vcpu);
	vcpu->ctx.regs = *regs;
	vcpu->ctx.regs.rflags |= RFLAGS_FIXED;
	if (vcpu->debug.flags & NXT_DEBUG_STEP)
		vcpu->ctx.regs.rflags |= RFLAGS_TF;
	vcpu->triple_fault = false;
	return 0;
}

struct cpuid_state vcpu_cpuid_state(const struct vcpu *vcpu)
{
	struct paging_state paging;

	vendor->get_paging(&vcpu->ctx, &paging);
	return (struct cpuid_state){
		.cr4 = paging.cr4,
		.xcr0 = vcpu->xcr0,
		.apic_enabled = lapic_enabled(&vcpu->lapic),
	};
}

static void get_sregs(struct vcpu *vcpu, struct nxt_sregs *out)
{
	*out = (struct nxt_sregs){0};
	vendor->get_sregs(&vcpu->ctx, out);
	out->cr8 = lapic_cr8_get(&vcpu->lapic);
	out->apic_base = lapic_base(&vcpu->lapic);
}

static s64 set_sregs(struct vcpu *vcpu, const struct nxt_sregs *sregs)
{
	u64 base = lapic_base(&vcpu->lapic);

	/* Also what the CPU would take, but no guest is offered: it could not be restored on another PC. */
	if (sregs->cr4 & ~cpu_guest_cr4())
		return -NXT_EINVAL;
	if (lapic_base_write(&vcpu->lapic, sregs->apic_base, true))
		return -NXT_EINVAL;
	vcpu->lapic.bsp = lapic_base(&vcpu->lapic) & LAPIC_BASE_BSP;
	if (!vendor->set_sregs(&vcpu->ctx, sregs)) {
		lapic_base_write(&vcpu->lapic, base, true);
		return -NXT_EINVAL;
	}
	/* It has less than the TPR: what is there already stays whole. */
	if (sregs->cr8 != lapic_cr8_get(&vcpu->lapic))
		lapic_cr8_set(&vcpu->lapic, (u8)sregs->cr8);
	return 0;
}

static void get_debugregs(struct vcpu *vcpu, struct nxt_debugregs *out)
{
	memcpy(out->db, vcpu->db, sizeof(out->db));
	out->dr6 = vendor->get_dr(&vcpu->ctx, 6);
	out->dr7 = vcpu->debug.flags & NXT_DEBUG_HW_BP ? vcpu->guest_dr7 : vendor->get_dr(&vcpu->ctx, 7);
}

static s64 set_debugregs(struct vcpu *vcpu, const struct nxt_debugregs *in)
{
	if (in->dr6 >> 32 || in->dr7 >> 32)
		return -NXT_EINVAL;
	memcpy(vcpu->db, in->db, sizeof(in->db));
	vendor->set_dr(&vcpu->ctx, 6, in->dr6 | INIT_DR6);
	vcpu->guest_dr7 = in->dr7 | INIT_DR7;
	if (!(vcpu->debug.flags & NXT_DEBUG_HW_BP))
		vendor->set_dr(&vcpu->ctx, 7, in->dr7 | INIT_DR7);
	if (in->dr7 & 0xff) {
		vcpu->db_live = true;
		vendor->intercept_dr(&vcpu->ctx, vcpu->debug.flags & NXT_DEBUG_HW_BP);
	}
	return 0;
}

/*
 * From here on what waits is user space's to replace by a SET, as it has seen it. What comes later waits in
 * the local APIC, out of a SET's reach.
 */
static void latch_events(struct vcpu *vcpu)
{
	if (lapic_take_events(&vcpu->lapic, LAPIC_EVENT_NMI))
		vcpu->nmi_pending = true;
	/* Not SIPI: it has no place in the state, and came after the INIT that waits with it. */
	vcpu->latched |= lapic_take_events(&vcpu->lapic, LAPIC_EVENT_SMI | LAPIC_EVENT_INIT);
}

static void get_events(struct vcpu *vcpu, u64 flags, struct nxt_events *out)
{
	const struct event *event = &vcpu->event;

	if (flags & NXT_EVENTS_LATCH)
		latch_events(vcpu);
	*out = (struct nxt_events){0};
	out->exception_injected = event->type == EVENT_EXCEPTION;
	if (out->exception_injected) {
		out->exception_nr = event->vector;
		out->exception_has_error = event->has_error;
		out->exception_error = event->error;
	}
	/*
	 * One at a time, as SET takes them: a vector that waits behind an exception or NMI shows when that is
	 * in. KVM has no word for one that waits for RFLAGS.IF: vcpu_inject() makes out which it is.
	 */
	out->irq_injected = event->type == EVENT_INTR || (event->type == EVENT_NONE && vcpu->extint);
	out->irq_nr = event->type == EVENT_INTR ? event->vector : vcpu->extint_vector;
	out->irq_shadow = vendor->get_shadow(&vcpu->ctx) ? 2 : 0;
	out->nmi_injected = event->type == EVENT_NMI;
	out->nmi_pending = vcpu->nmi_pending || (lapic_events(&vcpu->lapic) & LAPIC_EVENT_NMI);
	out->nmi_masked = vcpu->nmi_masked;
	out->sipi_vector = lapic_sipi_vector(&vcpu->lapic);
	out->triple_fault_pending = vcpu->triple_fault;
	out->smm = vcpu->smm;
	out->smi_pending = !!(vcpu_events(vcpu) & LAPIC_EVENT_SMI);
	out->smm_in_nmi = vcpu->smm && vcpu->smm_in_nmi;
	out->init_pending = !!(vcpu_events(vcpu) & LAPIC_EVENT_INIT);
}

static void set_smm(struct vcpu *vcpu, const struct nxt_events *in)
{
	/* An INIT that did not wait here is a new one, which undoes the SIPI from before it. */
	if (in->init_pending && !(vcpu_events(vcpu) & LAPIC_EVENT_INIT))
		lapic_take_events(&vcpu->lapic, LAPIC_EVENT_SIPI);
	vcpu->latched = (in->smi_pending ? LAPIC_EVENT_SMI : 0) | (in->init_pending ? LAPIC_EVENT_INIT : 0);
	vcpu->smm_in_nmi = in->smm_in_nmi;
	if (vcpu->smm != !!in->smm) {
		forget_pending(vcpu);
		vcpu_set_smm(vcpu, in->smm);
	}
}

/*
 * INIT waits for the end of SMM. An SMI that waits is no contradiction: it stays until after the SIPI, and so
 * takes a CPU that was plugged in straight into SMM, as firmware relies on.
 */
static bool smm_holds_init(bool smm, u32 mp_state)
{
	return smm && (mp_state == NXT_MP_INIT_RECEIVED || mp_state == NXT_MP_SIPI_RECEIVED);
}

static s64 set_events(struct vcpu *vcpu, const struct nxt_events *in)
{
	bool exception = in->exception_injected || in->exception_pending;

	if ((exception && in->exception_nr > 31) || !!exception + !!in->irq_injected + !!in->nmi_injected > 1)
		return -NXT_EINVAL;
	if (in->sets_smm && smm_holds_init(in->smm, vcpu->mp_state))
		return -NXT_EINVAL;
	vcpu->event = (struct event){0};
	if (exception)
		vcpu->event = (struct event){.type = EVENT_EXCEPTION,
					     .vector = in->exception_nr,
					     .has_error = in->exception_has_error,
					     .error = in->exception_error};
	else if (in->nmi_injected)
		vcpu->event = (struct event){.type = EVENT_NMI, .vector = 2};
	else if (in->irq_injected)
		vcpu->event =
			(struct event){.type = in->irq_soft ? EVENT_SOFT : EVENT_INTR, .vector = in->irq_nr};
	if (vcpu->event.type != EVENT_EXCEPTION && vcpu->event.type != EVENT_NMI)
		vcpu->extint = false;
	vendor->set_shadow(&vcpu->ctx, in->irq_shadow);
	vcpu->nmi_pending = in->nmi_pending;
	vcpu->nmi_masked = in->nmi_masked;
	vendor->intercept_iret(&vcpu->ctx, in->nmi_masked);
	vcpu->triple_fault = in->triple_fault_pending;
	if (in->sets_smm)
		set_smm(vcpu, in);
	return 0;
}

/* What XRSTOR would refuse (SDM vol. 1, 13.8.1) is refused here: Engine executes it. */
static s64 set_xsave(struct vcpu *vcpu)
{
	u8 *area = vcpu->fpu;
	u64 bv;
	u32 mxcsr;

	memcpy(&bv, (u8 *)vcpu->state + XSAVE_BV, sizeof(bv));
	memcpy(&mxcsr, (u8 *)vcpu->state + XSAVE_MXCSR, sizeof(mxcsr));
	if ((bv & ~fpu_guest_xcr0()) || mxcsr & ~0xffffu)
		return -NXT_EINVAL;
	memcpy(area, vcpu->state, fpu_area_size());
	if (fpu_guest_xcr0()) {
		memcpy(area + XSAVE_BV, &bv, sizeof(bv));
		memset(area + XSAVE_XCOMP_BV, 0, XSAVE_HEADER_END - XSAVE_XCOMP_BV);
	}
	memcpy(area + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	return 0;
}

static s64 get_msrs(struct vcpu *vcpu, struct nxt_msr_list *list)
{
	struct msr_ctx ctx = vcpu_msr_ctx(vcpu);
	u32 count = READ_ONCE(list->count);
	u32 done = 0;

	if (count > NXT_MSRS_MAX)
		return -NXT_E2BIG;
	for (; done < count; done++) {
		u64 value;

		if (msr_read(&ctx, READ_ONCE(list->msr[done].index), true, &value))
			break;
		WRITE_ONCE(list->msr[done].value, value);
	}
	return done;
}

static s64 set_msrs(struct vcpu *vcpu, const struct nxt_msr_list *list)
{
	struct msr_ctx ctx = vcpu_msr_ctx(vcpu);
	u32 count = READ_ONCE(list->count);
	u32 done = 0;

	if (count > NXT_MSRS_MAX)
		return -NXT_E2BIG;
	while (done < count &&
	       !msr_write(&ctx, READ_ONCE(list->msr[done].index), READ_ONCE(list->msr[done].value), true))
		done++;
	return done;
}

static s64 set_cpuid(struct vcpu *vcpu, const struct nxt_cpuid_list *list)
{
	int error = cpuid_set(&vcpu->cpuid, list);

	if (error)
		return error;
	lapic_set_features(&vcpu->lapic, vcpu->cpuid.features.maxphyaddr,
			   cpuid_has(&vcpu->cpuid, CPUID_X2APIC),
			   cpuid_has(&vcpu->cpuid, CPUID_TSC_DEADLINE));
	return 0;
}

/* NXT_DEBUG_STEP works by the guest's trap flag, as the processor offers nothing else. */
static s64 set_debug(struct vcpu *vcpu, const struct nxt_debug_ctl *in)
{
	bool had_hw = vcpu->debug.flags & NXT_DEBUG_HW_BP;
	bool had_step = vcpu->debug.flags & NXT_DEBUG_STEP;

	if (!had_hw)
		vcpu->guest_dr7 = vendor->get_dr(&vcpu->ctx, 7);
	vcpu->debug = *in;
	if (!(in->flags & NXT_DEBUG_ENABLE))
		vcpu->debug.flags = 0;
	if (vcpu->debug.flags & NXT_DEBUG_STEP)
		vcpu->ctx.regs.rflags |= RFLAGS_TF;
	else if (had_step)
		vcpu->ctx.regs.rflags &= ~RFLAGS_TF;
	if (vcpu->debug.flags & NXT_DEBUG_HW_BP) {
		vcpu->db_live = true;
		vendor->set_dr(&vcpu->ctx, 7, (u32)in->dr7 | INIT_DR7);
		vendor->intercept_dr(&vcpu->ctx, true);
	} else if (had_hw) {
		vendor->set_dr(&vcpu->ctx, 7, vcpu->guest_dr7);
		vendor->intercept_dr(&vcpu->ctx, !vcpu->db_live);
	}
	vcpu_intercept_exceptions(vcpu);
	return 0;
}

s64 vcpu_get_state(struct vcpu *vcpu, u64 group, u64 arg)
{
	void *page = vcpu->state;
	union {
		struct nxt_regs regs;
		struct nxt_sregs sregs;
		struct nxt_debugregs debugregs;
		struct nxt_events events;
	} out;

	switch (group) {
	case NXT_STATE_REGS:
		out.regs = vcpu->ctx.regs;
		if (vcpu->debug.flags & NXT_DEBUG_STEP)
			out.regs.rflags &= ~RFLAGS_TF; /* it is the debugger's */
		memcpy(page, &out.regs, sizeof(out.regs));
		return 0;
	case NXT_STATE_SREGS:
		get_sregs(vcpu, &out.sregs);
		memcpy(page, &out.sregs, sizeof(out.sregs));
		return 0;
	case NXT_STATE_DEBUGREGS:
		get_debugregs(vcpu, &out.debugregs);
		memcpy(page, &out.debugregs, sizeof(out.debugregs));
		return 0;
	case NXT_STATE_EVENTS:
		get_events(vcpu, arg, &out.events);
		memcpy(page, &out.events, sizeof(out.events));
		return 0;
	case NXT_STATE_XSAVE:
		memcpy(page, vcpu->fpu, fpu_area_size());
		return 0;
	case NXT_STATE_XCR0:
		memcpy(page, &vcpu->xcr0, sizeof(vcpu->xcr0));
		return 0;
	case NXT_STATE_MSRS:
		return get_msrs(vcpu, page);
	case NXT_STATE_CPUID: {
		struct cpuid_state state = vcpu_cpuid_state(vcpu);

		cpuid_get(&vcpu->cpuid, &state, page);
		return 0;
	}
	case NXT_STATE_LAPIC:
		lapic_get_state(&vcpu->lapic, vcpu_tsc(vcpu), page);
		return 0;
	case NXT_STATE_MP:
		memcpy(page, &vcpu->mp_state, sizeof(vcpu->mp_state));
		return 0;
	case NXT_STATE_TSC_KHZ:
		memcpy(page, &vcpu->tsc_khz, sizeof(vcpu->tsc_khz));
		return 0;
	case NXT_STATE_TSC_OFFSET:
		memcpy(page, &vcpu->tsc_offset, sizeof(vcpu->tsc_offset));
		return 0;
	case NXT_STATE_TRANSLATE: {
		u64 linear = READ_ONCE(*(u64 *)page);
		struct nxt_translate result;

		vcpu_translate(vcpu, linear, &result);
		memcpy(page, &result, sizeof(result));
		return 0;
	}
	default:
		return -NXT_EINVAL;
	}
}

static s64 set_u64(struct vcpu *vcpu, u64 group, u64 value)
{
	switch (group) {
	case NXT_STATE_XCR0:
		return vcpu_set_xcr0(vcpu, value) ? 0 : -NXT_EINVAL;
	case NXT_STATE_TSC_KHZ:
		if (lapic_timer_set_khz(&vcpu->lapic, value, vcpu_tsc(vcpu)))
			return -NXT_EINVAL;
		vcpu->tsc_khz = value;
		return 0;
	case NXT_STATE_TSC_OFFSET:
		vcpu_put_tsc_offset(vcpu, value);
		return 0;
	case NXT_STATE_APIC_BUS:
		return lapic_timer_set_bus(&vcpu->lapic, value);
	case NXT_STATE_NATIVE:
		if (value & ~(u64)NXT_NATIVE_HLT)
			return -NXT_EINVAL;
		vendor->intercept_hlt(&vcpu->ctx, !(value & NXT_NATIVE_HLT));
		return 0;
	default: /* NXT_STATE_MP */
		value = (u32)value;
		if (value > NXT_MP_SIPI_RECEIVED || smm_holds_init(vcpu->smm, (u32)value))
			return -NXT_EINVAL;
		if (value == NXT_MP_SIPI_RECEIVED) {
			vcpu_reset(vcpu, false, lapic_sipi_vector(&vcpu->lapic));
			value = NXT_MP_RUNNABLE;
		}
		vcpu->mp_state = (u32)value;
		return 0;
	}
}

s64 vcpu_set_state(struct vcpu *vcpu, u64 group, u64 arg)
{
	union {
		struct nxt_regs regs;
		struct nxt_sregs sregs;
		struct nxt_debugregs debugregs;
		struct nxt_events events;
		struct nxt_debug_ctl debug;
		u64 value;
	} in;

	(void)arg;
	memcpy(&in, vcpu->state, sizeof(in));
	switch (group) {
	case NXT_STATE_REGS:
		return set_regs(vcpu, &in.regs);
	case NXT_STATE_SREGS:
		return set_sregs(vcpu, &in.sregs);
	case NXT_STATE_DEBUGREGS:
		return set_debugregs(vcpu, &in.debugregs);
	case NXT_STATE_EVENTS:
		return set_events(vcpu, &in.events);
	case NXT_STATE_XSAVE:
		return set_xsave(vcpu);
	case NXT_STATE_XCR0:
	case NXT_STATE_MP:
	case NXT_STATE_TSC_KHZ:
	case NXT_STATE_NATIVE:
	case NXT_STATE_TSC_OFFSET:
	case NXT_STATE_APIC_BUS:
		return set_u64(vcpu, group, in.value);
	case NXT_STATE_MSRS:
		return set_msrs(vcpu, vcpu->state);
	case NXT_STATE_CPUID:
		return set_cpuid(vcpu, vcpu->state);
	case NXT_STATE_LAPIC:
		lapic_set_state(&vcpu->lapic, vcpu_tsc(vcpu), vcpu->state);
		return 0;
	case NXT_STATE_DEBUG_CTL:
		return set_debug(vcpu, &in.debug);
	default:
		return -NXT_EINVAL;
	}
}
