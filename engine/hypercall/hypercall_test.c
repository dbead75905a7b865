/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What abi/hypercall.h promises of each call's results and errors, through the dispatcher. Running guests is
 * for end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/pool.h"
#include "engine.h"
#include "guest/vcpu.h"
#include "hypercall/testmachine.h"
#include "mem/frames.h"
#include "mem/phys.h"

#define CHUNKS 136 /* one for each VM there can be, and some */
#define VM_CHUNK CHUNK_PFN(3)
#define SPARE_CHUNK CHUNK_PFN(4)
#define RAM CHUNK_PFN(5)
#define LIST_PFN CHUNK_PFN(FIRST_CHUNK)
#define RUN_PFN (LIST_PFN + 1)
#define STATE_PFN (LIST_PFN + 2)

static u64 rdx;

static s64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
	struct answer answer = machine_call(number, (const u64[5]){a, b, c, d, 0});

	rdx = answer.rdx;
	return answer.result;
}

static void *page(u64 pfn)
{
	return phys_to_virt(pfn << PAGE_SHIFT);
}

static u64 create_vm(void)
{
	s64 id = call(NXT_HC_VM_CREATE, VM_CHUNK, 0, 0, 0);

	assert_true(id >= 1 && id <= NXT_MAX_VMS);
	return (u64)id;
}

static void destroy_vm(u64 vm)
{
	s64 result;

	do {
		result = call(NXT_HC_VM_DESTROY, vm, 0, 0, 0);
	} while (result == -NXT_EAGAIN);
	assert_int_equal(result, 0);
}

static s64 map(u64 vm, u64 gpa, u64 pfn, u64 flags)
{
	*(struct nxt_map *)page(LIST_PFN) = (struct nxt_map){.gpa = gpa, .pfn = pfn, .flags = flags};
	return call(NXT_HC_VM_MAP, vm, LIST_PFN, 1, 0);
}

static struct vcpu *vcpu_of(u64 vm, u32 id)
{
	struct vm *held = vm_get(vm);
	struct vcpu *vcpu;

	assert_non_null(held);
	vcpu = held->vcpus[id];
	vm_put(held);
	assert_non_null(vcpu);
	return vcpu;
}

static u64 create_vm_with_vcpu(void)
{
	u64 vm = create_vm();

	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 0, RUN_PFN, STATE_PFN), 0);
	return vm;
}

static int setup(void **state)
{
	(void)state;
	machine_start(CHUNKS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_check();
	machine_stop();
	return 0;
}

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

static void test_info(void **state)
{
	const struct nxt_info_engine *info = page(LIST_PFN);
	const struct nxt_info_log *log = page(LIST_PFN);
	const struct nxt_info_stats *stats = page(LIST_PFN);
	const struct nxt_cpuid_list *cpuids = page(LIST_PFN);
	const struct nxt_msr_list *msrs = page(LIST_PFN);

	(void)state;
	create_vm();
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, LIST_PFN, 0, 0), 0);
	assert_int_equal(info->abi_version, NXT_ABI_VERSION);
	assert_string_equal(info->version, ENGINE_VERSION);
	assert_string_equal(info->vendor, "svm");
	assert_int_equal(info->cpus, 1);
	assert_int_equal(info->vms, 1);
	assert_int_equal(info->frames_given, NXT_CHUNK_FRAMES);
	assert_in_range(info->xsave_size, 512, NXT_PAGE_SIZE);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_LOG, LIST_PFN, ~0ULL, 0), 0);
	assert_int_equal(log->len, 0);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_CRASH, LIST_PFN, 0, 0), -NXT_ENOENT);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_STATS, LIST_PFN, 0, 0), 0);
	assert_in_range(stats->count, 1, NXT_STATS_MAX);
	assert_string_equal(stats->stat[0].name, "cd:intr");
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_STATS, LIST_PFN, 1, 0), -NXT_ENOENT);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_CPUID, LIST_PFN, 0, 0), 0);
	assert_in_range(cpuids->count, 1, NXT_CPUIDS_MAX);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_MSRS, LIST_PFN, 0, 0), 0);
	assert_in_range(msrs->count, 1, NXT_MSRS_MAX);

	assert_int_equal(call(NXT_HC_INFO, 99, LIST_PFN, 0, 0), -NXT_EINVAL);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, CHUNK_PFN(ENGINE_CHUNK), 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, VM_CHUNK, 0, 0), -NXT_EPERM);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, ~0ULL, 0, 0), -NXT_EPERM);
	assert_int_equal(frame_read(LIST_PFN).kind, FRAME_CONTROL);
}

static const struct nxt_info_engine *ask(void)
{
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_ENGINE, LIST_PFN, 0, 0), 0);
	return page(LIST_PFN);
}

/* A vCPU's two pages; not the page that the answer goes to. */
static void test_info_pinned(void **state)
{
	u64 vm;

	(void)state;
	assert_int_equal(ask()->frames_pinned, 0);
	vm = create_vm_with_vcpu();
	assert_int_equal(ask()->frames_pinned, 2);
	assert_int_equal(call(NXT_HC_VCPU_CREATE, vm, 1, RUN_PFN, STATE_PFN + 1), 0);
	assert_int_equal(ask()->frames_pinned, 3);
	destroy_vm(vm);
	assert_int_equal(ask()->frames_pinned, 0);
}

static void expect_pages(u64 vm, u64 pages_4k, u64 pages_2m)
{
	const struct nxt_info_vm *info = page(LIST_PFN);

	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm, 0), 0);
	assert_int_equal(info->pages_4k, pages_4k);
	assert_int_equal(info->pages_2m, pages_2m);
}

/* What the guest can reach now: neither marks nor what was unmapped. */
static void test_info_vm(void **state)
{
	u64 vm = create_vm();

	(void)state;
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, 0, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm + 1, 0), -NXT_ENOENT);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, ~0ULL, 0), -NXT_ENOENT);
	expect_pages(vm, 0, 0);
	assert_int_equal(map(vm, 0, RAM, NXT_MAP_WRITE | NXT_MAP_2M), 1);
	assert_int_equal(map(vm, PAGE_2M, RAM, NXT_MAP_WRITE), 1);
	assert_int_equal(map(vm, PAGE_2M + PAGE_SIZE, RAM + 1, 0), 1);
	assert_int_equal(map(vm, PAGE_2M + PAGE_SIZE, RAM + 1, 0), -NXT_EEXIST);
	assert_int_equal(map(vm, PAGE_1G, 0, NXT_MAP_MMIO), 1);
	expect_pages(vm, 2, 1);
	assert_int_equal(call(NXT_HC_VM_PROTECT, vm, 0, 513, 0), 513);
	expect_pages(vm, 2, 1);
	assert_int_equal(call(NXT_HC_VM_UNMAP, vm, 0, 513, 0), 513);
	expect_pages(vm, 1, 0);
	assert_int_equal(call(NXT_HC_VM_RELEASE, vm, 0, 513, 0), 513);
	expect_pages(vm, 1, 0);
	destroy_vm(vm);
	assert_int_equal(call(NXT_HC_INFO, NXT_INFO_VM, LIST_PFN, vm, 0), -NXT_ENOENT);
}

static u64 memory_used(void)
{
	return ask()->memory_used;
}

/* A VM lives in its chunks, and in nothing else. */
static void test_memory_used(void **state)
{
	u64 before = memory_used(), vm = create_vm_with_vcpu();

	(void)state;
	assert_in_range(before, PAGE_SIZE, PAGE_2M);
	assert_int_equal(call(NXT_HC_VM_GIVE, vm, SPARE_CHUNK, 0, 0), 0);
	for (u64 gpa = 0; gpa < GIB(1); gpa += PAGE_2M)
		assert_int_equal(map(vm, gpa, 0, NXT_MAP_MMIO), 1);
	assert_int_equal(memory_used(), before);
	destroy_vm(vm);
	assert_int_equal(memory_used(), before);
}

/* What is said is what is used when it is asked. Without teardown(), which would find what is missing. */
static void test_memory_used_now(void **state)
{
	u64 before = memory_used();

	(void)state;
	pool_alloc(3);
	assert_int_equal(memory_used(), before + 3 * PAGE_SIZE);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown),
		TEST(test_hello),
		TEST(test_selftest),
		TEST(test_info),
		TEST(test_info_pinned),
		TEST(test_info_vm),
		TEST(test_memory_used),
		TEST(test_vm_create),
		TEST(test_vm_table_full),
		TEST(test_vm_give),
		TEST(test_vm_destroy),
		TEST(test_map_errors),
		TEST(test_map_list),
		TEST(test_map_in_two_vms),
		TEST(test_map_out_of_memory),
		TEST(test_unmap_release),
		TEST(test_protect_age),
		TEST(test_vcpu_create),
		TEST(test_vcpu_absent),
		TEST(test_vcpu_busy),
		TEST(test_state_round_trip),
		TEST(test_state_errors),
		TEST(test_state_msrs),
		TEST(test_inject),
		TEST(test_msi),
		cmocka_unit_test_setup(test_memory_used_now, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
