/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events into a guest, and knowing when it can take one (AMD APM vol. 2, 15.20 and 15.21). */
#include "svm/svm.h"
#include "cpu/msr.h"

#define VECTOR_BP 3
#define VECTOR_OF 4

static struct vmcb *vmcb_of(const struct context *ctx)
{
	return ctx->hw;
}

static void set_intercept1(struct context *ctx, u64 bit, bool on)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	vmcb->intercept1 = (u32)(on ? vmcb->intercept1 | bit : vmcb->intercept1 & ~bit);
}

/* All bits of the map for I/O ports are set, and more of them than this map has. */
void svm_intercept_msrs(struct context *ctx, bool all)
{
	vmcb_of(ctx)->msrpm_pa = all ? svm_tables.iopm : svm_tables.vm_msrpm;
}

void svm_intercept_dr(struct context *ctx, bool on)
{
	vmcb_of(ctx)->intercept_dr = on ? 0xffffffff : 0;
}

void svm_inject(struct context *ctx, const struct event *event)
{
	static const u8 types[] = {
		[EVENT_INTR] = EVENT_TYPE_INTR,
		[EVENT_NMI] = EVENT_TYPE_NMI,
		[EVENT_EXCEPTION] = EVENT_TYPE_EXCEPTION,
		[EVENT_SOFT] = EVENT_TYPE_SOFT,
	};
	u64 value = EVENT_VALID | (u64)types[event->type] << EVENT_TYPE_SHIFT | event->vector;

	if (event->has_error)
		value |= EVENT_HAS_ERROR | (u64)event->error << 32;
	vmcb_of(ctx)->event_inj = value;
}

bool svm_pending(struct context *ctx, struct event *ret_event)
{
	u64 info = vmcb_of(ctx)->exit_int_info;
	u8 vector = (u8)info;
	enum event_type type;

	if (!(info & EVENT_VALID))
		return false;
	vmcb_of(ctx)->exit_int_info = 0;
	switch (info >> EVENT_TYPE_SHIFT & 7) {
	case EVENT_TYPE_NMI:
		type = EVENT_NMI;
		break;
	case EVENT_TYPE_EXCEPTION:
		/* No vector above 31 is an exception: QEMU's emulation says this of interrupts. */
		type = vector < 32 ? EVENT_EXCEPTION : EVENT_INTR;
		break;
	case EVENT_TYPE_SOFT:
		return false;
	default:
		type = EVENT_INTR;
	}
	/*
	 * INT n, and #BP and #OF, which are instructions too: RIP still points at them, and they execute
	 * again.
	 */
	if (type == EVENT_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF))
		return false;
	*ret_event = (struct event){
		.type = type,
		.vector = vector,
		.has_error = info & EVENT_HAS_ERROR,
		.error = (u32)(info >> 32),
	};
	return true;
}

bool svm_irq_open(const struct context *ctx)
{
	const struct vmcb *vmcb = vmcb_of(ctx);

	return (ctx->regs.rflags & RFLAGS_IF) && !(vmcb->int_state & INT_STATE_SHADOW) &&
	       !(vmcb->event_inj & EVENT_VALID);
}

u32 svm_get_shadow(const struct context *ctx)
{
	return vmcb_of(ctx)->int_state & INT_STATE_SHADOW;
}

void svm_set_shadow(struct context *ctx, bool on)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	vmcb->int_state = on ? vmcb->int_state | INT_STATE_SHADOW : vmcb->int_state & ~INT_STATE_SHADOW;
}

/*
 * A virtual interrupt is requested only for the exit when it would be taken; it never reaches the guest.
 * Meanwhile writes of CR8 exit as well, and while V_TPR masks the priority, only they can end that: then no
 * virtual interrupt is requested. A processor would need no help with CR8, but QEMU's emulation ends with a
 * write that unmasks a virtual interrupt, and takes one whose priority equals V_TPR: see docs/decisions/0010.
 */
void svm_want_window(struct context *ctx, u32 priority)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	vmcb->int_ctl &= ~(INT_CTL_IRQ | INT_CTL_PRIO | INT_CTL_IGN_TPR);
	if (priority >= 16)
		vmcb->int_ctl |= INT_CTL_IRQ | INT_CTL_IGN_TPR | INT_CTL_PRIO;
	else if (priority > svm_get_tpr(ctx))
		vmcb->int_ctl |= INT_CTL_IRQ | (u64)priority << INT_CTL_PRIO_SHIFT;
	set_intercept1(ctx, INTERCEPT1_VINTR, priority != 0);
	vmcb->intercept_cr = priority ? INTERCEPT_CR8_WRITE : 0;
}

void svm_intercept_hlt(struct context *ctx, bool on)
{
	set_intercept1(ctx, INTERCEPT1_HLT, on);
}

void svm_intercept_iret(struct context *ctx, bool on)
{
	set_intercept1(ctx, INTERCEPT1_IRET, on);
}

u8 svm_get_tpr(const struct context *ctx)
{
	return (u8)(vmcb_of(ctx)->int_ctl & 0xf);
}

void svm_set_tpr(struct context *ctx, u8 cr8)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	vmcb->int_ctl = (vmcb->int_ctl & ~INT_CTL_TPR) | (cr8 & 0xf);
}
