/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's paravirtual clock. The control domain says what it shows at some TSC value; from there on it is
 * Engine's. Each vCPU names a place in guest memory where it wants to find it, which Engine writes before it
 * next enters the guest whenever something changed: the clock, a TSC, the place.
 *
 * The address is a guest's word. Where there is no memory, or where a page ends in the middle, nothing is
 * written, as with KVM.
 */
#include "guest/lapic_ipi.h"
#include "guest/vcpu.h"

#define ENABLED 1ull

/* What is due at the next entry: vcpu->clock.due, which others set. */
#define DUE_WRITE 1u
#define DUE_STOPPED 2u

static struct vcpu *vcpu_of(const struct vm *vm, u32 id)
{
	return __atomic_load_n(&vm->vcpus[id], __ATOMIC_ACQUIRE);
}

static bool wants_clock(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->clock.msr, __ATOMIC_RELAXED) & ENABLED;
}

static void make_due(struct vcpu *vcpu, u32 what)
{
	__atomic_fetch_or(&vcpu->clock.due, what, __ATOMIC_SEQ_CST);
}

u64 vm_clock_changed(struct vm *vm)
{
	u32 limit = READ_ONCE(vm->vcpu_limit);
	u64 mask = 0;

	for (u32 i = 0; i < limit; i++) {
		struct vcpu *vcpu = vcpu_of(vm, i);

		if (!vcpu || !wants_clock(vcpu))
			continue;
		make_due(vcpu, DUE_WRITE);
		mask |= kick_bit(i);
	}
	return mask;
}

s64 vm_set_clock(struct vm *vm, u64 tsc, u64 ns, u64 khz, bool stable)
{
	struct pvclock clock;

	if (khz < PVCLOCK_KHZ_MIN || khz > PVCLOCK_KHZ_MAX)
		return -NXT_EINVAL;
	clock = pvclock_at(tsc, ns, khz);
	spin_lock(&vm->clock_lock);
	vm->clock = clock;
	vm->clock_stable = stable;
	spin_unlock(&vm->clock_lock);
	return 0;
}

/* The clock as it is now; false: it was never set. */
static bool read_clock(struct vm *vm, struct pvclock *ret_clock, bool *ret_stable)
{
	spin_lock(&vm->clock_lock);
	*ret_clock = vm->clock;
	*ret_stable = vm->clock_stable;
	spin_unlock(&vm->clock_lock);
	return ret_clock->mul;
}

/*
 * Whether all vCPUs' TSCs are one. A guest then computes with what it finds for one vCPU on all of them.
 * Whoever changes his TSC does that first, and then makes everybody look again.
 */
static bool one_tsc(const struct vm *vm)
{
	u32 limit = READ_ONCE(vm->vcpu_limit);
	const struct vcpu *first = NULL;

	for (u32 i = 0; i < limit; i++) {
		const struct vcpu *vcpu = vcpu_of(vm, i);

		if (!vcpu)
			continue;
		if (!first)
			first = vcpu;
		if (READ_ONCE(vcpu->tsc_offset) != READ_ONCE(first->tsc_offset))
			return false;
	}
	return true;
}

s64 vm_get_clock(struct vm *vm, u64 tsc, u64 *ret_ns)
{
	struct pvclock clock;
	bool stable;

	if (!read_clock(vm, &clock, &stable))
		return -NXT_EINVAL;
	*ret_ns = pvclock_ns(&clock, tsc);
	return stable && one_tsc(vm);
}

void vcpu_set_clock_msr(struct vcpu *vcpu, u64 value)
{
	__atomic_store_n(&vcpu->clock.msr, value, __ATOMIC_RELAXED);
	__atomic_store_n(&vcpu->clock.due, value & ENABLED ? DUE_WRITE : 0, __ATOMIC_SEQ_CST);
}

bool vcpu_clock_stopped(struct vcpu *vcpu)
{
	if (!wants_clock(vcpu))
		return false;
	make_due(vcpu, DUE_WRITE | DUE_STOPPED);
	return true;
}

/*
 * Guest memory of a struct that lies in one page; never that of SMM, which is not the kernel's to have
 * written. NULL: there is none, or (*ret_reason is not CONTINUE then) the control domain has to provide it
 * first.
 */
static void *place(struct vcpu *vcpu, u64 gpa, u32 size, enum vcpu_pending pending, s64 *ret_reason)
{
	bool resident = false;
	void *at = NULL;

	*ret_reason = CONTINUE;
	if ((gpa & (PAGE_SIZE - 1)) + size <= PAGE_SIZE)
		at = vcpu_memory(vcpu, false, gpa, true, &resident);
	if (!at && resident)
		*ret_reason = vcpu_need_page(vcpu, false, gpa, pending);
	return at;
}

s64 vcpu_write_clock(struct vcpu *vcpu)
{
	u32 due = __atomic_exchange_n(&vcpu->clock.due, 0, __ATOMIC_SEQ_CST);
	struct pvclock clock;
	bool stable;
	s64 reason;
	void *at;

	if (!read_clock(vcpu->vm, &clock, &stable))
		return CONTINUE;
	at = place(vcpu, vcpu->clock.msr & ~ENABLED, sizeof(struct pvclock_time), PENDING_CLOCK, &reason);
	if (reason != CONTINUE)
		make_due(vcpu, due);
	if (!at)
		return reason;
	stable = stable && one_tsc(vcpu->vm);
	pvclock_write_time(at, &(struct pvclock_time){
				       .tsc = clock.tsc + vcpu->tsc_offset,
				       .ns = clock.ns,
				       .mul = clock.mul,
				       .shift = clock.shift,
				       .flags = (u8)((stable ? PVCLOCK_TSC_STABLE : 0) |
						     (due & DUE_STOPPED ? PVCLOCK_GUEST_STOPPED : 0)),
			       });
	return CONTINUE;
}

void vcpu_finish_clock(struct vcpu *vcpu, u32 in_flags)
{
	if (in_flags & NXT_RUN_UNBACKED)
		__atomic_store_n(&vcpu->clock.due, 0, __ATOMIC_SEQ_CST);
}

s64 vcpu_ask_wall_clock(struct vcpu *vcpu, u64 gpa)
{
	__atomic_store_n(&vcpu->vm->wall_clock_msr, gpa, __ATOMIC_RELAXED);
	if (!gpa)
		return CONTINUE;
	vcpu->clock.wall_gpa = gpa;
	vcpu->pending = PENDING_WALL_CLOCK;
	return NXT_EXIT_WALL_CLOCK;
}

static s64 write_wall_clock(struct vcpu *vcpu)
{
	s64 reason;
	void *at =
		place(vcpu, vcpu->clock.wall_gpa, sizeof(struct pvclock_wall), PENDING_WALL_WRITE, &reason);

	if (at)
		pvclock_write_wall(at, vcpu->clock.wall_ns);
	return reason;
}

s64 vcpu_finish_wall_clock(struct vcpu *vcpu)
{
	u64 tsc = READ_ONCE(vcpu->run->wall_clock.tsc), ns = READ_ONCE(vcpu->run->wall_clock.ns);
	struct pvclock clock;
	bool stable;

	if (!read_clock(vcpu->vm, &clock, &stable))
		return CONTINUE;
	vcpu->clock.wall_ns = ns - pvclock_ns(&clock, tsc);
	return write_wall_clock(vcpu);
}

s64 vcpu_finish_wall_write(struct vcpu *vcpu, u32 in_flags)
{
	return in_flags & NXT_RUN_UNBACKED ? CONTINUE : write_wall_clock(vcpu);
}
