// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's half: each operation is done ROUNDS times between two reads of the TSC. Nothing here may call
 * what is outside the section, or have data.
 *
 * Intel SDM vol. 3, "Advanced programmable interrupt controller": the APIC's registers and the deadline mode.
 */
#include "guest.h"

#define MSR_APIC_BASE 0x1b
#define MSR_PAT 0x277
#define MSR_DEADLINE 0x6e0
#define X2APIC_ID 0x802
#define X2APIC_TPR 0x808
#define X2APIC_EOI 0x80b
#define X2APIC_SPURIOUS 0x80f
#define X2APIC_ICR 0x830
#define X2APIC_TIMER 0x832
#define XAPIC 0xfee00000u
#define APIC_BASE_X2 0xfee00c00u /* enabled, in x2APIC mode; the bootstrap flag is added */
#define APIC_BASE_BSP 0x100u
#define TIMER_DEADLINE_MODE 0x40000u
#define APIC_ON 0x1ffu
#define CR4_PGE 0x80u
#define LEAD 100000	    /* ticks from arming the timer to its deadline ... */
#define HALTED_LEAD 3000000 /* ... and if the CPU is to be idle by then */

static inline __attribute__((always_inline)) uint64_t rdtsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline __attribute__((always_inline)) uint64_t rdmsr(uint32_t index)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
	return (uint64_t)high << 32 | low;
}

static inline __attribute__((always_inline)) void wrmsr(uint32_t index, uint64_t value)
{
	asm volatile("wrmsr" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index) : "memory");
}

static inline __attribute__((always_inline)) void done(void)
{
	asm volatile("outb %%al, %0" : : "i"(PORT_DONE), "a"(0) : "memory");
}

/* An operation of one statement. */
#define OPERATION(name, prepare, statement)                                                                  \
	GUEST void guest_##name(struct shared *shared)                                                       \
	{                                                                                                    \
		prepare;                                                                                     \
		for (int i = 0; i < ROUNDS; i++) {                                                           \
			uint64_t start = rdtsc();                                                            \
			statement;                                                                           \
			shared->sample[i] = rdtsc() - start;                                                 \
		}                                                                                            \
		done();                                                                                      \
	}

#define NOTHING (void)0

static inline __attribute__((always_inline)) void cpuid(void)
{
	uint32_t a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static inline __attribute__((always_inline)) void set_cr4(uint64_t value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline __attribute__((always_inline)) uint64_t get_cr4(void)
{
	uint64_t value;

	asm volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static inline __attribute__((always_inline)) void to_x2apic(void)
{
	wrmsr(MSR_APIC_BASE, APIC_BASE_X2 | (rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP));
	wrmsr(X2APIC_SPURIOUS, APIC_ON);
}

OPERATION(empty, NOTHING, asm volatile("" : : : "memory"))
OPERATION(cpuid, NOTHING, cpuid())
OPERATION(msr_read, NOTHING, rdmsr(MSR_PAT))
OPERATION(msr_write, uint64_t pat = rdmsr(MSR_PAT), wrmsr(MSR_PAT, pat))
OPERATION(apic_read, NOTHING, (void)*(volatile uint32_t *)(uintptr_t)(XAPIC + 0x20))
OPERATION(apic_write, NOTHING, *(volatile uint32_t *)(uintptr_t)(XAPIC + 0x80) = 0)
OPERATION(x2apic_read, to_x2apic(), rdmsr(X2APIC_ID))
OPERATION(x2apic_write, to_x2apic(), wrmsr(X2APIC_EOI, 0))
OPERATION(port_out, NOTHING, asm volatile("outb %%al, %0" : : "i"(PORT_BENCH), "a"(0) : "memory"))
OPERATION(port_in, uint8_t value, asm volatile("inb %1, %0" : "=a"(value) : "i"(PORT_BENCH) : "memory"))
OPERATION(mmio_write, NOTHING, *(volatile uint32_t *)(uintptr_t)GUEST_MMIO = 0)
OPERATION(mmio_read, NOTHING, (void)*(volatile uint32_t *)(uintptr_t)GUEST_MMIO)
OPERATION(pge, uint64_t cr4 = get_cr4(), (set_cr4(cr4 ^ CR4_PGE), set_cr4(cr4)))

/* Far ahead, so that it does not fire in between; each time sooner, so that it must be noted. */
OPERATION(timer_arm, (to_x2apic(), wrmsr(X2APIC_TIMER, TIMER_DEADLINE_MODE | VECTOR)),
	  wrmsr(MSR_DEADLINE, start + (1ull << 40) - ((uint64_t)i << 30)))

/* Halts until the handler has run; interrupts are off before and after. */
static inline __attribute__((always_inline)) void halt(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

/* From the deadline, which the guest awaits in a loop, to the first instruction of its handler. */
GUEST void guest_timer_fire(struct shared *shared)
{
	volatile uint64_t *count = &shared->count;

	to_x2apic();
	wrmsr(X2APIC_TIMER, TIMER_DEADLINE_MODE | VECTOR);
	asm volatile("sti");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t before = *count, deadline = rdtsc() + LEAD;

		wrmsr(MSR_DEADLINE, deadline);
		while (*count == before)
			;
		shared->sample[i] = shared->when - deadline;
	}
	asm volatile("cli");
	done();
}

/* The same, but the guest awaits it halted, and so does the CPU, with nothing else to do. */
GUEST void guest_timer_wake(struct shared *shared)
{
	to_x2apic();
	wrmsr(X2APIC_TIMER, TIMER_DEADLINE_MODE | VECTOR);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t deadline = rdtsc() + HALTED_LEAD;

		wrmsr(MSR_DEADLINE, deadline);
		halt();
		shared->sample[i] = shared->when - deadline;
	}
	done();
}

/*
 * Halves of a round trip: an interrupt to a halted vCPU, which wakes up, and its answer to this one, halted
 * by then. Both share one CPU.
 */
GUEST void guest_ipi(struct shared *shared)
{
	to_x2apic();
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = rdtsc();

		wrmsr(X2APIC_ICR, 1ull << 32 | VECTOR);
		halt();
		shared->sample[i] = (rdtsc() - start) / 2;
	}
	done();
}

GUEST void guest_answer(struct shared *shared)
{
	(void)shared;
	to_x2apic();
	for (;;) {
		halt();
		wrmsr(X2APIC_ICR, VECTOR);
	}
}

asm(".pushsection guest, \"ax\"\n"
    ".globl guest_handler\n"
    "guest_handler:\n"
    "	push %rax; push %rcx; push %rdx; push %rdi\n"
    "	mov $"
    "0x40000"
    ", %edi\n"
    "	rdtsc\n"
    "	shl $32, %rdx\n"
    "	or %rdx, %rax\n"
    "	mov %rax, 1608(%rdi)\n"
    "	incq 1616(%rdi)\n"
    "	xor %eax, %eax\n"
    "	xor %edx, %edx\n"
    "	mov $0x80b, %ecx\n"
    "	wrmsr\n"
    "	pop %rdi; pop %rdx; pop %rcx; pop %rax\n"
    "	iretq\n"
    ".popsection\n");

_Static_assert(GUEST_SHARED == 0x40000 && __builtin_offsetof(struct shared, when) == 1608 &&
		       __builtin_offsetof(struct shared, count) == 1616,
	       "guest_handler() knows these numbers");
