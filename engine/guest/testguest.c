/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/testguest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hypercall/testmachine.h"
#include "mem/phys.h"

#define CHUNKS 8
#define VM_CHUNK CHUNK_PFN(3)
#define RAM CHUNK_PFN(5)
#define LIST_PFN CHUNK_PFN(FIRST_CHUNK)
#define RUN_PFN(vcpu) (LIST_PFN + 1 + 2 * (vcpu))
#define STATE_PFN(vcpu) (RUN_PFN(vcpu) + 1)

static u64 vm;

static void *page(u64 pfn)
{
	return phys_to_virt(pfn << PAGE_SHIFT);
}

s64 guest_call(u64 number, const u64 args[5], u64 *ret_rdx)
{
	struct answer answer = machine_call(number, args);

	if (ret_rdx)
		*ret_rdx = answer.rdx;
	return answer.result;
}

u64 guest_vm(void)
{
	return vm;
}

struct vcpu *guest_vcpu(u32 id)
{
	struct vm *held = vm_get(vm);
	struct vcpu *vcpu;

	assert_non_null(held);
	vcpu = held->vcpus[id];
	vm_put(held);
	assert_non_null(vcpu);
	return vcpu;
}

void guest_add_vcpu(u32 id)
{
	const u64 args[5] = {vm, id, RUN_PFN(id), STATE_PFN(id)};

	assert_int_equal(guest_call(NXT_HC_VCPU_CREATE, args, NULL), 0);
}

void guest_map_to(u64 gpa, u64 ram, u64 flags)
{
	const u64 args[5] = {vm, LIST_PFN, 1};

	*(struct nxt_map *)page(LIST_PFN) =
		(struct nxt_map){.gpa = gpa & PAGE_MASK, .pfn = RAM + (ram >> PAGE_SHIFT), .flags = flags};
	assert_int_equal(guest_call(NXT_HC_VM_MAP, args, NULL), 1);
}

void guest_map(u64 gpa, u64 flags)
{
	guest_map_to(gpa, gpa, flags);
}

void guest_unmap(u64 gpa)
{
	const u64 args[5] = {vm, gpa & PAGE_MASK, 1};

	assert_int_equal(guest_call(NXT_HC_VM_UNMAP, args, NULL), 1);
	assert_int_equal(guest_call(NXT_HC_VM_RELEASE, args, NULL), 1);
}

void *guest_ram(u64 gpa)
{
	return (u8 *)page(RAM) + gpa;
}

struct vcpu *guest_executes(u64 rip, const void *code, size_t len)
{
	struct vcpu *vcpu = guest_vcpu(0);
	struct nxt_sregs sregs;

	vendor->get_sregs(&vcpu->ctx, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	assert_true(vendor->set_sregs(&vcpu->ctx, &sregs));
	vcpu->ctx.regs.rip = rip;
	memcpy(guest_ram(rip), code, len);
	return vcpu;
}

struct nxt_run *guest_run_page(u32 id)
{
	return page(RUN_PFN(id));
}

void *guest_state_page(u32 id)
{
	return page(STATE_PFN(id));
}

int guest_setup(void **state)
{
	const u64 args[5] = {VM_CHUNK};
	s64 id;

	(void)state;
	machine_start(CHUNKS);
	id = guest_call(NXT_HC_VM_CREATE, args, NULL);
	assert_true(id > 0);
	vm = (u64)id;
	guest_add_vcpu(0);
	memset(guest_ram(0), 0, PAGE_2M);
	return 0;
}

int guest_teardown(void **state)
{
	(void)state;
	machine_check();
	machine_stop();
	return 0;
}
