/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control domain's interrupt commands. Fixed interrupts, NMIs and the like go to the wire as they are.
 * INIT and SIPI do not: a CPU that took a real INIT would be lost to Engine. They become flags of the
 * target's struct cpu, with an NMI to make it look. (SVM could intercept INIT at the target, but the
 * processor keeps it pending and takes it when GIF is set next, APM vol. 2, 15.21.8, and emulators do not get
 * that right.)
 */
#include "cd/cd.h"
#include "cpu/apic.h"
#include "cpu/kick.h"

#define SHORTHAND_NONE 0
#define SHORTHAND_SELF 1
#define SHORTHAND_ALL 2
#define SHORTHAND_OTHERS 3

static bool matches(const struct cpu *self, const struct cpu *target, u32 dest, u32 low, bool x2apic)
{
	switch (low >> ICR_SHORTHAND_SHIFT & 3) {
	case SHORTHAND_SELF:
		return target == self;
	case SHORTHAND_ALL:
		return true;
	case SHORTHAND_OTHERS:
		return target != self;
	}
	if (dest == (x2apic ? 0xffffffff : 0xff))
		return true;
	/* INIT and SIPI to logical destinations: no operating system does that. */
	return !(low & ICR_LOGICAL) && target->apic_id == dest;
}

void cd_send_ipi(struct cpu *cpu, u32 dest, u32 low, bool x2apic)
{
	u32 mode = low >> ICR_MODE_SHIFT & ICR_MODE_MASK;

	if (mode != ICR_MODE_INIT && mode != ICR_MODE_STARTUP) {
		apic_pass_on(dest, low, x2apic);
		return;
	}
	/* INIT de-assert does nothing on any processor with an integrated APIC. */
	if (mode == ICR_MODE_INIT && !(low & ICR_ASSERT))
		return;

	for (u32 i = 0; i < cpu_count; i++) {
		struct cpu *target = cpus[i];

		if (!target->online || !matches(cpu, target, dest, low, x2apic))
			continue;
		if (mode == ICR_MODE_INIT)
			__atomic_store_n(&target->init_pending, 1, __ATOMIC_SEQ_CST);
		else
			__atomic_store_n(&target->sipi, 0x100 | (low & 0xff), __ATOMIC_SEQ_CST);
		if (target != cpu)
			kick(target);
	}
}
