/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's time stamp counter: the physical one plus an offset. */
#include "cpu/asm.h"
#include "guest/lapic_timer.h"
#include "guest/vcpu.h"

void vcpu_set_tsc_offset(struct vcpu *vcpu, u64 offset)
{
	if (offset == vcpu->tsc_offset)
		return;
	lapic_timer_tsc_jump(&vcpu->lapic, offset - vcpu->tsc_offset);
	WRITE_ONCE(vcpu->tsc_offset, offset);
	vendor->set_tsc_offset(&vcpu->ctx, offset);
	/* Also for the others it may make a difference: whether all TSCs are one. */
	vcpu->kick_mask |= vm_clock_changed(vcpu->vm);
}

/*
 * User space sets the counters of a VM's vCPUs one after the other, to values that it read or made up at one
 * moment. Taken literally, that leaves them apart by the time between, and guests stop trusting their TSC. So
 * a value that is within a second of what the last write has become by now means "the same" (as it does for
 * KVM); 0 always does, if another vCPU has been there.
 */
static u64 synchronized_offset(struct vm *vm, u64 value, u64 khz)
{
	u64 now = rdtsc();
	u64 second = (khz ? khz : 3000000) * 1000;
	u64 offset = value - now, apart;

	spin_lock(&vm->tsc_lock);
	apart = value - (vm->tsc_value + now - vm->tsc_host);
	if (vm->tsc_written && (value == 0 || apart + second <= 2 * second))
		offset = vm->tsc_offset;
	vm->tsc_written = true;
	vm->tsc_value = now + offset;
	vm->tsc_host = now;
	vm->tsc_offset = offset;
	spin_unlock(&vm->tsc_lock);
	return offset;
}

void vcpu_put_tsc_offset(struct vcpu *vcpu, u64 offset)
{
	struct vm *vm = vcpu->vm;
	u64 now = rdtsc();

	spin_lock(&vm->tsc_lock);
	vm->tsc_written = true;
	vm->tsc_value = now + offset;
	vm->tsc_host = now;
	vm->tsc_offset = offset;
	spin_unlock(&vm->tsc_lock);
	vcpu_set_tsc_offset(vcpu, offset);
}

void vcpu_write_tsc(struct vcpu *vcpu, u64 value, bool host)
{
	u64 offset = value - rdtsc();

	if (host) {
		offset = synchronized_offset(vcpu->vm, value, vcpu->tsc_khz);
	} else {
		/* A guest's write shows in TSC_ADJUST as well (SDM vol. 3, 18.17.3). */
		vcpu->tsc_adjust += offset - vcpu->tsc_offset;
	}
	vcpu_set_tsc_offset(vcpu, offset);
}

u64 vcpu_deadline(const struct vcpu *vcpu)
{
	u64 guest, host;

	if (!lapic_timer_deadline(&vcpu->lapic, &guest))
		return 0;
	host = guest - vcpu->tsc_offset;
	return host ? host : 1;
}
