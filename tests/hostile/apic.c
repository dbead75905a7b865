/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupt chips: messages to nobody and in floods, registers with nonsense, timers that never rest. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hostile.h"

/* What their code tells of itself goes to ports that are no chip's, so that it comes to user space. */

/* ESI counts through all that an ICR can be, in steps without a common factor. EDI: the delivery mode. */
GUEST(xapic_icr, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); xor %esi, %esi; mov $1000, %ecx\n"
      "1: mov %esi, %eax; and $0x8ff, %eax; or %edi, %eax\n"
      "mov %esi, %edx; shl $20, %edx; or $0xe0000000, %edx; and $0xefffffff, %edx\n"
      "mov %edx, 0x310(%rbx); mov %eax, 0x300(%rbx); add $0x6b5, %esi; loop 1b\n"
      "movl $0, 0x280(%rbx); mov 0x280(%rbx), %eax");
GUEST(x2apic_icr, 64,
      "mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr; xor %esi, %esi; mov $2000, %ebx; mov "
      "$0x830, %ecx\n"
      "1: mov %esi, %eax; and $0x8ff, %eax; mov %esi, %edx; imul $0x9e3779b1, %edx; or $0x1000, %edx; wrmsr\n"
      "add $0x6b5, %esi; dec %ebx; jnz 1b");

/* Every delivery mode but INIT and STARTUP, also level-triggered. */
static void to_nobody(void)
{
	static const uint32_t modes[] = {0, 0x100, 0x200, 0x300, 0x400, 0x700, 0xc000, 0xc100, 0x8000};
	struct kvm_regs regs;
	struct vm vm;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		vm_open(&vm, LONG | CHIPS, CODE(xapic_icr));
		cpu_get(&vm.cpu[0], &regs);
		regs.rdi = modes[i];
		cpu_set(&vm.cpu[0], &regs);
		EXPECT(go_for(&vm.cpu[0], 60000), "xAPIC", DONE);
		vm_close(&vm);
	}
	vm_open(&vm, LONG | CHIPS | X2APIC, CODE(x2apic_icr));
	EXPECT(go_for(&vm.cpu[0], 60000), "x2APIC", DONE);
	vm_close(&vm);
}

GUEST(wrmsr, 64, "wrmsr");

static void icr_reserved(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | X2APIC, CODE(wrmsr));
	for (int bit = 20; bit < 32; bit++)
		EXPECT(try(&vm.cpu[0], 0x40 | 1u << bit, 0x830, 5), "a reserved bit", FAULT + GP, DONE);
	for (uint32_t dest = 0; dest < 64; dest++)
		EXPECT(try(&vm.cpu[0], 0x840, 0x830, 1u << (dest & 31) | (dest & 32 ? 0xffff0000 : 0) | 2),
		       "clusters", DONE);
	vm_close(&vm);
}

/* Vectors that an APIC refuses: an error is noted, and no exception comes of it. */
GUEST(low_vectors, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); sti; xor %ecx, %ecx\n"
      "1: mov %ecx, %eax; or $0x40000, %eax; mov %eax, 0x300(%rbx); mov %ecx, 0x370(%rbx); mov %ecx, "
      "0x320(%rbx)\n"
      "movl $1, 0x380(%rbx); inc %ecx; cmp $16, %ecx; jne 1b; nop; nop; movl $0x10000, 0x320(%rbx)");

static void low(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(low_vectors));
	EXPECT(go_for(&vm.cpu[0], 10000), "vectors below 16", DONE);
	vm_close(&vm);
}

/* CPU 0 sends INIT and SIPI without end; the others start in real mode at the page of the vector. */
GUEST(init_storm, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx)\n"
      "1: movl $0xc4500, 0x300(%rbx); movl $0xc4609, 0x300(%rbx); movl $0xc460a, 0x300(%rbx); out %al, "
      "$0x12\n"
      "movl $0xc4500, 0x300(%rbx); movl $0xc8500, 0x300(%rbx); movl $0xc4609, 0x300(%rbx); jmp 1b");

static void inits(void)
{
	static const uint8_t started[] = {0xe6, 0x13, 0xeb, 0xfc}; /* out %al, $0x13; jmp to it */
	struct kvm_mp_state waits = {.mp_state = KVM_MP_STATE_UNINITIALIZED};
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(3), CODE(init_storm));
	memcpy(vm.ram + 0x9000, started, sizeof(started));
	memcpy(vm.ram + 0xa000, started, sizeof(started));
	must(!ioctl(vm.cpu[1].fd, KVM_SET_MP_STATE, &waits), "KVM_SET_MP_STATE");
	must(!ioctl(vm.cpu[2].fd, KVM_SET_MP_STATE, &waits), "KVM_SET_MP_STATE");
	cpu_start(&vm.cpu[1]);
	cpu_start(&vm.cpu[2]);
	cpu_start(&vm.cpu[0]);
	cpu_wait(&vm.cpu[0], 300);
	EXPECT(cpu_stop(&vm.cpu[0]), "the sender", LATE, KVM_EXIT_IO);
	EXPECT(cpu_stop(&vm.cpu[1]), "a receiver", LATE, KVM_EXIT_IO, DONE, FAULT + UD,
	       KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_SHUTDOWN, FAILED + EAGAIN);
	cpu_stop(&vm.cpu[2]);
	vm_close(&vm);
}

GUEST(init_self, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); movl $0, 0x310(%rbx); movl $0x4500, 0x300(%rbx); nop; "
      "1: jmp 1b");

/* The first CPU starts at the reset vector then, where this VM has no firmware. */
static void own_init(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(init_self));
	EXPECT(go_for(&vm.cpu[0], 2000), "after INIT", KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_SHUTDOWN,
	       KVM_EXIT_MMIO, LATE);
	vm_close(&vm);
}

GUEST(nmi_storm, 64,
      "cmp $0x7c00, %esp; je 2f; mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx)\n"
      "1: movl $0xc4400, 0x300(%rbx); jmp 1b\n"
      "2: nop; cpuid; out %al, $0x12; jmp 2b");

static void nmis(void)
{
	static const uint8_t handler[] = {0xe6, 0x13, 0x48, 0xcf}; /* out %al, $0x13; iretq */
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(nmi_storm));
	vm_handler(&vm, NMI, 0x5000, handler, sizeof(handler), 0);
	cpu_start(&vm.cpu[1]);
	cpu_start(&vm.cpu[0]);
	cpu_wait(&vm.cpu[1], 400);
	EXPECT(cpu_stop(&vm.cpu[0]), "the sender", LATE, 0);
	EXPECT(cpu_stop(&vm.cpu[1]), "the receiver", LATE, KVM_EXIT_IO);
	vm_close(&vm);
}

/* Every vector from another CPU, an EOI now and then: higher ones interrupt lower ones, until none can. */
GUEST(flood, 64,
      "cmp $0x7c00, %esp; je 2f; mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx)\n"
      "1: mov $32, %ecx; 3: mov %ecx, %eax; or $0xc4000, %eax; mov %eax, 0x300(%rbx); inc "
      "%ecx\n"
      "cmp $256, %ecx; jne 3b; jmp 1b\n"
      "2: mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); sti\n"
      "4: xor %eax, %eax; mov %rax, %cr8; mov $15, %eax; mov %rax, %cr8; out %al, $0x12; mov %edi, "
      "0xb0(%rbx); jmp 4b");

static void floods(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(flood));
	cpu_start(&vm.cpu[1]);
	cpu_start(&vm.cpu[0]);
	cpu_wait(&vm.cpu[1], 600);
	EXPECT(cpu_stop(&vm.cpu[0]), "the sender", LATE, 0);
	EXPECT(cpu_stop(&vm.cpu[1]), "the receiver", LATE, KVM_EXIT_IO, FAULT + NMI);
	vm_close(&vm);
}

/* The shortest period; every divider, while the count is read; a handler that gives EOI. */
GUEST(timer, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); movl $0x20030, 0x320(%rbx); sti; mov $2000, %ecx\n"
      "1: mov %ecx, 0x3e0(%rbx); movl $1, 0x380(%rbx); mov 0x390(%rbx), %eax; movl $-1, 0x380(%rbx)\n"
      "mov 0x390(%rbx), %eax; movl $0, 0x380(%rbx); mov 0x390(%rbx), %eax; movl $1, 0x380(%rbx); loop 1b");
/* Deadlines in the past, at once, never, in 500 years. */
GUEST(deadline, 64,
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); movl $0x40030, 0x320(%rbx); sti; mov $2000, %edi\n"
      "1: mov $0x6e0, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr; mov $-1, %eax; mov $-1, %edx; wrmsr; rdmsr\n"
      "xor %eax, %eax; xor %edx, %edx; wrmsr; rdtsc; mov $0x6e0, %ecx; wrmsr; mov $0x80000000, %edx; wrmsr; "
      "dec %edi; jnz 1b");

static void timers(void)
{
	static const uint8_t handler[] = {0xc7, 0x83, 0xb0, 0, 0, 0, 0, 0, 0, 0, 0x48, 0xcf}; /* EOI; iretq */
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(timer));
	vm_handler(&vm, 0x30, 0x5000, handler, sizeof(handler), 0);
	EXPECT(go_for(&vm.cpu[0], 5000), "periodic", DONE, LATE);
	vm_close(&vm);
	vm_open(&vm, LONG | CHIPS, CODE(deadline));
	vm_handler(&vm, 0x30, 0x5000, handler, sizeof(handler), 0);
	EXPECT(go_for(&vm.cpu[0], 5000), "deadlines", DONE, LATE);
	vm_close(&vm);
}

/* Reads and writes of one, two and eight bytes, unaligned, locked, in strings, at the page's end. */
GUEST(odd, 64,
      "mov $0xfee00000, %ebx; mov $0xfff, %ecx\n"
      "1: mov (%rbx,%rcx), %al; mov (%rbx,%rcx), %ax; mov (%rbx,%rcx), %rax\n"
      "sub $7, %ecx; jns 1b\n"
      "mov $0xfee00000, %esi; mov $0x3000, %edi; mov $0x3f0, %ecx; rep movsb\n"
      "mov $0xfee00080, %edi; mov $-1, %rax; lock orl $0x20, (%rdi); xchg %eax, (%rdi); movb $0, 1(%rdi); "
      "movw $0, 2(%rdi)\n"
      "mov %rax, 0x7c(%rdi); mov %rax, 0x33c(%rdi); movnti %eax, 4(%rdi); incl 0x300(%rdi)");

static void odd_accesses(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(odd));
	EXPECT(go_on(&vm.cpu[0], 2000), "end", DONE, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

/* All bits set in all registers, then none, then a command to everybody. */
GUEST(registers, 64,
      "mov $0xfee00000, %ebx; mov $-1, %edx\n"
      "2: xor %ecx, %ecx\n"
      "1: cmp $0x300, %ecx; je 3f; mov %edx, (%rbx,%rcx); 3: mov (%rbx,%rcx), %eax; add $16, %ecx; cmp "
      "$0x1000, %ecx; jne 1b\n"
      "inc %edx; cmp $1, %edx; jne 2b");

static void all_registers(void)
{
	struct kvm_lapic_state state;
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(registers));
	EXPECT(go_for(&vm.cpu[0], 5000), "by the guest", DONE, LATE);
	vm_close(&vm);
	/* And by a QEMU that restores nonsense. */
	vm_open(&vm, LONG | CHIPS, CODE(registers));
	for (int i = 0; i < 256; i += 5) {
		memset(state.regs, i, sizeof(state.regs));
		if (!ioctl(vm.cpu[0].fd, KVM_SET_LAPIC, &state))
			EXPECT(go_for(&vm.cpu[0], 20), "after nonsense", DONE, LATE, FAULT + NMI,
			       KVM_EXIT_IO);
		must(!ioctl(vm.cpu[0].fd, KVM_GET_LAPIC, &state), "KVM_GET_LAPIC");
		cpu_restart(&vm.cpu[0]);
	}
	vm_close(&vm);
}

/* The APIC's page onto memory, tables, the I/O APIC, a device. */
GUEST(moved, 64,
      "mov $0x1b, %ecx; xor %edx, %edx; wrmsr; and $0xfffff000, %eax; mov %eax, %ebx\n"
      "mov 0x20(%rbx), %eax; movl $0x1ff, 0xf0(%rbx); movl $0x40020, 0x300(%rbx)");

static void moved_page(void)
{
	static const uint32_t places[] = {DATA_AT,    TABLES_AT, IDT_AT,     CODE_AT, HOLE_AT,
					  0xfec00000, 0,	 0xfffff000, RAM_SIZE};
	struct vm vm;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct kvm_regs regs;

		vm_open(&vm, LONG | CHIPS, CODE(moved));
		cpu_get(&vm.cpu[0], &regs);
		regs.rax = places[i] | 0x900;
		cpu_set(&vm.cpu[0], &regs);
		EXPECT(go_for(&vm.cpu[0], 2000), "use", DONE, FAULT + GP, FAULT + UD, FAULT + PF, FAULT + DF,
		       KVM_EXIT_SHUTDOWN, KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_MMIO, LATE);
		vm_close(&vm);
	}
}

/* Its registers behind the last one; entries of every mode, vector and destination; then its pins. */
GUEST(ioapic, 64,
      "mov $0xfec00000, %ebx; xor %ecx, %ecx\n"
      "1: mov %ecx, (%rbx); mov 0x10(%rbx), %eax; mov %ecx, %eax; imul $0x01010101, %eax; mov %eax, "
      "0x10(%rbx)\n"
      "mov %eax, 0x40(%rbx); mov 0x20(%rbx), %eax; inc %ecx; cmp $0x100, %ecx; jne 1b");
GUEST(ioapic_modes, 64,
      "mov $0xfec00000, %ebx; xor %ecx, %ecx\n"
      "1: mov %ecx, %eax; and $0x3f, %eax; add $0x10, %eax; mov %eax, (%rbx)\n"
      "mov %ecx, %eax; imul $0x6b5, %eax; and $0xfbff, %eax; mov %eax, 0x10(%rbx); inc %ecx; cmp $3000, "
      "%ecx; jne 1b");

static void io_apic(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(ioapic));
	EXPECT(go_on(&vm.cpu[0], 5000), "registers", DONE);
	vm_close(&vm);
	vm_open(&vm, LONG | CHIPS, CODE(ioapic_modes));
	for (int round = 0; round < 3; round++) {
		cpu_restart(&vm.cpu[0]);
		/* From the second round on, an SMI may be waiting: see msis(). */
		EXPECT(go_on(&vm.cpu[0], 100000), "entries", DONE, round ? KVM_EXIT_SHUTDOWN : DONE,
		       round ? KVM_EXIT_INTERNAL_ERROR : DONE, round ? FAILED + EIO : DONE);
		for (uint32_t pin = 0; pin < 24; pin++)
			for (int level = 1; level >= 0; level--) {
				struct kvm_irq_level irq = {.irq = pin, .level = level};

				must(!ioctl(vm.fd, KVM_IRQ_LINE, &irq), "KVM_IRQ_LINE");
			}
	}
	vm_close(&vm);
}

/* MSIs with every address and data that a device could be told to send. */
static void msis(void)
{
	uint64_t x = 88172645463325252;
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(odd));
	for (int i = 0; i < 4000; i++) {
		struct kvm_msi msi = {0};

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		msi.address_lo = i & 1 ? 0xfee00000 | (x & 0xfffff) : (uint32_t)x;
		msi.address_hi = i & 6 ? 0 : (uint32_t)(x >> 32);
		msi.data = (uint32_t)(x >> 20) & ~0x500u; /* not INIT: that has its own guest */
		ioctl(vm.fd, KVM_SIGNAL_MSI, &msi);
	}
	/* An SMI's entry finds no memory here: the processor shuts down, and with stock the VM is dead. */
	EXPECT(go_for(&vm.cpu[0], 200), "after them", DONE, LATE, FAULT + NMI, KVM_EXIT_IO, KVM_EXIT_MMIO,
	       KVM_EXIT_INTERNAL_ERROR, on_engine() ? KVM_EXIT_SHUTDOWN : FAILED + EIO);
	vm_close(&vm);
}

const struct guest apic_guests[] = {
	{"ipi-nobody", "sends IPIs of every kind to CPUs that are not there", "CVE-2013-6376, CVE-2016-4440",
	 NULL, to_nobody},
	{"ipi-reserved", "sets reserved bits of the ICR, and names every cluster",
	 "CVE-2013-6376; SDM vol. 3, 11.12.9", NULL, icr_reserved},
	{"apic-low-vectors", "sends, and asks its timer for, vectors below 16", "SDM vol. 3, 11.5.2", NULL,
	 low},
	{"init-storm", "sends INIT and SIPI to its other CPUs without end", "SDM vol. 3, 9.4.3", NULL, inits},
	{"init-self", "sends INIT to its only CPU", "SDM vol. 3, 11.4.7.3", NULL, own_init},
	{"nmi-storm", "sends NMIs without end", "APM vol. 2, 15.21.4", NULL, nmis},
	{"interrupt-flood", "sends every vector without end, and says EOI at any time", "APM vol. 2, 16.6",
	 NULL, floods},
	{"apic-timer", "asks for the shortest periods and for deadlines in the past",
	 "CVE-2013-6367; XSA-20, CVE-2012-4535", NULL, timers},
	{"apic-odd", "uses the local APIC's page in sizes and places that are no registers",
	 "XSA-108; SDM vol. 3, 11.4.1", NULL, odd_accesses},
	{"apic-registers", "writes all ones and zeros to all registers; so does its QEMU", "CVE-2022-2153",
	 NULL, all_registers},
	{"apic-moved", "moves the local APIC onto memory, tables and devices", "CVE-2018-19407", NULL,
	 moved_page},
	{"ioapic", "uses registers of the I/O APIC that it does not have, and entries of no kind",
	 "CVE-2013-1798, CVE-2014-0155, CVE-2018-19406", NULL, io_apic},
	{"msi", "has its devices send 4,000 messages of any kind", "CVE-2014-0155", NULL, msis},
	{0},
};
