/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steal time, as KVM has it: how long a vCPU's thread waited for a physical CPU. The control domain tells
 * with each run, Engine adds it up where the guest's MSR says.
 *
 * The sum is the guest's: it begins with what lies there, so that a guest that was restored elsewhere goes on
 * with its own.
 */
#include "guest/vcpu.h"

#define ENABLED 1ull
#define RESERVED 0x3eull

/* KVM's ABI; 64 bytes, aligned. */
struct steal_time {
	u64 steal;   /* ns */
	u32 version; /* odd: being written */
	u32 flags;
	u8 preempted; /* the vCPU does not run now; 0: it may */
	u8 pad[47];
};
_Static_assert(sizeof(struct steal_time) == 64, "the layout of KVM's ABI");

bool vcpu_set_steal_msr(struct vcpu *vcpu, u64 value)
{
	if (value & RESERVED)
		return false;
	vcpu->steal.msr = value;
	vcpu->steal.due = value & ENABLED;
	return true;
}

void vcpu_take_steal(struct vcpu *vcpu)
{
	u64 now = READ_ONCE(vcpu->run->steal_ns);

	if (!(vcpu->steal.msr & ENABLED) || now == vcpu->steal.now)
		return;
	vcpu->steal.now = now;
	vcpu->steal.due = true;
}

s64 vcpu_write_steal(struct vcpu *vcpu)
{
	u64 gpa = vcpu->steal.msr & ~(RESERVED | ENABLED);
	volatile struct steal_time *at;
	u32 odd;
	bool resident;

	/* Never the memory of SMM, which is not the kernel's to have written. */
	at = vcpu_memory(vcpu, false, gpa, true, &resident);
	if (!at && resident)
		return vcpu_need_page(vcpu, false, gpa, PENDING_STEAL);
	vcpu->steal.due = false;
	if (!at)
		return CONTINUE;
	odd = (at->version + 1) | 1;
	at->version = odd;
	at->preempted = 0;
	/* Less than before: another thread runs the vCPU now, and has its own count. */
	if (vcpu->steal.now > vcpu->steal.written)
		at->steal += vcpu->steal.now - vcpu->steal.written;
	at->version = odd + 1;
	vcpu->steal.written = vcpu->steal.now;
	return CONTINUE;
}

void vcpu_finish_steal(struct vcpu *vcpu, u32 in_flags)
{
	if (in_flags & NXT_RUN_UNBACKED)
		vcpu->steal.due = false;
}
