/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu/kick.h"
#include "cpu/apic.h"
#include "cpu/asm.h"

static u32 stop;

void kick(struct cpu *cpu)
{
	/* The flag is visible before in_cd is read; the target sets in_cd before it reads its flags. */
	mb();
	if (!__atomic_load_n(&cpu->in_cd, __ATOMIC_SEQ_CST) &&
	    !__atomic_load_n(&cpu->asleep, __ATOMIC_SEQ_CST))
		return;
	/* One NMI at a time: if one is on its way, its taker will see the caller's flag as well. */
	if (!__atomic_exchange_n(&cpu->nmi_on_way, 1, __ATOMIC_SEQ_CST))
		apic_send_nmi(cpu->apic_id);
}

bool kick_is_ours(const struct cpu *cpu)
{
	return __atomic_load_n(&cpu->nmi_on_way, __ATOMIC_SEQ_CST);
}

void kick_took_nmi(void)
{
	struct cpu *self = this_cpu();

	/* Booting, a CPU is not on the stack of its block yet. */
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] == self)
			__atomic_store_n(&self->nmi_on_way, 0, __ATOMIC_SEQ_CST);
	}
}

void kick_flush_cd(void)
{
	struct cpu *self = this_cpu();

	self->cd.flush = true;
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] == self)
			continue;
		__atomic_store_n(&cpus[i]->flush_cd, 1, __ATOMIC_SEQ_CST);
		kick(cpus[i]);
	}
	/*
	 * A CPU outside the control domain flushes before it enters it. Nobody waits for a CPU that waits
	 * here: a CPU in Engine is outside.
	 */
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] == self)
			continue;
		while (__atomic_load_n(&cpus[i]->in_cd, __ATOMIC_ACQUIRE) &&
		       __atomic_load_n(&cpus[i]->flush_cd, __ATOMIC_ACQUIRE) && !stop)
			pause();
	}
}

void kick_stop_others(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] && cpus[i]->online && cpus[i]->index != kick_self_index())
			kick(cpus[i]);
	}
}

bool kick_must_stop(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

u32 kick_self_index(void)
{
	u32 id = apic_self_id();

	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i] && cpus[i]->apic_id == id)
			return i;
	}
	return 0;
}
