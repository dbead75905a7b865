/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions that cannot be delivered, that raise each other, and that never end. */
#include <string.h>

#include "hostile.h"

static const uint8_t iretq[] = {0x48, 0xcf};

GUEST(no_idt16, 16, "lidt 0x3000; ud2");
GUEST(no_idt32, 32, "lidt 0x3000; ud2");
GUEST(no_idt64, 64, "lidt 0x3000; ud2");

static void triple_fault(void)
{
	struct vm vm;

	vm_open(&vm, REAL, CODE(no_idt16));
	EXPECT(go(&vm.cpu[0]), "real mode", KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
	vm_open(&vm, PROT, CODE(no_idt32));
	EXPECT(go(&vm.cpu[0]), "protected mode", KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(no_idt64));
	for (int i = 0; i < 200; i++) {
		EXPECT(go(&vm.cpu[0]), "long mode, again and again", KVM_EXIT_SHUTDOWN);
		cpu_restart(&vm.cpu[0]);
	}
	vm_close(&vm);
}

/* Gates of kinds that do not exist; selectors of no code; stacks nowhere. */
GUEST(undefined, 64, "ud2");
GUEST(no_stack, 64, "movabs $0x8000000000000000, %rsp; ud2");
GUEST(unmapped_stack, 64, "movabs $0x700000000000, %rsp; ud2");

static void bad_gates(void)
{
	static const uint64_t gates[] = {
		0,
		0x0000800000082000,
		0x0000870000082000,
		0x00008f0000102000,
		0x00008e0000002000,
		0x00008e0000502000,
		0x00028e000008ffff, /* zeros; emulation stands still in code that is page tables */
		0x00008e0000182000,
		0x0000ee000043ffff,
		0xffff8e00fff82000,
		0x00008c0000082000,
		0x0000850000082000,
	};
	struct vm vm;

	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		vm_open(&vm, LONG, CODE(undefined));
		*(uint64_t *)(vm.ram + IDT_AT + UD * 16) = gates[i];
		EXPECT(go_for(&vm.cpu[0], 200), "gate", FAULT + GP, FAULT + NP, FAULT + DF, FAULT + UD,
		       FAULT + PF, KVM_EXIT_SHUTDOWN, KVM_EXIT_INTERNAL_ERROR, LATE);
		/* Then no double fault either. */
		cpu_restart(&vm.cpu[0]);
		memset(vm.ram + IDT_AT + 8 * 16, 0, 16 * 8);
		EXPECT(go_for(&vm.cpu[0], 200), "gate, without others", KVM_EXIT_SHUTDOWN, FAULT + UD,
		       KVM_EXIT_INTERNAL_ERROR, LATE);
		vm_close(&vm);
	}
}

static void bad_stack(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(no_stack));
	EXPECT(go(&vm.cpu[0]), "a stack that is not canonical", FAULT + DF, KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(unmapped_stack));
	EXPECT(go(&vm.cpu[0]), "a stack that is not there", FAULT + DF, KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
	/* A stack of its own for the double fault, which is not there either. */
	vm_open(&vm, LONG, CODE(unmapped_stack));
	vm_handler(&vm, DF, STUBS_AT, NULL, 0, 1);
	*(uint64_t *)(vm.ram + TSS_AT + 0x24) = 0x7fff00000000;
	EXPECT(go(&vm.cpu[0]), "nor the double fault's", KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
}

/* A breakpoint on the first instruction of the handler of #DB. Only a signal ends it. */
GUEST(db_loop, 64, "mov $0x5000, %eax; mov %rax, %dr0; mov $0x401, %eax; mov %rax, %dr7; jmp *%rbx");

static void db_storm(void)
{
	static const uint8_t handler[] = {0x90, 0x48, 0xcf}; /* nop; iretq */
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(db_loop));
	vm_handler(&vm, DB, 0x5000, handler, sizeof(handler), 1);
	cpu_get(&vm.cpu[0], &regs);
	regs.rbx = 0x5000;
	cpu_set(&vm.cpu[0], &regs);
	for (int i = 0; i < 3; i++)
		EXPECT(go_for(&vm.cpu[0], 300), "storm", LATE);
	vm_close(&vm);
}

/* #DB at a data breakpoint on the very stack where it is delivered. */
GUEST(db_stack, 64,
      "mov $0xe7f0, %eax; mov %rax, %dr1; mov $0x00d00408, %eax; mov %rax, %dr7; mov %eax, 0xe7f0; nop; 1: "
      "jmp 1b");

static void db_on_stack(void)
{
	struct vm vm;

	if (in_qemu())
		left_out("it ends the emulator: bql_lock_impl: assertion failed");
	vm_open(&vm, LONG | CHIPS, CODE(db_stack));
	vm_handler(&vm, DB, 0x5000, iretq, sizeof(iretq), 1);
	EXPECT(go_for(&vm.cpu[0], 500), "storm", LATE);
	vm_close(&vm);
}

/* An #AC whose delivery misaligns again: the handler runs at CPL 3, on a stack that is not aligned. */
GUEST(ac_loop, 32, "pushl $0x43202; popf; mov $0x6ffe, %esp; mov 0x3001, %eax");

static void ac_storm(void)
{
	struct kvm_sregs sregs;
	struct vm vm;
	int got;

	vm_open(&vm, PROT | USER | CHIPS, CODE(ac_loop));
	cpu_get_sregs(&vm.cpu[0], &sregs);
	sregs.cr0 |= 1 << 18;
	must(!cpu_set_sregs(&vm.cpu[0], &sregs), "CR0.AM");
	*(uint16_t *)(vm.ram + IDT_AT + AC * 8 + 2) = USER32;
	got = go_for(&vm.cpu[0], 300);
	if (got == DONE)
		left_out("the emulated processor raises no #AC");
	EXPECT(got, "storm", LATE, FAULT + AC, FAULT + DF, KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
}

GUEST(traps, 64, "pushf; orl $0x100, (%rsp); popf; 1: nop; cpuid; rdtsc; jmp 1b");
GUEST(int1_loop, 64, "1: .byte 0xf1; jmp 1b");
GUEST(int3_loop, 64, "1: int3; jmp 1b");
GUEST(ud_loop, 64, "1: ud2; jmp 1b");

/* Each handler returns; or, of faults, to the same instruction for ever. */
static void endless(int vector, const void *code, size_t len)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, code, len);
	vm_handler(&vm, vector, 0x5000, iretq, sizeof(iretq), 0);
	EXPECT(go_for(&vm.cpu[0], 300), "storm", LATE);
	vm_close(&vm);
}

static void storms(void)
{
	endless(DB, CODE(traps));
	endless(DB, CODE(int1_loop));
	endless(BP, CODE(int3_loop));
	endless(UD, CODE(ud_loop));
}

/* A breakpoint on what SS is loaded from, and then an instruction that enters a handler. */
GUEST(mov_ss, 64,
      "movw $0x10, 0x3000; mov $0x3000, %eax; mov %rax, %dr0; mov $0x30401, %eax; mov %rax, %dr7\n"
      "mov 0x3000, %ss; int3");
GUEST(mov_ss_out, 64,
      "movw $0x10, 0x3000; mov $0x3000, %eax; mov %rax, %dr0; mov $0x30401, %eax; mov %rax, %dr7\n"
      "mov 0x3000, %ss; cpuid; nop");

static void db_after_mov_ss(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(mov_ss));
	EXPECT(go(&vm.cpu[0]), "int3 in the shadow", FAULT + BP, FAULT + DB);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mov_ss_out));
	EXPECT(go(&vm.cpu[0]), "an exit in the shadow", FAULT + DB, DONE);
	vm_close(&vm);
}

/* Every vector by INT n, also those of exceptions with an error code. */
GUEST(all_ints, 64, "int $0x20");

static void software_interrupts(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(all_ints));
	for (int vector = 0; vector < 256; vector++) {
		int got;

		vm.ram[CODE_AT + 1] = (uint8_t)vector;
		cpu_restart(&vm.cpu[0]);
		got = go(&vm.cpu[0]);
		if (vector < 32)
			EXPECT(got, "INT of an exception", FAULT + vector);
		else
			CHECK(got == KVM_EXIT_IO && vm.cpu[0].run->io.port == INTERRUPT_PORT);
	}
	vm_close(&vm);
}

GUEST(dr7_bits, 64, "mov %rax, %dr7; mov %rax, %dr0; mov %dr7, %rax; mov %dr6, %rax; mov %rcx, %dr6");

/* Reserved bits of debug registers, GD, breakpoints of I/O and of lengths that do not exist. */
static void debug_registers(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(dr7_bits));
	for (int bit = 0; bit < 64; bit++)
		EXPECT(try(&vm.cpu[0], 1ull << bit, ~0ull, 0), "bit of DR7", bit > 31 ? FAULT + GP : DONE,
		       FAULT + DB, bit > 31 ? DONE : FAULT + GP);
	EXPECT(try(&vm.cpu[0], 0xffffffff, 1ull << 40, 0), "DR6", FAULT + GP, FAULT + DB, DONE);
	vm_close(&vm);
}

const struct guest exception_guests[] = {
	{"triple-fault", "has no handlers, in three modes and 200 times", "APM vol. 2, 15.14.3", NULL,
	 triple_fault},
	{"bad-gates", "has gates of kinds that do not exist", "APM vol. 2, 8.2 and 8.7", NULL, bad_gates},
	{"bad-stack", "has exceptions without a stack", "APM vol. 2, 8.9", NULL, bad_stack},
	{"db-storm", "has a breakpoint on the handler of breakpoints", "CVE-2015-8104, XSA-156", NULL,
	 db_storm},
	{"db-stack", "has a watchpoint on the stack of its handler", "CVE-2015-8104, XSA-156", NULL,
	 db_on_stack},
	{"ac-storm", "has alignment checks whose handler misaligns", "CVE-2015-5307, XSA-156", NULL,
	 ac_storm},
	{"trap-storms", "traps at each instruction, INT1, INT3, UD2 for ever",
	 "XSA-308, CVE-2019-19583; CVE-2017-7518", NULL, storms},
	{"mov-ss", "has a breakpoint pending behind MOV SS when it enters a handler",
	 "CVE-2018-8897, CVE-2018-1087, XSA-260", NULL, db_after_mov_ss},
	{"int-n", "raises every vector by INT n", "XSA-106, CVE-2014-7156; XSA-196, CVE-2016-9377", NULL,
	 software_interrupts},
	{"debug-registers", "sets reserved bits of debug registers", "XSA-12, CVE-2012-3494; CVE-2009-3722",
	 NULL, debug_registers},
	{0},
};
