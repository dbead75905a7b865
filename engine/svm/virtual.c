/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts into a guest, as virtual interrupts (AMD APM vol. 2, 15.21.4) instead of injected events
 * (15.20).
 *
 * On a processor both do the same to a guest that can take an interrupt at once. QEMU's emulation remembers
 * an injected interrupt until the next exit, and delivers it a second time, whatever RFLAGS.IF says, when
 * something makes the emulator's loop go round before that: a guest's kernel then waits for a spinlock that
 * it holds itself. A virtual interrupt does not have that fault. See docs/decisions/0010.
 */
#include "svm/svm.h"
#include "cpu/bits.h"

#define CONTROL (INT_CTL_IRQ | INT_CTL_PRIO | INT_CTL_IGN_TPR | INT_CTL_VECTOR)

bool svm_make_virtual(struct vmcb *vmcb)
{
	/* V_IRQ may be in use already, for the exit when a further interrupt can be taken. */
	if (!(vmcb->event_inj & EVENT_VALID) ||
	    (vmcb->event_inj & EVENT_TYPE) != EVENT_TYPE_INTR << EVENT_TYPE_SHIFT ||
	    (vmcb->int_ctl & INT_CTL_IRQ) || !(vmcb->rflags & RFLAGS_IF) ||
	    (vmcb->int_state & INT_STATE_SHADOW))
		return false;
	vmcb->int_ctl = (vmcb->int_ctl & ~CONTROL) | INT_CTL_IRQ | INT_CTL_PRIO | INT_CTL_IGN_TPR |
			(vmcb->event_inj & EVENT_VECTOR) << INT_CTL_VECTOR_SHIFT;
	vmcb->event_inj = 0;
	return true;
}

void svm_end_virtual(struct vmcb *vmcb)
{
	/*
	 * Something physical came before it, or the exit interrupted it on its way in; emulation reports the
	 * latter in both places.
	 */
	if ((vmcb->int_ctl & INT_CTL_IRQ) && !(vmcb->exit_int_info & EVENT_VALID))
		vmcb->exit_int_info = EVENT_VALID | EVENT_TYPE_INTR << EVENT_TYPE_SHIFT |
				      (vmcb->int_ctl & INT_CTL_VECTOR) >> INT_CTL_VECTOR_SHIFT;
	vmcb->int_ctl &= ~CONTROL;
}
