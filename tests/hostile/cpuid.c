/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID: leaves that do not exist, and what a guest may learn from those that do. */
#include <string.h>

#include "hostile.h"

GUEST(cpuid64, 64, "cpuid");
GUEST(cpuid16, 16, "cpuid");

/* EAX, EBX, ECX, EDX of a leaf. */
static void ask(struct vm *vm, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	struct kvm_regs regs;

	EXPECT(try(&vm->cpu[0], 0xffffffff00000000 | leaf, 0xffffffff00000000 | subleaf, ~0ull), "cpuid",
	       DONE);
	cpu_get(&vm->cpu[0], &regs);
	CHECK(!((regs.rax | regs.rbx | regs.rcx | regs.rdx) >> 32));
	out[0] = (uint32_t)regs.rax;
	out[1] = (uint32_t)regs.rbx;
	out[2] = (uint32_t)regs.rcx;
	out[3] = (uint32_t)regs.rdx;
}

static void sweep(void)
{
	static const uint32_t bases[] = {0,	     0x40000000, 0x40000100, 0x40004e00,
					 0x80000000, 0x8fffffe0, 0xc0000000, 0xffffffe0};
	static const uint32_t subleaves[] = {0, 1, 63, 0xffffffff};
	uint32_t out[4];
	struct vm vm;

	vm_open(&vm, LONG, CODE(cpuid64));
	for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++)
		for (uint32_t i = 0; i < 0x22; i++)
			for (size_t s = 0; s < 4; s++)
				ask(&vm, bases[b] + i, subleaves[s], out);
	vm_close(&vm);
}

static void engine_hidden(void)
{
	uint32_t out[4];
	struct vm vm;

	vm_open(&vm, LONG, CODE(cpuid64));
	for (uint32_t leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		ask(&vm, leaf, 0, out);
		CHECK(memcmp(&out[1], "NxTo", 4));
		if (leaf == 0x40000000)
			CHECK(!memcmp(&out[1], "KVMKVMKVM\0\0\0", 12));
	}
	vm_close(&vm);
}

static void not_offered(void)
{
	uint32_t out[4];
	struct vm vm;

	vm_open(&vm, LONG, CODE(cpuid64));
	ask(&vm, 1, 0, out);
	CHECK(!(out[2] & 1u << 5)); /* VMX */
	CHECK(!(out[2] & 1u << 6)); /* SMX */
	CHECK(!(out[2] & 1u << 3)); /* MONITOR */
	if (on_engine())
		CHECK(out[2] >> 31); /* a hypervisor is here; on stock, QEMU says so */
	ask(&vm, 0x80000001, 0, out);
	CHECK(!(out[2] & 1u << 2));  /* SVM */
	CHECK(!(out[2] & 1u << 12)); /* SKINIT */
	ask(&vm, 0x8000000a, 0, out);
	if (on_engine())
		CHECK(!(out[0] | out[1] | out[3]));
	vm_close(&vm);
}

static void other_modes(void)
{
	struct vm vm;

	vm_open(&vm, REAL, CODE(cpuid16));
	EXPECT(try(&vm.cpu[0], 0xffffffff, 0xffffffff, 0), "real mode", DONE);
	vm_close(&vm);
	vm_open(&vm, LONG | USER, CODE(cpuid64));
	EXPECT(try(&vm.cpu[0], 0x80000000, 0, 0), "CPL 3", DONE);
	vm_close(&vm);
}

const struct guest cpuid_guests[] = {
	{"cpuid-sweep", "asks for leaves in and out of every range, with any subleaf",
	 "APM vol. 3, appendix E", NULL, sweep},
	{"cpuid-engine", "looks for Engine's own leaf", "docs/hypercalls.md", NULL, engine_hidden},
	{"cpuid-not-offered", "looks for SVM, VMX, SMX, SKINIT and MONITOR", "APM vol. 2, 15.4", NULL,
	 not_offered},
	{"cpuid-modes", "uses CPUID in real mode and at CPL 3", "APM vol. 3, CPUID", NULL, other_modes},
	{0},
};
