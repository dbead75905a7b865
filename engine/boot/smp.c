/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/smp.h"
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "lib/string.h"
#include "mem/phys.h"

extern const char trampoline[], trampoline_end[], trampoline_cr3[], trampoline_stack[], trampoline_base[];

/* Some microseconds, without knowing the TSC's speed: an access to port 0x80 takes about one on every PC. */
static void delay_us(u32 us)
{
	while (us--) {
		outb(0x80, 0);
		pause();
	}
}

static void patch(u64 page, const char *word, u64 value)
{
	memcpy((u8 *)phys_to_virt(page) + (word - trampoline), &value, sizeof(value));
}

bool smp_start(struct cpu *cpu, u64 page)
{
	memcpy(phys_to_virt(page), trampoline, (size_t)(trampoline_end - trampoline));
	patch(page, trampoline_cr3, read_cr3());
	patch(page, trampoline_stack, (u64)cpu + CPU_BLOCK_SIZE);
	patch(page, trampoline_base, page);

	/* INIT, 10 ms, SIPI, and a second SIPI if the first was not heard (Intel SDM vol. 3, 9.4.4.1). */
	apic_send(cpu->apic_id, ICR_MODE_INIT << ICR_MODE_SHIFT | ICR_ASSERT | (u32)ICR_LEVEL);
	apic_send(cpu->apic_id, ICR_MODE_INIT << ICR_MODE_SHIFT | (u32)ICR_LEVEL);
	delay_us(10000);
	for (u32 attempt = 0; attempt < 2; attempt++) {
		apic_send(cpu->apic_id,
			  ICR_MODE_STARTUP << ICR_MODE_SHIFT | ICR_ASSERT | (u32)(page >> PAGE_SHIFT));
		for (u32 ms = 0; ms < (attempt ? 1000u : 100u); ms++) {
			if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
				return true;
			delay_us(1000);
		}
	}
	/* It must not wake up later, when the page serves another CPU. */
	apic_send(cpu->apic_id, ICR_MODE_INIT << ICR_MODE_SHIFT | ICR_ASSERT | (u32)ICR_LEVEL);
	return false;
}
