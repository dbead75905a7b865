/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that are the hypervisor's, or that must not reach the machine. */
#include "hostile.h"

GUEST(vmrun, 64, "mov $0x3000, %eax; vmrun %rax");
GUEST(vmload, 64, "mov $0x3000, %eax; vmload %rax");
GUEST(vmsave, 64, "mov $0x3000, %eax; vmsave %rax");
GUEST(stgi, 64, "stgi");
GUEST(clgi, 64, "clgi");
GUEST(skinit, 64, "mov $0x30000, %eax; skinit %eax");
GUEST(invlpga, 64, "mov $0x3000, %eax; mov $1, %ecx; invlpga %rax, %ecx");
GUEST(vmxon, 64, "vmxon 0x3000");
GUEST(vmlaunch, 64, "vmlaunch");
GUEST(vmcall, 64, "vmcall");
GUEST(invept, 64, "invept 0x3000, %rax");
GUEST(invvpid, 64, "invvpid 0x3000, %rax");
GUEST(rsm, 64, "rsm");
GUEST(getsec, 64, "xor %eax, %eax; .byte 0x0f, 0x37");
GUEST(rdpru, 64, "xor %ecx, %ecx; .byte 0x0f, 0x01, 0xfd");
GUEST(mcommit, 64, ".byte 0xf3, 0x0f, 0x01, 0xfa");
GUEST(pvalidate, 64, ".byte 0xf2, 0x0f, 0x01, 0xff");
GUEST(psmash, 64, ".byte 0xf3, 0x0f, 0x01, 0xff");
GUEST(invlpgb, 64, "mov $0x3000, %eax; xor %ecx, %ecx; xor %edx, %edx; .byte 0x0f, 0x01, 0xfe");
GUEST(tlbsync, 64, ".byte 0x0f, 0x01, 0xff");
GUEST(monitor, 64, "mov $0x3000, %eax; xor %ecx, %ecx; xor %edx, %edx; monitor");
GUEST(mwait, 64, "xor %eax, %eax; xor %ecx, %ecx; mwait");
GUEST(rdpmc, 64, "mov $5, %ecx; rdpmc");
GUEST(invd, 64, "invd");
GUEST(wbinvd, 64, "wbinvd");
GUEST(hypercall, 64, "vmmcall");
GUEST(hypercall32, 32, "vmmcall");

struct code {
	const uint8_t *code, *end;
};
#define LISTED(name)                                                                                         \
	{                                                                                                    \
		name, name##_end                                                                             \
	}

static void all_undefined(const struct code *tries, size_t n, unsigned flags)
{
	struct vm vm;

	for (size_t i = 0; i < n; i++) {
		vm_open(&vm, LONG | flags, tries[i].code, tries[i].end - tries[i].code);
		EXPECT(go_for(&vm.cpu[0], 2000), flags & USER ? "at CPL 3" : "at CPL 0", FAULT + UD,
		       flags & USER ? FAULT + GP : FAULT + UD);
		vm_close(&vm);
	}
}

static void svm(void)
{
	static const struct code tries[] = {LISTED(vmrun), LISTED(vmload), LISTED(vmsave),
					    LISTED(stgi),  LISTED(clgi),   LISTED(skinit)};
	struct vm vm;

	all_undefined(tries, sizeof(tries) / sizeof(tries[0]), 0);
	all_undefined(tries, sizeof(tries) / sizeof(tries[0]), USER);
	vm_open(&vm, LONG, CODE(invlpga));
	EXPECT(go(&vm.cpu[0]), "INVLPGA", FAULT + UD, on_engine() ? FAULT + UD : DONE);
	vm_close(&vm);
}

static void others(void)
{
	static const struct code tries[] = {LISTED(vmxon),     LISTED(vmlaunch), LISTED(invept),
					    LISTED(invvpid),   LISTED(rsm),	 LISTED(getsec),
					    LISTED(rdpru),     LISTED(mcommit),	 LISTED(psmash),
					    LISTED(pvalidate), LISTED(invlpgb),	 LISTED(tlbsync)};

	all_undefined(tries, sizeof(tries) / sizeof(tries[0]), 0);
	all_undefined(tries, sizeof(tries) / sizeof(tries[0]), USER);
}

static void waiting(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(monitor));
	EXPECT(go(&vm.cpu[0]), "MONITOR", FAULT + UD, on_engine() ? FAULT + UD : DONE);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(mwait));
	EXPECT(go_for(&vm.cpu[0], 2000), "MWAIT", FAULT + UD, on_engine() ? FAULT + UD : DONE);
	vm_close(&vm);
}

static void counters_and_caches(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(rdpmc));
	for (uint64_t counter = 0; counter < 64; counter += 5)
		EXPECT(try(&vm.cpu[0], 0, counter, 0), "RDPMC", FAULT + GP, on_engine() ? FAULT + GP : DONE);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(invd));
	EXPECT(go(&vm.cpu[0]), "INVD", DONE);
	vm_close(&vm);
	vm_open(&vm, LONG, CODE(wbinvd));
	EXPECT(go(&vm.cpu[0]), "WBINVD", DONE);
	vm_close(&vm);
}

static int64_t hypercall_result(struct vm *vm, uint64_t number)
{
	struct kvm_regs regs;

	cpu_restart(&vm->cpu[0]);
	cpu_get(&vm->cpu[0], &regs);
	regs.rax = number;
	/* What destroys a VM, gives a chunk, maps memory: if only Engine listened. */
	regs.rdi = regs.rbx = 0;
	regs.rsi = regs.rcx = 0x200;
	regs.rdx = 1;
	regs.r10 = regs.r8 = 0;
	cpu_set(&vm->cpu[0], &regs);
	EXPECT(go(&vm->cpu[0]), "VMMCALL", DONE);
	cpu_get(&vm->cpu[0], &regs);
	CHECK(regs.rdx == 1);
	return (int64_t)regs.rax;
}

enum { EPERM_ = 1, ENOSYS_ = 1000 }; /* KVM's own numbers */
enum { ENGINE_CALLS = 32 };

static void hypercalls(void)
{
	struct vm vm;

	vm_open(&vm, LONG, CODE(hypercall));
	for (uint64_t number = 0; number < ENGINE_CALLS; number++) {
		int64_t got = hypercall_result(&vm, number);

		/* Some of the numbers are KVM's own: it answers them as it likes. */
		CHECK(got == -ENOSYS_ || number == 11 || /* a yield, which both know */
		      (!on_engine() && (number == 1 || number == 5 || (number >= 9 && number <= 12))));
	}
	CHECK(hypercall_result(&vm, 0x4e780000) == -ENOSYS_);
	CHECK(hypercall_result(&vm, ~0ull) == -ENOSYS_);
	vm_close(&vm);
}

static void hypercalls_cpl3(void)
{
	struct vm vm;

	vm_open(&vm, LONG | USER, CODE(hypercall));
	for (uint64_t number = 0; number < ENGINE_CALLS; number++)
		CHECK(hypercall_result(&vm, number) == -EPERM_);
	vm_close(&vm);
}

static void hypercalls_32(void)
{
	struct vm vm;

	vm_open(&vm, PROT, CODE(hypercall32));
	for (uint64_t number = 13; number < ENGINE_CALLS; number++)
		CHECK((uint64_t)hypercall_result(&vm, number) == (uint32_t)-ENOSYS_);
	vm_close(&vm);
}

const struct guest svm_guests[] = {
	{"svm-instructions", "uses SVM: VMRUN, VMLOAD, VMSAVE, STGI, CLGI, SKINIT, INVLPGA",
	 "APM vol. 2, 15.4; CVE-2021-3653", "stock carries INVLPGA out as an INVLPG", svm},
	{"other-hypervisors", "uses VMX, SMX, RSM, RDPRU, MCOMMIT, SEV-SNP's and INVLPGB",
	 "CVE-2014-3645, CVE-2014-3646, XSA-75", NULL, others},
	{"monitor-mwait", "waits by MONITOR and MWAIT", "APM vol. 3, MWAIT",
	 "stock does nothing at them, without #UD", waiting},
	{"rdpmc-invd", "reads performance counters, drops the caches", "APM vol. 3, RDPMC, INVD",
	 "stock may have virtual counters", counters_and_caches},
	{"vmmcall", "makes Engine's hypercalls, which are not for guests", "docs/hypercalls.md",
	 "stock answers the numbers that are KVM's own", hypercalls},
	{"vmmcall-cpl3", "makes hypercalls at CPL 3", "CVE-2009-3290", NULL, hypercalls_cpl3},
	{"vmmcall-32", "makes hypercalls in 32-bit mode", "CVE-2009-3290", NULL, hypercalls_32},
	{0},
};
