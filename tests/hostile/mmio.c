/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accesses to a device's memory that an emulator must get right, or give up. */
#include <string.h>

#include "hostile.h"

/* A write of value, len bytes, there. */
static bool is_write(const struct vm *vm, uint64_t at, unsigned len, uint64_t value)
{
	const struct kvm_run *run = vm->cpu[0].run;

	return run->mmio.is_write && run->mmio.phys_addr == at && run->mmio.len == len &&
	       !memcmp(run->mmio.data, &value, len);
}

static bool is_read(const struct vm *vm, uint64_t at, unsigned len)
{
	const struct kvm_run *run = vm->cpu[0].run;

	return !run->mmio.is_write && run->mmio.phys_addr == at && run->mmio.len == len;
}

static int answer(struct vm *vm, uint64_t value)
{
	memcpy(vm->cpu[0].run->mmio.data, &value, sizeof(value));
	return go(&vm->cpu[0]);
}

GUEST(undecodable, 64, "mov $0xa0000, %ebx; fnsave (%rbx)");

static void undecodable_cpl0(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(undecodable));
	EXPECT(go(&vm.cpu[0]), "fnsave", KVM_EXIT_INTERNAL_ERROR);
	CHECK(vm.cpu[0].run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION);
	vm_close(&vm);
}

static void undecodable_cpl3(void)
{
	struct vm vm;

	vm_open(&vm, LONG | USER, CODE(undecodable));
	EXPECT(go(&vm.cpu[0]), "fnsave", FAULT + UD);
	vm_close(&vm);
}

GUEST(cross, 64,
      "mov $0xa0ffc, %ebx; movabs $0x1122334455667788, %rax; mov %rax, (%rbx)\n"
      "mov (%rbx), %rcx");

static void page_crossing(void)
{
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(cross));
	EXPECT(go(&vm.cpu[0]), "first half", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT + 0xffc, 4, 0x55667788));
	EXPECT(go(&vm.cpu[0]), "second half", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT + 0x1000, 4, 0x11223344));
	EXPECT(go(&vm.cpu[0]), "first half read", KVM_EXIT_MMIO);
	CHECK(is_read(&vm, HOLE_AT + 0xffc, 4));
	EXPECT(answer(&vm, 0x01020304), "second half read", KVM_EXIT_MMIO);
	CHECK(is_read(&vm, HOLE_AT + 0x1000, 4));
	EXPECT(answer(&vm, 0x05060708), "end", DONE);
	cpu_get(&vm.cpu[0], &regs);
	CHECK(regs.rcx == 0x0506070801020304);
	vm_close(&vm);
}

GUEST(ram_to_device, 64, "mov $0x9fffd, %ebx; movabs $0x1122334455667788, %rax; mov %rax, (%rbx)");

static void ram_crossing(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(ram_to_device));
	EXPECT(go(&vm.cpu[0]), "the device's part", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT, 5, 0x1122334455));
	EXPECT(go(&vm.cpu[0]), "end", DONE);
	CHECK(vm.ram[HOLE_AT - 3] == 0x88 && vm.ram[HOLE_AT - 1] == 0x66);
	vm_close(&vm);
}

GUEST(locked, 64,
      "mov $0xa0000, %ebx; mov $5, %eax; mov $7, %ecx\n"
      "lock cmpxchg %ecx, (%rbx); lock xadd %ecx, 8(%rbx); xchg %ecx, 16(%rbx); lock incl 24(%rbx)");

static void locked_device(void)
{
	static const uint64_t read[] = {5, 1, 2, 3}, written[] = {7, 8, 1, 4};
	struct vm vm;
	int got;

	vm_open(&vm, LONG, CODE(locked));
	got = go(&vm.cpu[0]);
	for (int i = 0; i < 4; i++) {
		EXPECT(got, "read", KVM_EXIT_MMIO);
		CHECK(is_read(&vm, HOLE_AT + 8 * i, 4));
		EXPECT(answer(&vm, read[i]), "write", KVM_EXIT_MMIO);
		CHECK(is_write(&vm, HOLE_AT + 8 * i, 4, written[i]));
		got = go(&vm.cpu[0]);
	}
	EXPECT(got, "end", DONE);
	vm_close(&vm);
}

GUEST(locked_cross, 64,
      "mov $0x9fffe, %ebx; mov $0x01010101, %ecx; lock xadd %ecx, (%rbx); lock incl 0x1000(%rbx)");

static void locked_crossing(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(locked_cross));
	EXPECT(go_on(&vm.cpu[0], 20), "end", DONE, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

GUEST(copy, 64, "mov $0xa0000, %esi; mov $0xa0008, %edi; mov $-1, %rcx; rep movsq");

/* It ends only where the device's memory does, and user space can stop it at each element. */
static void endless_copy(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(copy));
	EXPECT(go_on(&vm.cpu[0], 500), "still copies", KVM_EXIT_MMIO);
	vm_close(&vm);
}

GUEST(bits, 64,
      "mov $0xa0100, %ebx; mov $-64, %rax; btsq %rax, (%rbx)\n" /* the word before */
      "mov $0x400, %eax; btrl %eax, (%rbx); mov $-1, %rax; btcw %ax, (%rbx)");

static void bit_offsets(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(bits));
	EXPECT(go(&vm.cpu[0]), "bts", KVM_EXIT_MMIO);
	CHECK(is_read(&vm, HOLE_AT + 0xf8, 8));
	EXPECT(answer(&vm, 0), "bts", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT + 0xf8, 8, 1));
	EXPECT(go(&vm.cpu[0]), "btr", KVM_EXIT_MMIO);
	CHECK(is_read(&vm, HOLE_AT + 0x180, 4));
	EXPECT(answer(&vm, 3), "btr", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT + 0x180, 4, 2));
	EXPECT(go(&vm.cpu[0]), "btc", KVM_EXIT_MMIO);
	CHECK(is_read(&vm, HOLE_AT + 0xfe, 2));
	EXPECT(answer(&vm, 0), "btc", KVM_EXIT_MMIO);
	CHECK(is_write(&vm, HOLE_AT + 0xfe, 2, 0x8000));
	EXPECT(go(&vm.cpu[0]), "end", DONE);
	vm_close(&vm);
}

GUEST(cmpxchg8b, 64,
      "mov $0xa0000, %ebx; mov %rbx, %rsi; xor %eax, %eax; xor %edx, %edx\n"
      "mov $0x11111111, %ebx; mov $0x22222222, %ecx\n"
      ".byte 0x66; cmpxchg8b (%rsi)");

/* Whatever it makes of the prefix, it writes what the guest gave or what it has read. */
static void cmpxchg8b_prefix(void)
{
	struct vm vm;
	int got;

	vm_open(&vm, LONG, CODE(cmpxchg8b));
	got = go(&vm.cpu[0]);
	for (int i = 0; i < 4 && got == KVM_EXIT_MMIO; i++) {
		if (vm.cpu[0].run->mmio.is_write)
			CHECK(is_write(&vm, HOLE_AT, 8, 0x2222222211111111) || is_write(&vm, HOLE_AT, 8, 0));
		got = answer(&vm, 0);
	}
	EXPECT(got, "end", DONE, FAULT + UD, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

GUEST(too_long, 64,
      "mov $0xa0000, %ebx\n"
      ".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x8b,0x03");

static void instruction_too_long(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(too_long));
	EXPECT(go_on(&vm.cpu[0], 4), "sixteen bytes", FAULT + GP, FAULT + UD, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

GUEST(narrow, 64,
      "mov $0xa0000, %ebx; mov $-1, %rax; mov (%rbx), %al; mov $-1, %rcx; mov 1(%rbx), %cx; mov $-1, %rdx; "
      "mov 2(%rbx), %edx");

/* No more bytes than were read arrive in a register. */
static void narrow_reads(void)
{
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(narrow));
	EXPECT(go(&vm.cpu[0]), "byte", KVM_EXIT_MMIO);
	EXPECT(answer(&vm, 0xbadbadbad00), "word", KVM_EXIT_MMIO);
	EXPECT(answer(&vm, 0xbadbad0000), "long", KVM_EXIT_MMIO);
	EXPECT(answer(&vm, 0xbad00000000), "end", DONE);
	cpu_get(&vm.cpu[0], &regs);
	CHECK(regs.rax == ~0xffull && regs.rcx == ~0xffffull && regs.rdx == 0);
	vm_close(&vm);
}

GUEST(float_load, 64, "mov $0xa0000, %ebx; fbld (%rbx)");
GUEST(float_save, 64, "mov $0xa0000, %ebx; fxsave (%rbx)");
GUEST(float_restore, 64, "mov $0xa0000, %ebx; fxrstor (%rbx)");
GUEST(table_store, 64, "mov $0xa0000, %ebx; sgdt (%rbx)");
GUEST(table_load, 64, "mov $0xa0000, %ebx; lgdt (%rbx)");

static void odd_instruction(const void *code, size_t len)
{
	struct vm vm;
	int got;

	vm_open(&vm, LONG, code, len);
	for (int n = 0; n < 200; n++) {
		got = go_for(&vm.cpu[0], 500);
		if (got != KVM_EXIT_MMIO)
			break;
		memset(vm.cpu[0].run->mmio.data, 0xff, 8);
	}
	/* Stock carries some of them out again and again, with and without asking the device. */
	EXPECT(got, "end", KVM_EXIT_INTERNAL_ERROR, DONE, FAULT + GP, FAULT + UD, on_engine() ? DONE : LATE,
	       on_engine() ? DONE : KVM_EXIT_MMIO);
	vm_close(&vm);
}

static void odd_instructions(void)
{
	odd_instruction(CODE(float_load));
	odd_instruction(CODE(float_save));
	odd_instruction(CODE(float_restore));
	odd_instruction(CODE(table_store));
	odd_instruction(CODE(table_load));
}

GUEST(jump_into, 64, "mov $0xa0000, %ebx; jmp *%rbx");
GUEST(stack_there, 64, "mov $0xa0800, %esp; push %rax; pop %rbx; call 1f; 1: ud2");
GUEST(idt_there, 64, "mov $0xa0000, %ebx; movw $0xfff, 0x3000; mov %rbx, 0x3002; lidt 0x3000; ud2");
GUEST(gdt_there, 64,
      "mov $0xa0000, %ebx; movw $0xfff, 0x3000; mov %rbx, 0x3002; lgdt 0x3000; mov $0x10, %eax; mov %eax, "
      "%ds");

static void code_in_device(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(jump_into));
	EXPECT(go(&vm.cpu[0]), "fetch", KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
	vm_open(&vm, LONG | USER, CODE(jump_into));
	EXPECT(go(&vm.cpu[0]), "fetch at CPL 3", FAULT + UD, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

/* What the processor itself reads there cannot be answered by any device. */
static void tables_in_device(void)
{
	static const struct {
		const uint8_t *code, *end;
	} tries[] = {{stack_there, stack_there_end}, {idt_there, idt_there_end}, {gdt_there, gdt_there_end}};
	struct vm vm;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		vm_open(&vm, LONG, tries[i].code, tries[i].end - tries[i].code);
		for (int n = 0; n < 100; n++) {
			int got = go_for(&vm.cpu[0], 500);

			EXPECT(got, "run", KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_SHUTDOWN, KVM_EXIT_MMIO,
			       FAULT + UD, FAULT + GP, FAULT + PF, FAULT + DF, LATE);
			if (got != KVM_EXIT_MMIO)
				break;
			memset(vm.cpu[0].run->mmio.data, 0, 8);
		}
		vm_close(&vm);
	}
}

/* One CPU stores to the device; the other changes that instruction all the while. */
GUEST(rewritten, 64,
      "cmp $0x7c00, %esp; jne 2f\n"
      "mov $0xa0000, %ebx; mov $0x1500, %esi\n"
      "movl $0x90900389, (%rsi); movw $0xe6ff, 4(%rsi); jmp *%rsi\n" /* mov %eax, (%rbx); jmp *%rsi */
      "2: mov $0x1500, %esi; mov $0x90901b8b, %eax; mov $0x9036dd, %ecx; mov $0xe0ff, %edx\n"
      "3: mov %eax, (%rsi); mov %ecx, (%rsi); movl $0x9090030f, (%rsi); movl $0xf0f0f0f0, (%rsi)\n"
      "movl $0x90900389, (%rsi); jmp 3b");

static void rewritten_code(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS | CPUS(2), CODE(rewritten));
	cpu_start(&vm.cpu[0]);
	for (int i = 0; i < 300; i++) {
		int got = go_for(&vm.cpu[1], 500);

		EXPECT(got, "store", KVM_EXIT_MMIO, FAULT + UD, FAULT + GP, FAULT + PF, FAULT + NP,
		       FAULT + SS, KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_SHUTDOWN, LATE);
		if (got != KVM_EXIT_MMIO)
			cpu_restart(&vm.cpu[1]);
	}
	EXPECT(cpu_stop(&vm.cpu[0]), "the one that writes", LATE, 0);
	vm_close(&vm);
}

const struct guest mmio_guests[] = {
	{"mmio-undecodable", "uses a device with an instruction that no emulator knows", "SDM vol. 1, FNSAVE",
	 NULL, undecodable_cpl0},
	{"mmio-undecodable-cpl3", "does so at CPL 3: an exception, not the end of the guest",
	 "CVE-2014-7842, XSA-10, CVE-2012-3432", NULL, undecodable_cpl3},
	{"mmio-page-crossing", "reads and writes a device across a page", "XSA-63, CVE-2013-4355", NULL,
	 page_crossing},
	{"mmio-ram-crossing", "writes across the border of memory and a device", "CVE-2013-6368", NULL,
	 ram_crossing},
	{"mmio-locked", "does locked accesses to a device", "APM vol. 2, 7.3.2", NULL, locked_device},
	{"mmio-locked-crossing", "does locked accesses across that border", "XSA-82, CVE-2013-6885", NULL,
	 locked_crossing},
	{"mmio-endless-copy", "copies 2^64 bytes from device to device", "XSA-112, CVE-2014-8867", NULL,
	 endless_copy},
	{"mmio-bit-offset", "tests bits far before and behind its operand", "XSA-195, CVE-2016-9383", NULL,
	 bit_offsets},
	{"mmio-cmpxchg8b", "uses CMPXCHG8B with an operand-size prefix", "XSA-200, CVE-2016-9932", NULL,
	 cmpxchg8b_prefix},
	{"mmio-too-long", "uses a device with 16 bytes of instruction", "CVE-2009-4031", NULL,
	 instruction_too_long},
	{"mmio-narrow", "looks for what is left behind a short read", "XSA-121, CVE-2015-2044", NULL,
	 narrow_reads},
	{"mmio-odd", "loads and stores x87 state and descriptor tables there",
	 "XSA-66, CVE-2013-4361, CVE-2018-10853", NULL, odd_instructions},
	{"mmio-code", "executes a device's memory", "CVE-2014-8480", NULL, code_in_device},
	{"mmio-tables", "has its stack, IDT or GDT in a device", "APM vol. 2, 15.25.6", NULL,
	 tables_in_device},
	{"mmio-rewritten", "changes an instruction while it is emulated",
	 "XSA-123, CVE-2015-2151; CVE-2016-8630", NULL, rewritten_code},
	{0},
};
