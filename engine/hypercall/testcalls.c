/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hypercall/testcalls.h"
#include "mem/phys.h"

u64 rdx;

s64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	struct answer answer = machine_call(number, (const u64[5]){a, b, c, d, 0});

	rdx = answer.rdx;
	return answer.result;
}

void *page(u64 pfn)
{
	return phys_to_virt(pfn << PAGE_SHIFT);
}

u64 create_vm(void)
{
	s64 id = call(NXT_HC_VM_CREATE, VM_CHUNK, 0, 0, 0);

	assert_true(id >= 1 && id <= NXT_MAX_VMS);
	return (u64)id;
}

void destroy_vm(u64 vm)
{
	s64 result;

	do {
		result = call(NXT_HC_VM_DESTROY, vm, 0, 0, 0);
	} while (result == -NXT_EAGAIN);
	assert_int_equal(result, 0);
}

s64 map(u64 vm, u64 gpa, u64 pfn, u64 flags)
{
	*(struct nxt_map *)page(LIST_PFN) = (struct nxt_map){.gpa = gpa, .pfn = pfn, .flags = flags};
	return call(NXT_HC_VM_MAP, vm, LIST_PFN, 1, 0);
}

struct vcpu *vcpu_of(u64 vm, u32 id)
{
	struct vm *held = vm_get(vm);
	struct vcpu *vcpu;

	assert_non_null(held);
	vcpu = held->vcpus[id];
	vm_put(held);
	assert_non_null(vcpu);
	return vcpu;
}

u64 create_vm_with_vcpu(void)
{
	u64 vm = create_vm();

	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), 0);
	return vm;
}

int setup(void **state)
{
	(void)state;
	machine_start(CHUNKS);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	machine_check();
	machine_stop();
	return 0;
}
