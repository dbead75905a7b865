/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions: what becomes of one beside the event that is on its way in, and which of them exit. */
#include "guest/vcpu.h"

#define VECTOR_DF 8
#define VECTOR_PF 14

/* Contributory exceptions: two of them make a double fault (SDM vol. 3, table 6-5). */
static bool contributory(u8 vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

void vcpu_put_back(struct vcpu *vcpu)
{
	vcpu->extint = true;
	vcpu->extint_vector = vcpu->event.vector;
	vcpu->event.type = EVENT_NONE;
}

void vcpu_raise(struct vcpu *vcpu, u8 vector, bool has_error, u32 error)
{
	struct event *event = &vcpu->event;

	if (event->type == EVENT_EXCEPTION) {
		if (event->vector == VECTOR_DF) {
			event->type = EVENT_NONE;
			vcpu->triple_fault = true;
			return;
		}
		if ((contributory(event->vector) && contributory(vector)) ||
		    (event->vector == VECTOR_PF && (contributory(vector) || vector == VECTOR_PF))) {
			*event = (struct event){.type = EVENT_EXCEPTION,
						.vector = VECTOR_DF,
						.has_error = true};
			return;
		}
	} else if (event->type == EVENT_INTR) {
		/* Its vector is taken from the APIC already: it comes back after the exception. */
		vcpu_put_back(vcpu);
	} else if (event->type == EVENT_NMI) {
		vcpu->nmi_pending = true;
		vcpu->nmi_masked = false;
	}
	*event = (struct event){
		.type = EVENT_EXCEPTION, .vector = vector, .has_error = has_error, .error = error};
}

void vcpu_intercept_exceptions(struct vcpu *vcpu)
{
	u32 mask = 0;

	if (vcpu->debug.flags & NXT_DEBUG_SW_BP)
		mask |= (u32)BIT(VECTOR_BP);
	if (vcpu->fixes_hypercall || vcpu->smm)
		mask |= (u32)BIT(VECTOR_UD);
	vendor->intercept_exceptions(&vcpu->ctx, mask);
}
