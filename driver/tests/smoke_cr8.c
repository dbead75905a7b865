// SPDX-License-Identifier: GPL-2.0-only
/*
 * CR8 in 64-bit mode, while an interrupt waits that it masks. QEMU's emulation of a processor ends with a
 * write of CR8 that unmasks a virtual interrupt, unless the hypervisor intercepts it.
 */
#include "smoke.h"

#define ON_GP 0x3000
#define ON_INTERRUPT 0x3100
#define VECTOR 0x41

#define APIC_TPR 0x80
#define APIC_SVR 0xf0
#define APIC_IRR 0x200

/* The local APIC has VECTOR waiting, and takes nothing of its priority. */
static void let_interrupt_wait(struct vm *vm)
{
	struct kvm_lapic_state apic;
	uint32_t value;

	must(!ioctl(vm->vcpu, KVM_GET_LAPIC, &apic), "KVM_GET_LAPIC");
	value = 0x1ff;
	memcpy(apic.regs + APIC_SVR, &value, sizeof(value));
	value = 0x90;
	memcpy(apic.regs + APIC_TPR, &value, sizeof(value));
	value = 1u << VECTOR % 32;
	memcpy(apic.regs + APIC_IRR + VECTOR / 32 * 16, &value, sizeof(value));
	must(!ioctl(vm->vcpu, KVM_SET_LAPIC, &apic), "KVM_SET_LAPIC");
}

static int at_port(struct vm *vm, uint16_t port)
{
	return run(vm) == KVM_EXIT_IO && vm->run->io.port == port;
}

void test_cr8(void)
{
	static const uint8_t code[] = {
		0xfb,				    /* sti */
		0xe6, 0x10,			    /* out %al, $0x10 */
		0xb8, 0x10, 0x00, 0x00, 0x00,	    /* mov $0x10, %eax */
		0x44, 0x0f, 0x22, 0xc0,		    /* mov %rax, %cr8: too large */
		0xb8, 0x05, 0x00, 0x00, 0x00,	    /* mov $5, %eax */
		0x44, 0x0f, 0x22, 0xc0,		    /* mov %rax, %cr8: still masks it */
		0xe6, 0x11,			    /* out %al, $0x11 */
		0x41, 0xb9, 0x03, 0x00, 0x00, 0x00, /* mov $3, %r9d */
		0xfa,				    /* cli */
		0x45, 0x0f, 0x22, 0xc1,		    /* mov %r9, %cr8: no more */
		0x44, 0x0f, 0x20, 0xc1,		    /* mov %cr8, %rcx */
		0xe6, 0x12,			    /* out %al, $0x12 */
		0xfb,				    /* sti */
		0x90,				    /* nop */
		0xe6, 0x13,			    /* out %al, $0x13 */
	};
	/* out %al, $0x30; pop %rcx; addq $4, (%rsp); iretq */
	static const uint8_t on_gp[] = {0xe6, 0x30, 0x59, 0x48, 0x83, 0x04, 0x24, 0x04, 0x48, 0xcf};
	static const uint8_t on_interrupt[] = {0xe6, 0x31, 0x48, 0xcf}; /* out %al, $0x31; iretq */
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, 1, code, sizeof(code));
	enter_64bit_mode(&vm);
	memcpy(vm.ram + ON_GP, on_gp, sizeof(on_gp));
	memcpy(vm.ram + ON_INTERRUPT, on_interrupt, sizeof(on_interrupt));
	set_gate(&vm, 13, ON_GP);
	set_gate(&vm, VECTOR, ON_INTERRUPT);
	let_interrupt_wait(&vm);
	CHECK(at_port(&vm, 0x10));
	CHECK(at_port(&vm, 0x30));
	CHECK(at_port(&vm, 0x11) && vm.run->cr8 == 5);
	CHECK(at_port(&vm, 0x12) && vm.run->cr8 == 3);
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && regs.rcx == 3);
	CHECK(at_port(&vm, 0x31));
	CHECK(at_port(&vm, 0x13));
	vm_close(&vm);
}
