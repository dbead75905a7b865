/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modes of the processor and ways between them: segments, tasks, control registers, impossible addresses. */
#include <string.h>

#include "hostile.h"

/* -- 16 bits ---------------------------------------------------------------------------------------- */

GUEST(segment_end, 16, "mov $0xa000, %ax; mov %ax, %ds; mov %eax, 0xfffe");

/* An operand over the segment's end, where a device is. */
static void real_wrap(void)
{
	struct vm vm;

	vm_open(&vm, REAL, CODE(segment_end));
	EXPECT(go(&vm.cpu[0]), "store", FAULT + GP);
	vm_close(&vm);
}

GUEST(unreal, 16, "mov $0xfe000010, %ebx; movb $0x5a, (%ebx); mov $0x10, %bx; movb $0x5b, (%bx)");

static void unreal_mode(void)
{
	struct kvm_sregs sregs;
	struct vm vm;

	vm_open(&vm, REAL, CODE(unreal));
	cpu_get_sregs(&vm.cpu[0], &sregs);
	sregs.ds.limit = ~0u;
	sregs.ds.g = 1;
	must(!cpu_set_sregs(&vm.cpu[0], &sregs), "a large limit");
	EXPECT(go(&vm.cpu[0]), "store", KVM_EXIT_MMIO);
	CHECK(vm.cpu[0].run->mmio.phys_addr == 0xfe000010 && vm.cpu[0].run->mmio.data[0] == 0x5a);
	EXPECT(go(&vm.cpu[0]), "end", DONE);
	CHECK(vm.ram[0x10] == 0x5b);
	vm_close(&vm);
}

GUEST(push, 16, "mov $0xa8000, %esp; pushl (%ebx)");

/* ESP counts or SP does, by a bit of SS alone; the operand is a device's, so that the push is emulated. */
static void big_stack(void)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct vm vm;

	for (int big = 0; big < 2; big++) {
		vm_open(&vm, REAL, CODE(push));
		cpu_get_sregs(&vm.cpu[0], &sregs);
		sregs.ds.limit = sregs.ss.limit = ~0u;
		sregs.ds.g = sregs.ss.g = 1;
		sregs.ss.db = big;
		must(!cpu_set_sregs(&vm.cpu[0], &sregs), "SS.B");
		cpu_get(&vm.cpu[0], &regs);
		regs.rbx = HOLE_AT;
		cpu_set(&vm.cpu[0], &regs);
		EXPECT(go(&vm.cpu[0]), "read", KVM_EXIT_MMIO);
		memcpy(vm.cpu[0].run->mmio.data, "abcd", 4);
		if (big) {
			EXPECT(go(&vm.cpu[0]), "push", KVM_EXIT_MMIO);
			CHECK(vm.cpu[0].run->mmio.is_write && vm.cpu[0].run->mmio.phys_addr == 0xa7ffc);
		}
		EXPECT(go(&vm.cpu[0]), "end", DONE);
		CHECK(big || !memcmp(vm.ram + 0x7ffc, "abcd", 4));
		vm_close(&vm);
	}
}

GUEST(v86_code, 16, "mov $0xa000, %ax; mov %ax, %ds; mov %ax, 0x10; cli");

/* Virtual-8086 mode at IOPL 0: a device works, CLI does not. */
static void virtual_8086(void)
{
	struct kvm_segment flat = {.limit = 0xffff, .type = 3, .present = 1, .s = 1, .dpl = 3};
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct vm vm;

	if (in_qemu())
		left_out("it ends the emulator: invalid tss type");
	vm_open(&vm, PROT, CODE(v86_code));
	cpu_get_sregs(&vm.cpu[0], &sregs);
	sregs.cs = sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = flat;
	must(!cpu_set_sregs(&vm.cpu[0], &sregs), "segments");
	cpu_get(&vm.cpu[0], &regs);
	regs.rflags |= 1 << 17;
	cpu_set(&vm.cpu[0], &regs);
	EXPECT(go(&vm.cpu[0]), "store", KVM_EXIT_MMIO);
	CHECK(vm.cpu[0].run->mmio.phys_addr == HOLE_AT + 0x10 && vm.cpu[0].run->mmio.len == 2);
	EXPECT(go(&vm.cpu[0]), "cli", FAULT + GP);
	vm_close(&vm);
}

/* -- tasks ------------------------------------------------------------------------------------------ */

#define NEW_TSS_AT 0x19000
#define NEW_TSS 0x28 /* where the GDT has a 16-bit data segment */

static void new_task(struct vm *vm, uint32_t eflags, uint16_t cs)
{
	uint32_t *tss = (void *)(vm->ram + NEW_TSS_AT);

	*(uint64_t *)(vm->ram + GDT_AT + NEW_TSS) = 0x0000890190000067;
	tss[0x20 / 4] = STUBS_AT + 4 * 31; /* says exception 31, which there is none of */
	tss[0x24 / 4] = eflags;
	tss[0x38 / 4] = 0x6000;
	tss[0x48 / 4] = tss[0x50 / 4] = tss[0x54 / 4] = DATA;
	tss[0x4c / 4] = cs;
}

#define TASK_ENDS                                                                                            \
	FAULT + 31, KVM_EXIT_INTERNAL_ERROR, FAULT + TS, FAULT + GP, FAULT + NP, FAULT + DF, FAULT + SS,     \
		FAULT + UD, KVM_EXIT_SHUTDOWN

GUEST(task_jump, 32, "ljmp $0x28, $0");
GUEST(task_call, 32, "lcall $0x28, $0");
GUEST(task_gate, 32, "ud2");
GUEST(task_return, 32, "pushf; orl $0x4000, (%esp); popf; iret");

static void try_task(const void *code, size_t len, uint32_t eflags, uint16_t cs)
{
	struct vm vm;

	vm_open(&vm, PROT | CHIPS, code, len);
	new_task(&vm, eflags, cs);
	if (code == task_gate)
		*(uint64_t *)(vm.ram + IDT_AT + UD * 8) = (uint64_t)0x8500 << 32 | NEW_TSS << 16;
	if (code == task_return)
		*(uint16_t *)(vm.ram + TSS_AT) = NEW_TSS;
	EXPECT(go_for(&vm.cpu[0], 1000), "task switch", TASK_ENDS, DONE);
	vm_close(&vm);
}

static void task_switches(void)
{
	try_task(CODE(task_jump), 2, CODE32);
	try_task(CODE(task_call), 2, CODE32);
	try_task(CODE(task_gate), 2, CODE32);
	try_task(CODE(task_return), 2, CODE32);
}

/* To virtual-8086 mode; to code of a selector that is none; to a TSS in a device. */
static void task_switches_bad(void)
{
	struct vm vm;

	try_task(CODE(task_jump), 0x20002, 0);
	try_task(CODE(task_jump), 2, 0);
	try_task(CODE(task_call), 2, 0xfff8);
	try_task(CODE(task_gate), 0xffffffff, CODE32);
	vm_open(&vm, PROT, CODE(task_jump));
	*(uint64_t *)(vm.ram + GDT_AT + NEW_TSS) = 0x00008b0a00000067 & ~(2ull << 40);
	EXPECT(go_for(&vm.cpu[0], 1000), "a TSS in a device", TASK_ENDS, KVM_EXIT_MMIO, LATE);
	vm_close(&vm);
}

/* -- control registers ------------------------------------------------------------------------------ */

GUEST(mov_cr0, 64, "mov %rax, %cr0");
GUEST(mov_cr4, 64, "mov %rax, %cr4");
GUEST(mov_cr3, 64, "mov %rax, %cr3");
GUEST(mov_cr8, 64, "mov %rax, %cr8");
GUEST(mov_cr1, 64, ".byte 0x0f, 0x22, 0xc8");

static void control_registers(void)
{
	/* The emulated processor takes what is reserved, and refuses it at the next entry. */
	int lax = in_qemu() ? KVM_EXIT_FAIL_ENTRY : FAULT + GP;
	/* Stock KVM on AMD delivers a fault that faults itself again and again, until told to stop. */
	int endless = on_engine() ? KVM_EXIT_INTERNAL_ERROR : LATE;
	struct vm vm;

	vm_open(&vm, LONG, CODE(mov_cr0));
	for (int bit = 32; bit < 64; bit += 3)
		EXPECT(try(&vm.cpu[0], 0x80010031 | 1ull << bit, 0, 0), "CR0's upper half", FAULT + GP, DONE);
	EXPECT(try(&vm.cpu[0], 0x80010030, 0, 0), "PG without PE", FAULT + GP, DONE, KVM_EXIT_SHUTDOWN);
	EXPECT(try(&vm.cpu[0], 0xa0010031, 0, 0), "NW without CD", FAULT + GP, DONE);
	EXPECT(try(&vm.cpu[0], 0xe0010031, 0, 0), "caches off", DONE);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mov_cr4));
	for (int bit = 24; bit < 64; bit++)
		EXPECT(try(&vm.cpu[0], 0x620 | 1ull << bit, 0, 0), "a reserved bit of CR4", FAULT + GP, DONE,
		       lax);
	EXPECT(try(&vm.cpu[0], 0x620 | 1 << 13, 0, 0), "VMXE", FAULT + GP, DONE, lax);
	EXPECT(try(&vm.cpu[0], 0x620 | 1 << 12, 0, 0), "LA57 in long mode", FAULT + GP, DONE, lax);
	EXPECT(try(&vm.cpu[0], 0x600, 0, 0), "PAE off in long mode", FAULT + GP, DONE, KVM_EXIT_SHUTDOWN,
	       lax);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mov_cr3));
	EXPECT(try(&vm.cpu[0], 0xfff0000000010000, 0, 0), "CR3 behind all memory", FAULT + GP, DONE,
	       KVM_EXIT_SHUTDOWN, KVM_EXIT_INTERNAL_ERROR, lax);
	cpu_prepare(&vm.cpu[0], HOLE_AT, 0, 0);
	EXPECT(go_for(&vm.cpu[0], 500), "CR3 in a device", KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_SHUTDOWN,
	       FAULT + PF, FAULT + GP, KVM_EXIT_MMIO, endless);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mov_cr1));
	EXPECT(try(&vm.cpu[0], 0, 0, 0), "CR1", FAULT + UD);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mov_cr8));
	EXPECT(try(&vm.cpu[0], 16, 0, 0), "CR8 of more than four bits", FAULT + GP, DONE);
	vm_close(&vm);
}

GUEST(user_cr0, 64, "mov %cr0, %rax");
GUEST(user_hlt, 64, "hlt");
GUEST(user_lgdt, 64, "lgdt 0x3000");
GUEST(user_lmsw, 64, "lmsw %ax");
GUEST(user_dr, 64, "mov %dr7, %rax");
GUEST(user_clts, 64, "clts");
GUEST(user_invd, 64, "invd");
GUEST(user_wbinvd, 64, "wbinvd");
GUEST(user_invlpg, 64, "invlpg 0x3000");
GUEST(user_xsetbv, 64, "xor %ecx, %ecx; xsetbv");
GUEST(user_swapgs, 64, "swapgs");
GUEST(user_iret, 64, "push $0x10; push $0x7000; pushf; push $0x8; push $0x1000; iretq");
GUEST(user_null_ss, 64, "xor %eax, %eax; mov %eax, %ss");
GUEST(user_far, 64, "push $0x8; push $0x1000; lretq");

static void privileged(void)
{
	static const struct {
		const uint8_t *code, *end;
	} tries[] = {
		{user_cr0, user_cr0_end},	  {user_hlt, user_hlt_end},
		{user_lgdt, user_lgdt_end},	  {user_lmsw, user_lmsw_end},
		{user_dr, user_dr_end},		  {user_clts, user_clts_end},
		{user_invd, user_invd_end},	  {user_wbinvd, user_wbinvd_end},
		{user_invlpg, user_invlpg_end},	  {user_xsetbv, user_xsetbv_end},
		{user_swapgs, user_swapgs_end},	  {user_iret, user_iret_end},
		{user_null_ss, user_null_ss_end}, {user_far, user_far_end},
	};
	bool lax = in_qemu() && !on_engine();
	struct kvm_sregs sregs;
	struct vm vm;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		vm_open(&vm, LONG | USER, tries[i].code, tries[i].end - tries[i].code);
		cpu_get_sregs(&vm.cpu[0], &sregs);
		sregs.cr4 |= 1 << 18;
		must(!cpu_set_sregs(&vm.cpu[0], &sregs), "CR4.OSXSAVE");
		/* The emulated processor exits before it looks at CPL; Engine then does, stock does not. */
		EXPECT(go(&vm.cpu[0]), "at CPL 3", FAULT + GP,
		       lax && (tries[i].code == user_invd || tries[i].code == user_wbinvd) ? DONE
											   : FAULT + GP);
		vm_close(&vm);
	}
}

/* -- XCR0 ------------------------------------------------------------------------------------------- */

GUEST(set_xcr0, 64, "xsetbv");

static void xcr0(void)
{
	static const uint64_t bad[] = {0,    2, 4, 5, 8 | 1, 0x10 | 3, 0x21, 1ull << 62 | 3, 1ull << 63 | 3,
				       ~0ull};
	struct kvm_sregs sregs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(set_xcr0));
	/* The emulated processor exits before it looks at CR4; Engine then does, stock does not. */
	EXPECT(try(&vm.cpu[0], 1, 0, 0), "without CR4.OSXSAVE", FAULT + UD,
	       in_qemu() && !on_engine() ? DONE : FAULT + UD);
	/* try() would undo CR4, and this is about what stands in it. */
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		struct kvm_regs regs;

		cpu_restart(&vm.cpu[0]);
		cpu_get_sregs(&vm.cpu[0], &sregs);
		sregs.cr4 |= 1 << 18;
		must(!cpu_set_sregs(&vm.cpu[0], &sregs), "CR4.OSXSAVE");
		cpu_get(&vm.cpu[0], &regs);
		regs.rcx = i == sizeof(bad) / sizeof(bad[0]) ? 1 : 0;
		regs.rax = regs.rcx ? 1 : bad[i] & 0xffffffff;
		regs.rdx = regs.rcx ? 0 : bad[i] >> 32;
		cpu_set(&vm.cpu[0], &regs);
		EXPECT(go(&vm.cpu[0]), regs.rcx ? "XCR1" : "a forbidden value", FAULT + GP);
	}
	vm_close(&vm);
}

GUEST(bad_xrstor, 64,
      "mov %cr4, %rax; or $0x40000, %eax; mov %rax, %cr4; mov $0x3000, %esi; mov $0x3200, %edi\n"
      "xor %edx, %edx; mov $7, %eax; xsave (%rsi)\n"
      "movq $-1, (%rdi); mov $7, %eax; xor %edx, %edx; xrstor (%rsi)");

static void xrstor_header(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(bad_xrstor));
	EXPECT(go(&vm.cpu[0]), "xrstor", FAULT + GP);
	vm_close(&vm);
}

/* -- addresses out of range ------------------------------------------------------------------------- */

GUEST(far_away, 64, "movabs $0x8000000000000000, %rbx; jmp *%rbx");
GUEST(sysret, 64, "movabs $0x800000000000, %rcx; mov $2, %r11d; sysretq");
GUEST(iret_away, 64,
      "movabs $0x800000000000, %rbx; push $0x10; push $0x7000; pushf; push $8; push %rbx; iretq");
GUEST(nothing, 64, "nop");

static void rip(void)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(far_away));
	EXPECT(go(&vm.cpu[0]), "jmp", FAULT + GP, FAULT + PF);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(iret_away));
	EXPECT(go(&vm.cpu[0]), "iret", FAULT + GP, FAULT + PF);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(sysret));
	cpu_get_sregs(&vm.cpu[0], &sregs);
	sregs.efer |= 1;
	must(!cpu_set_sregs(&vm.cpu[0], &sregs), "EFER.SCE");
	EXPECT(go_for(&vm.cpu[0], 1000), "sysret", FAULT + GP, FAULT + PF, FAULT + DF, KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
	/* By user space. */
	vm_open(&vm, LONG, CODE(nothing));
	cpu_get(&vm.cpu[0], &regs);
	regs.rip = 0x8000000000000000;
	cpu_set(&vm.cpu[0], &regs);
	EXPECT(go_for(&vm.cpu[0], 1000), "run", FAULT + GP, FAULT + PF, FAULT + DF, KVM_EXIT_SHUTDOWN,
	       KVM_EXIT_FAIL_ENTRY, KVM_EXIT_INTERNAL_ERROR);
	vm_close(&vm);
}

/* State that no processor enters a guest with: user space is refused, or hears why it does not run. */
static void impossible_state(void)
{
	struct kvm_sregs good, sregs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(nothing));
	cpu_get_sregs(&vm.cpu[0], &good);
	for (int i = 0; i < 12; i++) {
		sregs = good;
		switch (i) {
		case 0:
			sregs.cr0 |= 1ull << 32;
			break;
		case 1:
			sregs.cr0 |= 1 << 29;
			break; /* NW without CD */
		case 2:
			sregs.cr4 |= 1ull << 40;
			break;
		case 3:
			sregs.efer |= 1 << 12;
			break; /* SVME */
		case 4:
			sregs.efer |= 1ull << 40;
			break;
		case 5:
			sregs.cr4 &= ~0x20ull;
			break; /* long mode without PAE */
		case 6:
			sregs.cs.db = 1;
			break; /* with CS.L */
		case 7:
			sregs.cr3 = 1ull << 60;
			break;
		case 8:
			sregs.apic_base = ~0ull;
			break;
		case 9:
			sregs.cr0 &= ~1ull;
			break; /* paging without protection */
		case 10:
			sregs.efer &= ~0x400ull;
			break;
		case 11:
			sregs.cr8 = ~0ull;
			break;
		}
		if (!cpu_set_sregs(&vm.cpu[0], &sregs))
			EXPECT(go_for(&vm.cpu[0], 500), "run", KVM_EXIT_FAIL_ENTRY, KVM_EXIT_SHUTDOWN,
			       KVM_EXIT_INTERNAL_ERROR, DONE, FAULT + PF, FAULT + GP, FAULT + UD, FAILED + 22,
			       LATE);
		must(!cpu_set_sregs(&vm.cpu[0], &good), "the old state");
		cpu_restart(&vm.cpu[0]);
	}
	EXPECT(go(&vm.cpu[0]), "after all", DONE);
	vm_close(&vm);
}

/* -- a vCPU that keeps its CPU ---------------------------------------------------------------------- */

GUEST(spin, 64, "cli; 1: jmp 1b");
GUEST(rep, 64, "cli; mov $0x100000, %edi; 1: mov $0x100000, %ecx; rep stosb; mov $0x100000, %edi; jmp 1b");
GUEST(cr0_writes, 64, "cli; 1: mov %cr0, %rax; mov %rax, %cr0; mov %cr4, %rax; mov %rax, %cr4; jmp 1b");
GUEST(halts, 64, "cli; 1: hlt; jmp 1b");
GUEST(cpuids, 64, "cli; 1: xor %eax, %eax; cpuid; jmp 1b");

static void never_exits(void)
{
	static const struct {
		const uint8_t *code, *end;
	} tries[] = {{spin, spin_end},
		     {rep, rep_end},
		     {cr0_writes, cr0_writes_end},
		     {halts, halts_end},
		     {cpuids, cpuids_end}};
	struct vm vm;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		vm_open(&vm, LONG | CHIPS, tries[i].code, tries[i].end - tries[i].code);
		EXPECT(go_for(&vm.cpu[0], 500), "until a signal", LATE);
		vm_close(&vm);
	}
}

const struct guest mode_guests[] = {
	{"real-wrap", "uses a device over the end of a real-mode segment", "SDM vol. 3, 20.1", NULL,
	 real_wrap},
	{"unreal", "uses a device by a 4 GiB segment in real mode", "APM vol. 2, 4.6 (hidden registers)",
	 NULL, unreal_mode},
	{"big-stack", "pushes in 16-bit code on 16-bit and 32-bit stacks", "APM vol. 2, 4.7.3", NULL,
	 big_stack},
	{"v86", "uses a device in virtual-8086 mode, and what is not allowed there", "XSA-192, CVE-2016-9382",
	 NULL, virtual_8086},
	{"task-switch", "switches tasks by JMP, CALL, a gate and IRET", "APM vol. 2, 12.3",
	 "Engine gives up with an emulation failure where the processor exits; the emulated one does not "
	 "exit",
	 task_switches},
	{"task-switch-bad", "switches to tasks that cannot be",
	 "XSA-192, CVE-2016-9382; XSA-44, CVE-2013-1917", NULL, task_switches_bad},
	{"control-registers", "sets reserved bits of control registers, and leaves long mode in pieces",
	 "APM vol. 2, 3.1", "the emulated processor takes some of what is reserved", control_registers},
	{"privileged", "uses privileged instructions at CPL 3",
	 "XSA-105, CVE-2014-7155; CVE-2017-2583; XSA-110, CVE-2014-8595", NULL, privileged},
	{"xsetbv", "writes forbidden values to XCR0, and to XCR1", "XSA-54, CVE-2013-2078", NULL, xcr0},
	{"xrstor", "restores from an area with a bad header", "XSA-53, CVE-2013-2077", NULL, xrstor_header},
	{"not-canonical-rip", "jumps, returns and is sent to an address that is not canonical",
	 "XSA-7, CVE-2012-0217; CVE-2014-3647; XSA-170, CVE-2016-2271", NULL, rip},
	{"impossible-state", "has a QEMU that sets state no processor enters", "APM vol. 2, 15.5.1", NULL,
	 impossible_state},
	{"never-exits", "keeps its CPU with interrupts off", "APM vol. 2, 15.13.1", NULL, never_exits},
	{0},
};
