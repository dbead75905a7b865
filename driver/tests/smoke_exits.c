// SPDX-License-Identifier: GPL-2.0-only
/* What a guest does that cannot go on by itself, or that somebody watches: the exits that KVM gives. */
#include "smoke.h"

/* A triple fault: an interrupt table without entries, and an exception. */
void test_shutdown(void)
{
	static const uint8_t code[] = {
		0x0f, 0x01, 0x1e, 0x00, 0x20, /* lidt 0x2000: all zero */
		0x0f, 0x0b,		      /* ud2 */
	};
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	CHECK(run(&vm) == KVM_EXIT_SHUTDOWN);
	vm_close(&vm);
}

/* An instruction on a device's memory that no emulator carries out. */
void test_undecodable(void)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0xa0,	/* mov $0xa000, %ax */
		0x8e, 0xd8,		/* mov %ax, %ds */
		0xdd, 0x36, 0x10, 0x00, /* fnsave 0x10 */
	};
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	CHECK(run(&vm) == KVM_EXIT_INTERNAL_ERROR);
	CHECK(vm.run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION);
	CHECK(vm.run->emulation_failure.ndata >= 3);
	CHECK(vm.run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
	CHECK(vm.run->emulation_failure.insn_size >= 4);
	CHECK(!memcmp(vm.run->emulation_failure.insn_bytes, code + 5, 4));
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && regs.rip == CODE_AT + 5);
	vm_close(&vm);
}

/* Reading and writing an MSR that does not exist is #GP, in the guest. */
void test_unknown_msr(void)
{
	static const uint8_t code[] = {
		0x66, 0xb9, 0x45, 0x23, 0x01, 0x00, /* mov $0x12345, %ecx */
		0x0f, 0x32,			    /* rdmsr */
		0x0f, 0x30,			    /* wrmsr */
		0xe6, 0x11,			    /* out %al, $0x11 */
		0xf4,				    /* hlt */
	};
	/* out %al, $0x10; add $2, return address; iret */
	static const uint8_t handler[] = {0xe6, 0x10, 0x89, 0xe5, 0x83, 0x46, 0x00, 0x02, 0xcf};
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	memcpy(vm.ram + 0x2000, handler, sizeof(handler));
	*(uint32_t *)(vm.ram + 4 * 13) = 0x2000;
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x10);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x10);
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x11);
	CHECK(run(&vm) == KVM_EXIT_HLT);
	vm_close(&vm);
}

/* Writes to a coalesced range wait in the ring; others, reads and other ports do not. */
void test_coalesced(void)
{
	static const uint8_t code[] = {
		0xb8, 0x00, 0xa0,	      /* mov $0xa000, %ax */
		0x8e, 0xd8,		      /* mov %ax, %ds */
		0xc6, 0x06, 0x10, 0x00, 0x55, /* movb $0x55, 0x10 */
		0xc6, 0x06, 0x11, 0x00, 0x66, /* movb $0x66, 0x11 */
		0xe6, 0x20,		      /* out %al, $0x20 */
		0xc6, 0x06, 0x00, 0x01, 0x77, /* movb $0x77, 0x100 */
		0xf4,			      /* hlt */
	};
	struct kvm_coalesced_mmio_zone zone = {.addr = MMIO_AT, .size = 0x20};
	struct kvm_coalesced_mmio_zone ports = {.addr = 0x20, .size = 1, .pio = 1};
	struct kvm_coalesced_mmio_ring *ring;
	struct vm vm;
	int page;

	vm_open(&vm, 0, code, sizeof(code));
	page = ioctl(vm.kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	CHECK(page == KVM_COALESCED_MMIO_PAGE_OFFSET);
	CHECK(ioctl(vm.kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) == 1);
	ring = (void *)((uint8_t *)vm.run + page * getpagesize());
	CHECK(!ioctl(vm.fd, KVM_REGISTER_COALESCED_MMIO, &zone));
	CHECK(!ioctl(vm.fd, KVM_REGISTER_COALESCED_MMIO, &ports));
	CHECK(run(&vm) == KVM_EXIT_MMIO && vm.run->mmio.phys_addr == MMIO_AT + 0x100);
	CHECK(ring->first == 0 && ring->last == 3);
	CHECK(ring->coalesced_mmio[0].phys_addr == MMIO_AT + 0x10 && ring->coalesced_mmio[0].len == 1 &&
	      ring->coalesced_mmio[0].data[0] == 0x55 && !ring->coalesced_mmio[0].pio);
	CHECK(ring->coalesced_mmio[1].phys_addr == MMIO_AT + 0x11 && ring->coalesced_mmio[1].data[0] == 0x66);
	CHECK(ring->coalesced_mmio[2].phys_addr == 0x20 && ring->coalesced_mmio[2].pio);
	CHECK(run(&vm) == KVM_EXIT_HLT);
	vm_close(&vm);
}

static void debug(struct vm *vm, uint32_t control, uint64_t address, uint64_t dr7)
{
	struct kvm_guest_debug ctl = {.control = control};

	ctl.arch.debugreg[0] = address;
	ctl.arch.debugreg[7] = dr7;
	CHECK(!ioctl(vm->vcpu, KVM_SET_GUEST_DEBUG, &ctl));
}

static int debug_exit(struct vm *vm, uint32_t exception, uint64_t pc)
{
	return run(vm) == KVM_EXIT_DEBUG && vm->run->debug.arch.exception == exception &&
	       vm->run->debug.arch.pc == pc;
}

enum { DB = 1, BP = 3 };
enum { STEP = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };
enum { SW = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP };
enum { HW = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP };

/* Steps of a debugger in user space, also over what user space answers. */
void test_step(void)
{
	static const uint8_t code[] = {
		0x90,		  /* 0: nop */
		0x40,		  /* 1: inc %ax */
		0xa3, 0x00, 0x30, /* 2: mov %ax, 0x3000 */
		0xe4, 0x10,	  /* 5: in $0x10, %al */
		0xf4,		  /* 7: hlt */
	};
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	debug(&vm, STEP, 0, 0);
	CHECK(debug_exit(&vm, DB, CODE_AT + 1) && vm.run->debug.arch.dr6 & 1u << 14);
	CHECK(debug_exit(&vm, DB, CODE_AT + 2));
	CHECK(debug_exit(&vm, DB, CODE_AT + 5) && *(uint16_t *)(vm.ram + 0x3000) == 1);
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && !(regs.rflags & 1u << 8));
	CHECK(run(&vm) == KVM_EXIT_IO && vm.run->io.port == 0x10);
	*(uint8_t *)io_data(&vm) = 0x77;
	CHECK(debug_exit(&vm, DB, CODE_AT + 7));
	debug(&vm, 0, 0, 0);
	CHECK(run(&vm) == KVM_EXIT_HLT);
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && (regs.rax & 0xff) == 0x77);
	vm_close(&vm);
}

/*
 * The debugger's int3. Where it does not exit, the guest handles it, and halts. QEMU's emulated processor
 * does not know the intercept of int3.
 */
void test_breakpoint(void)
{
	static const uint8_t code[] = {0x43, 0xcc, 0xf4}; /* inc %bx; int3; hlt */
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	vm.ram[0x2000] = 0xf4;
	*(uint32_t *)(vm.ram + 4 * 3) = 0x2000;
	debug(&vm, SW, 0, 0);
	CHECK(debug_exit(&vm, BP, CODE_AT + 1));
	CHECK(!ioctl(vm.vcpu, KVM_GET_REGS, &regs) && regs.rbx == 1);
	vm_close(&vm);
}

/* Break- and watchpoints in debug registers. */
void test_debug_registers(void)
{
	static const uint8_t code[] = {
		0x40,		  /* 0: inc %ax */
		0xa3, 0x00, 0x30, /* 1: mov %ax, 0x3000 */
		0x90,		  /* 4: nop */
		0x43,		  /* 5: inc %bx */
		0xf4,		  /* 6: hlt */
	};
	struct vm vm;

	vm_open(&vm, 0, code, sizeof(code));
	debug(&vm, STEP, 0, 0);
	CHECK(debug_exit(&vm, DB, CODE_AT + 1));
	/* A write of two bytes there: it fires behind the instruction, and nothing is left of the step. */
	debug(&vm, HW, 0x3000, 0x401 | 1u << 16 | 1u << 18);
	CHECK(debug_exit(&vm, DB, CODE_AT + 4) && (vm.run->debug.arch.dr6 & 0x400f) == 1);
	CHECK(*(uint16_t *)(vm.ram + 0x3000) == 1);
	/* Execution stops before the instruction. */
	debug(&vm, HW, CODE_AT + 5, 0x401);
	CHECK(debug_exit(&vm, DB, CODE_AT + 5) && vm.run->debug.arch.dr6 & 1);
	vm_close(&vm);
}
