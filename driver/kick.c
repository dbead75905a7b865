// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kicks: making a vCPU look at something new.
 *
 * The new thing is always in Engine (or in vcpu->wake) before the kick. A vCPU's thread says where it is
 * before it asks Engine: it stores its mode, then makes VCPU_RUN; the kicker changes Engine's state,
 * then reads the mode. Each has a full barrier between its two steps (hypercalls are serializing), so
 * either the run sees the new state or the kicker sees the run, and sends the interrupt that ends it.
 */
#include <linux/percpu.h>
#include <linux/smp.h>
#include <trace/events/ipi.h> /* for smp_send_reschedule() */

#include "hypercall.h"
#include "internal.h"

/* The VM whose vCPU runs on this CPU. Only compared, never followed. */
static DEFINE_PER_CPU(struct nxt_vm *, running_vm);

void nxt_kick_enter(struct nxt_vcpu *vcpu)
{
	this_cpu_write(running_vm, vcpu->vm);
	WRITE_ONCE(vcpu->cpu, smp_processor_id());
	WRITE_ONCE(vcpu->mode, NXT_IN_GUEST);
	smp_mb();
}

void nxt_kick_leave(struct nxt_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->mode, NXT_OUTSIDE);
	this_cpu_write(running_vm, NULL);
}

void nxt_vcpu_kick(struct nxt_vcpu *vcpu)
{
	int cpu, this_cpu;

	WRITE_ONCE(vcpu->wake, true);
	smp_mb();
	if (rcuwait_wake_up(&vcpu->sleep))
		return;

	this_cpu = get_cpu();
	if (READ_ONCE(vcpu->mode) == NXT_IN_GUEST) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu != this_cpu && cpu_online(cpu))
			smp_send_reschedule(cpu);
	}
	put_cpu();
}

void nxt_vm_kick_mask(struct nxt_vm *vm, u64 mask)
{
	struct nxt_vcpu *vcpu;
	u32 id;

	/* A bit is that of several vCPUs, if there are so many: who has nothing new to look at goes on. */
	for (; mask; mask &= mask - 1) {
		for (id = __ffs64(mask); id < READ_ONCE(vm->vcpu_limit); id += NXT_KICK_BITS) {
			vcpu = nxt_vm_vcpu(vm, id);
			if (vcpu)
				nxt_vcpu_kick(vcpu);
		}
	}
}

void nxt_vm_kick_extint(struct nxt_vm *vm)
{
	struct nxt_vcpu *vcpu;
	u32 id;

	/*
	 * A vCPU that has not run has told nothing yet; the bootstrap one takes the PIC's interrupts
	 * after reset.
	 */
	nxt_for_each_vcpu(id, vcpu, vm)
		if (READ_ONCE(vcpu->run->extint_open) || id == vm->bsp_id)
			nxt_vcpu_kick(vcpu);
}

int nxt_vm_msi(struct nxt_vm *vm, u64 address, u32 data)
{
	u64 mask;
	long ret;

	if (READ_ONCE(vm->dead))
		return -EIO;
	ret = nxt_hc_vm_msi(vm->id, address, data, &mask);
	if (ret >= 0)
		nxt_vm_kick_mask(vm, mask);
	return ret;
}

static bool runs_vm(int cpu, void *vm)
{
	return READ_ONCE(per_cpu(running_vm, cpu)) == vm;
}

static void ack(void *vm)
{
}

void nxt_vm_kick_wait(struct nxt_vm *vm)
{
	/*
	 * Pairs with the barrier in nxt_kick_enter(): who is not seen running starts after what the
	 * caller did.
	 */
	smp_mb();
	on_each_cpu_cond(runs_vm, ack, vm, true);
}
