// SPDX-License-Identifier: GPL-2.0-only
/* Pending events, and debugging from outside. */
#include <linux/bits.h>
#include <linux/string.h>
#include <asm/trapnr.h>

#include "hypercall.h"
#include "internal.h"
#include "state.h"

/* INT3 and INTO: their instruction runs again instead of the exception being injected again. */
static bool is_soft(u8 vector)
{
	return vector == X86_TRAP_BP || vector == X86_TRAP_OF;
}

int nxt_events_get(struct nxt_vcpu *vcpu, struct kvm_vcpu_events *to)
{
	const struct nxt_events *from = vcpu->state;
	int ret = nxt_hc_vcpu_get(vcpu->vm->id, vcpu->id, NXT_STATE_EVENTS, NXT_EVENTS_LATCH);

	if (ret)
		return ret;
	memset(to, 0, sizeof(*to));
	if (!is_soft(from->exception_nr)) {
		/* Who does not know about payloads takes a pending exception for an injected one. */
		to->exception.injected = from->exception_injected || from->exception_pending;
		to->exception.pending = from->exception_pending;
	}
	to->exception.nr = from->exception_nr;
	to->exception.has_error_code = from->exception_has_error;
	to->exception.error_code = from->exception_error;
	to->interrupt.injected = from->irq_injected && !from->irq_soft;
	to->interrupt.nr = from->irq_nr;
	to->interrupt.shadow = from->irq_shadow;
	to->nmi.injected = from->nmi_injected;
	to->nmi.pending = from->nmi_pending;
	to->nmi.masked = from->nmi_masked;
	to->smi.smm = from->smm;
	to->smi.pending = from->smi_pending;
	to->smi.smm_inside_nmi = from->smm_in_nmi;
	to->smi.latched_init = from->init_pending;
	to->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;
	return 0;
}

int nxt_events_set(struct nxt_vcpu *vcpu, const struct kvm_vcpu_events *from)
{
	struct nxt_events *to = vcpu->state;
	int ret;

	if (from->flags & ~(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM))
		return -EINVAL;
	if (from->exception.injected && from->exception.nr > 31)
		return -EINVAL;

	ret = nxt_state_get(vcpu, NXT_STATE_EVENTS);
	if (ret)
		return ret;
	to->exception_injected = from->exception.injected;
	to->exception_pending = 0; /* only with payloads, which are not offered */
	/* QEMU says 255 when there is none. */
	to->exception_nr = from->exception.injected ? from->exception.nr : 0;
	to->exception_has_error = from->exception.has_error_code;
	to->exception_error = from->exception.error_code;
	to->irq_injected = from->interrupt.injected;
	to->irq_nr = from->interrupt.nr;
	to->irq_soft = from->interrupt.soft;
	to->nmi_injected = from->nmi.injected;
	to->nmi_masked = from->nmi.masked;
	if (from->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		to->nmi_pending = from->nmi.pending;
	if (from->flags & KVM_VCPUEVENT_VALID_SHADOW)
		to->irq_shadow = from->interrupt.shadow;
	if (from->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		to->sipi_vector = from->sipi_vector;
	if (from->flags & KVM_VCPUEVENT_VALID_SMM) {
		to->sets_smm = 1;
		to->smm = from->smi.smm;
		to->smi_pending = from->smi.pending;
		to->smm_in_nmi = from->smi.smm_inside_nmi;
		/* Without the kernel's local APIC, INIT is user space's. */
		to->init_pending = from->smi.latched_init && nxt_irqchip_mode(vcpu->vm) != NXT_IRQCHIP_NONE;
	}
	return nxt_state_set(vcpu, NXT_STATE_EVENTS);
}

int nxt_exception_queue(struct nxt_vcpu *vcpu, u8 vector)
{
	struct nxt_events *events = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_EVENTS);

	if (ret)
		return ret;
	if (events->exception_injected || events->exception_pending)
		return -EBUSY;
	events->exception_pending = 1;
	events->exception_nr = vector;
	events->exception_has_error = 0;
	return nxt_state_set(vcpu, NXT_STATE_EVENTS);
}

int nxt_guest_debug_set(struct nxt_vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	struct nxt_debug_ctl *ctl = vcpu->state;
	u32 control = debug->control;
	int ret = 0;

	/* User space found that a trap was the guest's own. */
	if (control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP))
		ret = nxt_exception_queue(vcpu, control & KVM_GUESTDBG_INJECT_DB ? X86_TRAP_DB : X86_TRAP_BP);
	if (ret)
		return ret;

	memset(ctl, 0, sizeof(*ctl));
	if (control & KVM_GUESTDBG_ENABLE) {
		ctl->flags = NXT_DEBUG_ENABLE;
		if (control & KVM_GUESTDBG_SINGLESTEP)
			ctl->flags |= NXT_DEBUG_STEP;
		if (control & KVM_GUESTDBG_USE_SW_BP)
			ctl->flags |= NXT_DEBUG_SW_BP;
		if (control & KVM_GUESTDBG_USE_HW_BP)
			ctl->flags |= NXT_DEBUG_HW_BP;
		memcpy(ctl->db, debug->arch.debugreg, sizeof(ctl->db));
		ctl->dr7 = debug->arch.debugreg[7];
	}
	return nxt_state_set(vcpu, NXT_STATE_DEBUG_CTL);
}
