/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hypercall/hypercall.h"
#include "cpu/trap.h"
#include "engine.h"
#include "guest/vm.h"
#include "lib/log.h"

/* A driver comes (again): what an earlier one left is of no use to anybody. */
static s64 hello(struct hypercall_args *args)
{
	s64 result;

	if (args->a != NXT_ABI_VERSION)
		return -NXT_EOPNOTSUPP;
	result = vm_destroy_all();
	if (result)
		return result;
	log_line("the control domain's driver says hello, ABI version %lu", args->a);
	return NXT_ABI_VERSION;
}

static s64 selftest(struct hypercall_args *args)
{
	if (!engine.selftest)
		return -NXT_ENOSYS;
	switch (args->a) {
	case NXT_SELFTEST_PANIC:
		panic("asked for by a test");
	case NXT_SELFTEST_FAULT:
		__asm__ volatile("ud2");
		__builtin_unreachable();
	case NXT_SELFTEST_FRAME:
		return (s64)(engine.memory_base >> PAGE_SHIFT);
	default:
		return -NXT_EINVAL;
	}
}

static s64 (*const handlers[NXT_HC_COUNT])(struct hypercall_args *args) = {
	[NXT_HC_HELLO] = hello,
	[NXT_HC_INFO] = hypercall_info,
	[NXT_HC_VM_CREATE] = hypercall_vm_create,
	[NXT_HC_VM_GIVE] = hypercall_vm_give,
	[NXT_HC_VM_DESTROY] = hypercall_vm_destroy,
	[NXT_HC_VM_MAP] = hypercall_vm_map,
	[NXT_HC_VM_UNMAP] = hypercall_vm_unmap,
	[NXT_HC_VM_RELEASE] = hypercall_vm_release,
	[NXT_HC_VM_PROTECT] = hypercall_vm_protect,
	[NXT_HC_VM_AGE] = hypercall_vm_age,
	[NXT_HC_VM_MSI] = hypercall_vm_msi,
	[NXT_HC_VCPU_CREATE] = hypercall_vcpu_create,
	[NXT_HC_VCPU_RUN] = hypercall_vcpu_run,
	[NXT_HC_VCPU_GET] = hypercall_vcpu_get,
	[NXT_HC_VCPU_SET] = hypercall_vcpu_set,
	[NXT_HC_VCPU_INJECT] = hypercall_vcpu_inject,
	[NXT_HC_SELFTEST] = selftest,
	[NXT_HC_VM_SET_CLOCK] = hypercall_vm_set_clock,
	[NXT_HC_VM_GET_CLOCK] = hypercall_vm_get_clock,
};

void hypercall(struct cpu *cpu)
{
	struct nxt_regs *regs = &cpu->cd.regs;
	struct hypercall_args args = {
		.a = regs->rdi, .b = regs->rsi, .c = regs->rdx, .d = regs->r10, .e = regs->r8};

	if (regs->rax >= NXT_HC_COUNT) {
		regs->rax = (u64)-NXT_ENOSYS;
		return;
	}
	regs->rax = (u64)handlers[regs->rax](&args);
	if (args.has_result2)
		regs->rdx = args.result2;
}
