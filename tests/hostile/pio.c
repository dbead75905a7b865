/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port I/O: strings to where they must not go, ports that are not allowed. */
#include <string.h>
#include <sys/ioctl.h>

#include "hostile.h"

GUEST(out_page, 64, "mov $0x3fff, %esi; mov $3, %ecx; mov $0x9000, %edx; rep outsw");

/* The words come as they are in memory, also the one in two pages. */
static void page_crossing(void)
{
	uint8_t got[16];
	uint32_t n = 0;
	struct vm vm;

	vm_open(&vm, LONG, CODE(out_page));
	memcpy(vm.ram + 0x3fff, "abcdef", 6);
	while (n < 6 && go(&vm.cpu[0]) == KVM_EXIT_IO && vm.cpu[0].run->io.port == 0x9000) {
		uint32_t len = vm.cpu[0].run->io.size * vm.cpu[0].run->io.count;

		CHECK(vm.cpu[0].run->io.size == 2 && len <= 6 - n);
		if (len > 6 - n)
			break;
		memcpy(got + n, (uint8_t *)vm.cpu[0].run + vm.cpu[0].run->io.data_offset, len);
		n += len;
	}
	CHECK(n == 6 && !memcmp(got, "abcdef", 6));
	EXPECT(go(&vm.cpu[0]), "end", DONE);
	vm_close(&vm);
}

GUEST(in_rom, 64, "mov $0x200000, %edi; mov $16, %ecx; mov $0x9000, %edx; rep insb");
GUEST(in_device, 64, "mov $0xa0000, %edi; mov $16, %ecx; mov $0x9000, %edx; rep insb");
GUEST(out_device, 64, "mov $0xa0000, %esi; mov $16, %ecx; mov $0x9000, %edx; rep outsb");
GUEST(in_border, 64, "mov $0x9fffe, %edi; mov $4, %ecx; mov $0x9000, %edx; rep insw");

static void into(unsigned flags, const void *code, size_t len)
{
	struct vm vm;

	vm_open(&vm, LONG | flags, code, len);
	EXPECT(go_on(&vm.cpu[0], 100), "end", DONE, KVM_EXIT_INTERNAL_ERROR);
	if (flags & VM_ROM)
		CHECK(vm.ram[ROM_AT] == 0);
	vm_close(&vm);
}

static void not_memory(void)
{
	into(VM_ROM, CODE(in_rom));
	into(0, CODE(in_device));
	into(0, CODE(out_device));
	into(0, CODE(in_border));
}

GUEST(in_fault, 64, "mov $0x1ffffe, %edi; mov $8, %ecx; mov $0x9000, %edx; rep insb");

/* What fits is stored, and the registers say how far it came. */
static void fault_inside(void)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG, CODE(in_fault));
	((uint64_t *)(vm.ram + PD_AT))[1] = 0; /* from 2 MiB on */
	EXPECT(go_on(&vm.cpu[0], 10), "end", FAULT + PF);
	cpu_get(&vm.cpu[0], &regs);
	cpu_get_sregs(&vm.cpu[0], &sregs);
	CHECK(regs.rcx == 6 && regs.rdi == 0x200000 && sregs.cr2 == 0x200000);
	CHECK(vm.ram[0x1ffffe] == 0xff && vm.ram[0x1fffff] == 0xff && vm.ram[0x200000] == 0);
	vm_close(&vm);
}

GUEST(in_endless, 64, "mov $0x180000, %edi; mov $-1, %rcx; mov $0x9000, %edx; std; rep insb");

static void endless(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(in_endless));
	EXPECT(go_on(&vm.cpu[0], 300), "still reads", KVM_EXIT_IO);
	vm_close(&vm);
}

GUEST(wrap, 16,
      "mov $0xfffe, %di; mov $4, %cx; mov $0x9000, %dx; rep insb; mov $0xffff, %si; mov $1, %cx; rep outsw");

/* DI wraps inside the segment: nothing lands behind it. */
static void segment_wrap(void)
{
	struct vm vm;

	vm_open(&vm, REAL, CODE(wrap));
	vm.ram[0x10000] = 0x11;
	EXPECT(go_on(&vm.cpu[0], 20), "end", DONE, FAULT + GP, FAULT + SS, KVM_EXIT_INTERNAL_ERROR);
	CHECK(vm.ram[0xffff] == 0xff && vm.ram[0x10000] == 0x11);
	vm_close(&vm);
}

GUEST(zero, 64,
      "xor %ecx, %ecx; mov $0x9000, %edx; movabs $0x8000000000000000, %rdi; mov %rdi, %rsi; rep insb; rep "
      "outsl");

static void no_elements(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(zero));
	EXPECT(go(&vm.cpu[0]), "nothing to do", DONE);
	vm_close(&vm);
}

GUEST(user_out, 64, "mov $0x9000, %edx; out %al, %dx");

static void not_allowed(void)
{
	struct kvm_regs regs;
	struct vm vm;

	vm_open(&vm, LONG | USER, CODE(user_out));
	cpu_get(&vm.cpu[0], &regs);
	regs.rflags = 2; /* IOPL 0, and a TSS without a bitmap */
	cpu_set(&vm.cpu[0], &regs);
	EXPECT(go(&vm.cpu[0]), "out", FAULT + GP);
	vm_close(&vm);
}

GUEST(all_ports, 64,
      "mov $0xffff, %edx; 1: out %eax, %dx; in %dx, %eax; out %ax, %dx; in %dx, %al; sub $0x111, %edx; jns "
      "1b");

/* Also those of the chips that the kernel has, in sizes that they do not know. */
static void every_port(void)
{
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(all_ports));
	for (int base = 0; base < 0x100; base += 0x10) {
		cpu_restart(&vm.cpu[0]);
		*(uint16_t *)(vm.ram + CODE_AT + 1) = (uint16_t)(0xff00 | base);
		EXPECT(go_on(&vm.cpu[0], 2000), "end", DONE);
	}
	vm_close(&vm);
}

GUEST(pit, 64,
      "mov $1000, %ecx\n"
      "1: mov %cl, %al; out %al, $0x43; mov $0, %al; out %al, $0x40; out %al, $0x40; out %al, $0x42; in "
      "$0x42, %al\n"
      "mov $0x34, %al; out %al, $0x43; mov $1, %al; out %al, $0x40; xor %al, %al; out %al, $0x40\n"
      "mov %cl, %al; out %al, $0x61; in $0x61, %al; in $0x40, %al; loop 1b");
GUEST(pic, 64,
      "mov $1000, %ecx\n"
      "1: mov %cl, %al; out %al, $0x20; out %al, $0xa0; out %al, $0x21; out %al, $0xa1\n"
      ".byte 0x90; mov $0x11, %al; out %al, $0x20; out %al, $0xa0; in $0x20, %al; in $0xa1, %al; loop 1b");

static void timer_and_pics(void)
{
	struct kvm_pit_config config = {0};
	struct vm vm;

	vm_open(&vm, LONG | CHIPS, CODE(pit));
	must(!ioctl(vm.fd, KVM_CREATE_PIT2, &config), "KVM_CREATE_PIT2");
	EXPECT(go_on(&vm.cpu[0], 1000000), "PIT", DONE);
	vm_close(&vm);
	vm_open(&vm, LONG | CHIPS, CODE(pic));
	EXPECT(go_on(&vm.cpu[0], 1000000), "PIC", DONE);
	vm_close(&vm);
}

const struct guest pio_guests[] = {
	{"pio-page-crossing", "writes a string across a page, with a word in both", "XSA-67, CVE-2013-4368",
	 NULL, page_crossing},
	{"pio-not-memory", "reads strings into ROM and devices, and writes them from there",
	 "XSA-239, CVE-2017-15589",
	 "Engine gives up with an emulation failure, as those of no memory; stock carries some out",
	 not_memory},
	{"pio-fault", "reads a string into a page that is not there", "XSA-112, CVE-2014-8867", NULL,
	 fault_inside},
	{"pio-endless", "reads 2^64 bytes downwards", "CVE-2017-1000407", NULL, endless},
	{"pio-wrap", "reads a string over the end of a real-mode segment", "CVE-2010-0298",
	 "the emulated processor has no segment limits in real mode", segment_wrap},
	{"pio-zero", "repeats string I/O zero times, at an address that is not canonical", "APM vol. 3, INS",
	 NULL, no_elements},
	{"pio-not-allowed", "does port I/O without being allowed to", "CVE-2010-0306", NULL, not_allowed},
	{"pio-every-port", "uses ports of every kind in every size", "XSA-63, CVE-2013-4355", NULL,
	 every_port},
	{"pio-chips", "programs PIT and PICs with nonsense, without end", "CVE-2014-3611", NULL,
	 timer_and_pics},
	{0},
};
