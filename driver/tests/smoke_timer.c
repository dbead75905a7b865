// SPDX-License-Identifier: GPL-2.0-only
/* The local APIC's timer by TSC deadline: it always fires, and never before the time. */
#include "smoke.h"

#define ON_TIMER 0x3000
#define VECTOR 0x41
#define FIRED 0x12
#define ROUNDS 10

#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_LVT_TIMER 0x320

/* Sets the deadline EDI ticks ahead, then halts if R8 is 1, else waits without leaving. */
extern const uint8_t arm[], arm_end[];
__asm__(".pushsection .rodata\n.code64\narm:\n"
	"mov $0x6e0, %ecx; rdtsc; shl $32, %rdx; or %rdx, %rax; add %rdi, %rax; mov %rax, %rsi\n"
	"mov %rax, %rdx; shr $32, %rdx; wrmsr; sti\n"
	"1: test %r8, %r8; jz 2f; hlt; 2: jmp 1b\n"
	"arm_end:\n.popsection\n");

/* RBX: how many ticks after the deadline. */
extern const uint8_t on_timer[], on_timer_end[];
__asm__(".pushsection .rodata\n.code64\non_timer:\n"
	"rdtsc; shl $32, %rdx; or %rdx, %rax; sub %rsi, %rax; mov %rax, %rbx\n"
	"out %al, $0x12\n"
	"on_timer_end:\n.popsection\n");

/* With the timer in TSC-deadline mode, and no interrupt in service. */
static void enable_apic(struct vm *vm)
{
	static const uint32_t svr = 0x1ff, lvt = 0x40000 | VECTOR;
	struct kvm_lapic_state apic;

	must(!ioctl(vm->vcpu, KVM_GET_LAPIC, &apic), "KVM_GET_LAPIC");
	memset(apic.regs + APIC_ISR, 0, 8 * 16);
	memcpy(apic.regs + APIC_SVR, &svr, sizeof(svr));
	memcpy(apic.regs + APIC_LVT_TIMER, &lvt, sizeof(lvt));
	must(!ioctl(vm->vcpu, KVM_SET_LAPIC, &apic), "KVM_SET_LAPIC");
}

static int64_t lateness(struct vm *vm, uint64_t ticks, int halt)
{
	struct kvm_regs regs = {.rip = CODE_AT, .rflags = 2, .rsp = 0x8000, .rdi = ticks, .r8 = halt};

	must(!ioctl(vm->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	enable_apic(vm);
	CHECK(run(vm) == KVM_EXIT_IO && vm->run->io.port == FIRED);
	must(!ioctl(vm->vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	return (int64_t)regs.rbx;
}

void test_timer(void)
{
	static const uint64_t ticks[] = {1, 1000, 10000, 50000, 200000, 3000000};
	struct vm vm;

	vm_open(&vm, 1, arm, (size_t)(arm_end - arm));
	enter_64bit_mode(&vm);
	memcpy(vm.ram + ON_TIMER, on_timer, (size_t)(on_timer_end - on_timer));
	set_gate(&vm, VECTOR, ON_TIMER);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++)
			for (int halt = 0; halt < 2; halt++)
				CHECK(lateness(&vm, ticks[i], halt) >= 0);
	vm_close(&vm);
}
