/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What abi/hypercall.h promises of each call's results and errors, through the dispatcher. Running guests is
 * for end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine.h"
#include "guest/vcpu.h"
#include "hypercall/testcalls.h"
#include "mem/frames.h"
#include "mem/phys.h"

/* -- the call itself -------------------------------------------------------------------------------- */

static void test_unknown(void **state)
{
	(void)state;
	assert_int_equal(call(NXT_HC_COUNT, 0, 0, 7, 0), -NXT_ENOSYS);
	assert_int_equal(call(~0ULL, 0, 0, 7, 0), -NXT_ENOSYS);
	assert_int_equal(rdx, 7);
}

static void test_hello(void **state)
{
	s64 result;

	(void)state;
	create_vm();
	assert_int_equal(call(NXT_HC_HELLO, NXT_ABI_VERSION + 1, 0, 0, 0), -NXT_EOPNOTSUPP);
	assert_int_equal(vm_count(), 1);
	while ((result = call(NXT_HC_HELLO, NXT_ABI_VERSION, 0, 0, 0)) == -NXT_EAGAIN)
		;
	assert_int_equal(result, NXT_ABI_VERSION);
	assert_int_equal(vm_count(), 0);
}

static void test_selftest(void **state)
{
	(void)state;
	assert_int_equal(call(NXT_HC_SELFTEST, NXT_SELFTEST_FRAME, 0, 0, 0), -NXT_ENOSYS);
	engine.selftest = true;
	assert_int_equal(frame_read((u64)call(NXT_HC_SELFTEST, NXT_SELFTEST_FRAME, 0, 0, 0)).kind,
			 FRAME_ENGINE);
	assert_int_equal(call(NXT_HC_SELFTEST, 99, 0, 0, 0), -NXT_EINVAL);
}

/* -- VMs -------------------------------------------------------------------------------------------- */

static void test_vm_create(void **state)
{
	u64 flushes = machine_flushes();

	(void)state;
	assert_int_equal(call(NXT_HC_VM_CREATE, VM_CHUNK + 1, 0, 0, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(ENGINE_CHUNK), 0, 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(HOLE_CHUNK), 0, 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(CHUNKS), 0, 0, 0), -NXT_EPERM);
	assert_int_equal(machine_flushes(), flushes);
	create_vm();
	assert_int_equal(machine_flushes(), flushes + 1);
	assert_int_equal(call(NXT_HC_VM_CREATE, VM_CHUNK, 0, 0, 0), -NXT_EPERM);
}

static void test_vm_table_full(void **state)
{
	(void)state;
	for (u32 i = 0; i < NXT_MAX_VMS; i++)
		assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(3 + i), 0, 0, 0), i + 1);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(3 + NXT_MAX_VMS), 0, 0, 0), -NXT_ENOSPC);
	assert_int_equal(frame_read(CHUNK_PFN(3 + NXT_MAX_VMS)).kind, FRAME_CONTROL);
	destroy_vm(7);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(3 + NXT_MAX_VMS), 0, 0, 0), 7);
}

static void test_vm_give(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(call(NXT_HC_VM_GIVE, vm + 1, SPARE_CHUNK, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_GIVE, 0, SPARE_CHUNK, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_GIVE, ~0ULL, SPARE_CHUNK, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, SPARE_CHUNK + 1, 0, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, VM_CHUNK, 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, SPARE_CHUNK, 0, 0), 0);
	assert_int_equal(frame_read(SPARE_CHUNK).kind, FRAME_GIVEN);
	destroy_vm(vm);
	assert_int_equal(frame_read(SPARE_CHUNK).kind, FRAME_CONTROL);
}

static void test_vm_destroy(void **state)
{
	u64 vm = create_vm_with_vcpu();
	struct vcpu *vcpu = vcpu_of(vm, 0);

	(void)state;
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(call(NXT_HC_VM_DESTROY, vm + 1, 0, 0, 0), -NXT_ENOENT);

	/* A vCPU runs: the door closes, but nothing is taken away under its feet. */
	assert_non_null(vm_get(vm));
	assert_true(vcpu_own(vcpu));
	assert_int_equal(call(NXT_HC_VM_DESTROY, vm, 0, 0, 0), -NXT_EBUSY);
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VCPU_GET, vm, 0, NXT_STATE_REGS, 0), -NXT_ENOENT);
	assert_int_equal(frame_read(RAM).kind, FRAME_SHARED);
	assert_int_equal(frame_read(RUN_PFN).kind, FRAME_PINNED);
	vcpu_disown(vcpu);
	vm_put(vcpu->vm);

	assert_int_equal(call(NXT_HC_VM_DESTROY, vm, 0, 0, 0), -NXT_EAGAIN);
	destroy_vm(vm);
	assert_int_equal(call(NXT_HC_VM_DESTROY, vm, 0, 0, 0), -NXT_ENOENT);
	assert_int_equal(frame_read(RAM).kind, FRAME_CONTROL);
	assert_int_equal(frame_read(RUN_PFN).kind, FRAME_CONTROL);
	assert_int_equal(frame_read(VM_CHUNK).kind, FRAME_CONTROL);
}

/* -- memory ----------------------------------------------------------------------------------------- */

static void test_map_errors(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, NXT_MAP_MAX + 1, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_MAP, vm + 1, LIST_PFN, 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_MAP, vm, CHUNK_PFN(ENGINE_CHUNK), 1, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_MAP, vm, VM_CHUNK, 1, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, 0, 0), 0);

	assert_int_equal(map(vm, 1, RAM, 0), -NXT_EINVAL);
	assert_int_equal(map(vm, BIT(48), RAM, 0), -NXT_EINVAL);
	assert_int_equal(map(vm, 0, RAM, 8), -NXT_EINVAL);
	assert_int_equal(map(vm, PAGE_SIZE, RAM, NXT_MAP_2M), -NXT_EINVAL);
	assert_int_equal(map(vm, 0, RAM + 1, NXT_MAP_2M), -NXT_EINVAL);
	assert_int_equal(map(vm, 0, CHUNK_PFN(ENGINE_CHUNK), 0), -NXT_EPERM);
	assert_int_equal(map(vm, 0, VM_CHUNK, 0), -NXT_EPERM);
	assert_int_equal(map(vm, 0, CHUNK_PFN(HOLE_CHUNK), 0), -NXT_EPERM);
	assert_int_equal(map(vm, 0, LIST_PFN, 0), -NXT_EPERM); /* Engine reads it just now */
	assert_int_equal(map(vm, 0, ~0ULL, 0), -NXT_EPERM);

	assert_int_equal(map(vm, 0, RAM, 0), 1);
	assert_int_equal(map(vm, 0, RAM, 0), -NXT_EEXIST);
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_2M), -NXT_EEXIST);
	assert_int_equal(map(vm, PAGE_SIZE, 0, NXT_MAP_MMIO), 1);
	assert_int_equal(map(vm, PAGE_SIZE, RAM, 0), -NXT_EEXIST);
	assert_int_equal(frame_read(LIST_PFN).kind, FRAME_CONTROL);
}

static void test_map_list(void **state)
{
	struct nxt_map *list = page(LIST_PFN);
	u64 vm = create_vm();

	(void)state;
	for (u64 i = 0; i < NXT_MAP_MAX; i++)
		list[i] = (struct nxt_map){.gpa = i * PAGE_SIZE, .pfn = RAM + i, .flags = NXT_MAP_WRITE};
	list[3].pfn = 0;
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, NXT_MAP_MAX, 0), 3);
	assert_int_equal(frame_read(RAM + 2).kind, FRAME_SHARED);
	assert_int_equal(frame_read(RAM + 4).kind, FRAME_CONTROL);
	memmove(list, list + 3, (NXT_MAP_MAX - 3) * sizeof(*list));
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, NXT_MAP_MAX - 3, 0), -NXT_EPERM);
	list[0].pfn = RAM + 3;
	assert_int_equal(call(NXT_HC_VM_MAP, vm, LIST_PFN, NXT_MAP_MAX - 3, 0), NXT_MAP_MAX - 3);
}

static void test_map_in_two_vms(void **state)
{
	u64 one = create_vm();
	u64 two = (u64)call(NXT_HC_VM_CREATE, SPARE_CHUNK, 0, 0, 0);

	(void)state;
	assert_int_equal(map(one, 0, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(map(one, PAGE_SIZE, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(map(two, 0, RAM, NXT_MAP_WRITE), -NXT_EPERM);
	assert_int_equal(map(two, 0, RAM, 0), -NXT_EPERM);
	assert_int_equal(map(one, 2 * PAGE_SIZE, RAM + 1, 0), 1);
	assert_int_equal(map(two, 2 * PAGE_SIZE, RAM + 1, 0), 1);
	assert_int_equal(map(one, 3 * PAGE_SIZE, RAM + 1, NXT_MAP_WRITE), -NXT_EPERM);
}

/* Every 2 MiB of guest memory takes one more table, until the chunk is used up. */
static void test_map_out_of_memory(void **state)
{
	u64 vm = create_vm(), gpa = 0;
	s64 result;

	(void)state;
	while ((result = map(vm, gpa, 0, NXT_MAP_MMIO)) == 1)
		gpa += PAGE_2M;
	assert_int_equal(result, -NXT_ENOMEM);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), -NXT_ENOMEM);
	assert_int_equal(frame_read(RUN_PFN).kind, FRAME_CONTROL);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, SPARE_CHUNK, 0, 0), 0);
	assert_int_equal(map(vm, gpa, 0, NXT_MAP_MMIO), 1);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), 0);
}

static void test_unmap_release(void **state)
{
	u64 vm = create_vm_with_vcpu();
	struct vcpu *vcpu = vcpu_of(vm, 0);

	(void)state;
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(call(NXT_HC_VM_UNMAP, vm + 1, 0, 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm + 1, 0, 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_UNMAP, vm, 1, 1, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 1, 1, 0), -NXT_EINVAL);

	/* The vCPU was inside before the unmapping: its TLB may still hold the frame. */
	assert_true(vcpu_own(vcpu));
	assert_int_equal(call(NXT_HC_VM_UNMAP, vm, 0, 1, 0), 1);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 0, 1, 0), -NXT_EAGAIN);
	assert_int_equal(frame_read(RAM).kind, FRAME_SHARED);
	vcpu_disown(vcpu);
	assert_int_equal(map(vm, 0, RAM + 1, 0), -NXT_EEXIST);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 0, 1, 0), 1);
	assert_int_equal(frame_read(RAM).kind, FRAME_CONTROL);
	assert_int_equal(map(vm, 0, RAM + 1, 0), 1);
}

static void test_protect_age(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_WRITE | NXT_MAP_2M), 1);
	assert_int_equal(call(NXT_HC_VM_PROTECT, vm + 1, 0, 512, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_PROTECT, vm, 5, 512, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_PROTECT, vm, 0, 512, 0), 512);
	assert_int_equal(call(NXT_HC_VM_AGE, vm + 1, 0, 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VM_AGE, vm, 0, 513, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VM_AGE, vm, 0, 512, 1), 0);
	/* Only a part: the entry goes as a whole. */
	assert_true(call(NXT_HC_VM_PROTECT, vm, PAGE_SIZE, 1, 0) >= 1);
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_2M), -NXT_EEXIST);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 0, 512, 0), 512);
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_2M), 1);
}

/* -- vCPUs ------------------------------------------------------------------------------------------ */

static void test_vcpu_create(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm + 1, 0, RUN_PFN, STATE_PFN), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, NXT_MAX_VCPUS, RUN_PFN, STATE_PFN), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, VM_CHUNK, STATE_PFN), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, VM_CHUNK), -NXT_EPERM);
	assert_int_equal(frame_read(RUN_PFN).kind, FRAME_CONTROL);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), 0);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), -NXT_EEXIST);
	assert_int_equal(frame_read(RUN_PFN).count, 1);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, NXT_MAX_VCPUS - 1, RUN_PFN + 2, STATE_PFN + 2), 0);
	/* The pages are for nothing else. */
	assert_int_equal(map(vm, 0, RUN_PFN, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_VM_CREATE, CHUNK_PFN(FIRST_CHUNK), 0, 0, 0), -NXT_EPERM);
}

static void test_vcpu_absent(void **state)
{
	static const u64 calls[] = {NXT_HC_VCPU_RUN, NXT_HC_VCPU_GET, NXT_HC_VCPU_SET, NXT_HC_VCPU_INJECT};
	u64 vm = create_vm_with_vcpu();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_int_equal(call(calls[i], vm + 1, 0, 0, 0), -NXT_ENOENT);
		assert_int_equal(call(calls[i], vm, 1, 0, 0), -NXT_ENOENT);
		assert_int_equal(call(calls[i], vm, NXT_MAX_VCPUS, 0, 0), -NXT_ENOENT);
		assert_int_equal(call(calls[i], vm, ~0ULL, 0, 0), -NXT_ENOENT);
	}
}

static void test_vcpu_busy(void **state)
{
	u64 vm = create_vm_with_vcpu();
	struct vcpu *vcpu = vcpu_of(vm, 0);

	(void)state;
	assert_true(vcpu_own(vcpu));
	assert_int_equal(call(NXT_HC_VCPU_RUN, vm, 0, 0, 0), -NXT_EBUSY);
	assert_int_equal(call(NXT_HC_VCPU_GET, vm, 0, NXT_STATE_REGS, 0), -NXT_EBUSY);
	assert_int_equal(call(NXT_HC_VCPU_SET, vm, 0, NXT_STATE_REGS, 0), -NXT_EBUSY);
	/* From outside, while it runs: that is what it is for. */
	assert_int_equal(call(NXT_HC_VCPU_INJECT, vm, 0, NXT_INJECT_NMI, 0), 0);
	assert_int_equal(rdx, 1);
	vcpu_disown(vcpu);
	assert_int_equal(call(NXT_HC_VCPU_RUN, vm, 0, 0, 0), NXT_EXIT_INTR);
}

static s64 get(u64 vm, u64 group)
{
	return call(NXT_HC_VCPU_GET, vm, 0, group, 0);
}

static s64 set(u64 vm, u64 group)
{
	return call(NXT_HC_VCPU_SET, vm, 0, group, 0);
}

/* What GET gives can be SET, and then GET gives the same. */
static void test_state_round_trip(void **state)
{
	static const u64 groups[] = {NXT_STATE_REGS,   NXT_STATE_SREGS, NXT_STATE_DEBUGREGS,
				     NXT_STATE_EVENTS, NXT_STATE_XSAVE, NXT_STATE_XCR0,
				     NXT_STATE_CPUID,  NXT_STATE_LAPIC, NXT_STATE_MP};
	static u8 before[NXT_PAGE_SIZE];
	u64 vm = create_vm_with_vcpu();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		memset(page(STATE_PFN), 0, NXT_PAGE_SIZE);
		assert_int_equal(get(vm, groups[i]), 0);
		memcpy(before, page(STATE_PFN), NXT_PAGE_SIZE);
		assert_int_equal(set(vm, groups[i]), 0);
		memset(page(STATE_PFN), 0, NXT_PAGE_SIZE);
		assert_int_equal(get(vm, groups[i]), 0);
		assert_memory_equal(before, page(STATE_PFN), NXT_PAGE_SIZE);
	}
}

static void test_state_errors(void **state)
{
	u64 vm = create_vm_with_vcpu();
	struct nxt_sregs *sregs = page(STATE_PFN);
	struct nxt_events *events = page(STATE_PFN);
	struct nxt_msr_list *msrs = page(STATE_PFN);
	struct nxt_cpuid_list *cpuids = page(STATE_PFN);
	u64 *value = page(STATE_PFN);

	(void)state;
	assert_int_equal(get(vm, 99), -NXT_EINVAL);
	assert_int_equal(set(vm, 99), -NXT_EINVAL);
	assert_int_equal(get(vm, NXT_STATE_DEBUG_CTL), -NXT_EINVAL);
	assert_int_equal(set(vm, NXT_STATE_TRANSLATE), -NXT_EINVAL);

	/* Refused as a whole: paging without protection, and a new CR3. */
	assert_int_equal(get(vm, NXT_STATE_SREGS), 0);
	sregs->cr0 = BIT(31) | BIT(4);
	sregs->cr3 = 0x1234000;
	assert_int_equal(set(vm, NXT_STATE_SREGS), -NXT_EINVAL);
	assert_int_equal(get(vm, NXT_STATE_SREGS), 0);
	assert_int_equal(sregs->cr3, 0);
	sregs->cr4 = BIT(13); /* VMXE, which no guest is offered */
	assert_int_equal(set(vm, NXT_STATE_SREGS), -NXT_EINVAL);

	memset(events, 0, sizeof(*events));
	events->exception_injected = 1;
	events->exception_nr = 32;
	assert_int_equal(set(vm, NXT_STATE_EVENTS), -NXT_EINVAL);
	events->exception_nr = 14;
	events->irq_injected = 1;
	assert_int_equal(set(vm, NXT_STATE_EVENTS), -NXT_EINVAL);

	*value = 0; /* x87 state is always on */
	assert_int_equal(set(vm, NXT_STATE_XCR0), -NXT_EINVAL);
	*value = BIT(62) | 1;
	assert_int_equal(set(vm, NXT_STATE_XCR0), -NXT_EINVAL);
	*value = NXT_MP_SIPI_RECEIVED + 1;
	assert_int_equal(set(vm, NXT_STATE_MP), -NXT_EINVAL);
	*value = 0;
	assert_int_equal(set(vm, NXT_STATE_TSC_KHZ), -NXT_EINVAL);
	*value = 2;
	assert_int_equal(set(vm, NXT_STATE_NATIVE), -NXT_EINVAL);
	*value = NXT_NATIVE_HLT;
	assert_int_equal(set(vm, NXT_STATE_NATIVE), 0);

	msrs->count = NXT_MSRS_MAX + 1;
	assert_int_equal(get(vm, NXT_STATE_MSRS), -NXT_E2BIG);
	assert_int_equal(set(vm, NXT_STATE_MSRS), -NXT_E2BIG);
	cpuids->count = NXT_CPUIDS_MAX + 1;
	assert_int_equal(set(vm, NXT_STATE_CPUID), -NXT_E2BIG);
}

/* MSRs are taken up to the first that is refused. */
static void test_state_msrs(void **state)
{
	u64 vm = create_vm_with_vcpu();
	struct nxt_msr_list *msrs = page(STATE_PFN);

	(void)state;
	*msrs = (struct nxt_msr_list){.count = 3};
	msrs->msr[0] = (struct nxt_msr){.index = 0xc0000082, .value = 0xffffffff81000000};
	msrs->msr[1] = (struct nxt_msr){.index = 0xc0000082, .value = BIT(63)}; /* not canonical */
	msrs->msr[2] = (struct nxt_msr){.index = 0xc0000083, .value = 5};
	assert_int_equal(set(vm, NXT_STATE_MSRS), 1);
	msrs->msr[0].value = 0;
	msrs->msr[1].index = 0x12345678; /* no such MSR */
	assert_int_equal(get(vm, NXT_STATE_MSRS), 1);
	assert_int_equal(msrs->msr[0].value, 0xffffffff81000000);
}

static void test_inject(void **state)
{
	u64 vm = create_vm_with_vcpu();
	const struct nxt_events *events = page(STATE_PFN);

	(void)state;
	assert_int_equal(call(NXT_HC_VCPU_INJECT, vm, 0, 99, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_VCPU_INJECT, vm, 0, NXT_INJECT_NMI, 0), 0);
	assert_int_equal(rdx, BIT(0));
	assert_int_equal(get(vm, NXT_STATE_EVENTS), 0);
	assert_int_equal(events->nmi_pending, 1);
}

static void test_msi(void **state)
{
	u64 vm = create_vm_with_vcpu();

	(void)state;
	assert_int_equal(call(NXT_HC_VM_MSI, vm + 1, 0xfee00000, 0x400, 0), -NXT_ENOENT);
	/* As an NMI, which a local APIC takes that is not enabled yet. */
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0xfee00000, 0x400, 0), 1);
	assert_int_equal(rdx, BIT(0));
	/* A fixed interrupt it does not take. Nor does anybody have APIC ID 9. Nor is every address an
	 * APIC's. */
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0xfee00000, 0x30, 0), 0);
	assert_int_equal(rdx, 0);
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0xfee09000, 0x400, 0), 0);
	assert_int_equal(call(NXT_HC_VM_MSI, vm, 0x1000, 0x400, 0), 0);
	assert_int_equal(rdx, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALL_TEST(test_unknown),
		CALL_TEST(test_hello),
		CALL_TEST(test_selftest),
		CALL_TEST(test_vm_create),
		CALL_TEST(test_vm_table_full),
		CALL_TEST(test_vm_give),
		CALL_TEST(test_vm_destroy),
		CALL_TEST(test_map_errors),
		CALL_TEST(test_map_list),
		CALL_TEST(test_map_in_two_vms),
		CALL_TEST(test_map_out_of_memory),
		CALL_TEST(test_unmap_release),
		CALL_TEST(test_protect_age),
		CALL_TEST(test_vcpu_create),
		CALL_TEST(test_vcpu_absent),
		CALL_TEST(test_vcpu_busy),
		CALL_TEST(test_state_round_trip),
		CALL_TEST(test_state_errors),
		CALL_TEST(test_state_msrs),
		CALL_TEST(test_inject),
		CALL_TEST(test_msi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
